/** What the backend itself promises when its server does not: no hang, no queue, no answer of another key. */
import { setTimeout as sleep } from 'node:timers/promises'
import { afterEach, beforeAll, describe, expect, it } from 'vitest'
import { type RedisBackend, redis } from '../../../src/backends/redis/redis.ts'
import { claimKey } from '../../../src/backends/redis/slot.ts'
import { createCaches } from '../../../src/index.ts'
import { type FaultProxy, faultProxy } from '../../../src/testing/index.ts'
import { awakeNow, within } from '../../awake.ts'
import { ask, startRedis } from '../../servers/redis.ts'
import type { TestServer } from '../../servers/server.ts'
import { anySpace, later, listening, what } from './ways.ts'

const drivers = ['ioredis', 'node-redis'] as const

const wires: FaultProxy[] = []
afterEach(async () => {
  for (const wire of wires.splice(0)) await wire.close()
})

async function wireTo(server: TestServer): Promise<FaultProxy> {
  const wire = await faultProxy(server)
  wires.push(wire)
  return wire
}

describe.each(drivers)('%s', (driver) => {
  let server: TestServer
  let backend: RedisBackend
  const host = listening()

  beforeAll(async () => {
    server = await startRedis()
  })
  afterEach(async () => {
    backend?.close()
    // Whatever a test left undone, the next one finds a server that answers.
    server.thaw()
    await ask(server, ['ping']).catch(() => server.restart())
  })

  const over = (address: string, options = {}) => {
    backend = redis({ url: `redis://${address}`, driver, ...options })
    backend.open(host)
    return backend
  }
  const took = async (act: () => Promise<unknown>) => {
    const began = awakeNow()
    const error: unknown = await act().then(
      () => undefined,
      (reason: unknown) => reason,
    )
    return { ms: awakeNow() - began, error }
  }

  it('F01 a killed server fails every command at once, and is found again on its port', async () => {
    const space = anySpace()
    over(server.address)
    await backend.set(space, 'a', what('1'), later())
    await server.kill()
    await sleep(20)
    for (let i = 0; i < 20; i++) {
      const { ms, error } = await took(() => backend.get(space, 'a'))
      expect(backend.network.noAnswer(error)).toBe(true)
      expect(ms).toBeLessThan(50)
    }
    await expect(backend.network.reconnect()).rejects.toMatchObject({ code: 'ECONNREFUSED' })
    await server.restart()
    await backend.network.reconnect()
    expect(await backend.get(space, 'a')).toBeUndefined()
  })

  it('F06 comes back by itself within 1.5 s', async () => {
    const space = anySpace()
    over(server.address)
    await backend.get(space, 'a')
    await server.kill()
    await server.restart()
    await within(1_500, () => backend.set(space, 'a', what('1'), later()).catch(() => false), true)
  })

  it('F02 a frozen server costs each command its deadline, and a thawed one answers on a fresh connection', async () => {
    const space = anySpace()
    over(server.address)
    await backend.set(space, 'a', what('1'), later())
    server.freeze()
    try {
      const results = await Promise.all([
        took(() => backend.get(space, 'a')),
        took(() => backend.set(space, 'b', what('1'), later())),
        took(() => backend.clear(space)),
      ])
      for (const { ms, error } of results) {
        expect(error).toMatchObject({ code: 'ETIMEDOUT' })
        expect(ms).toBeLessThan(400)
      }
      const next = await took(() => backend.get(space, 'a'))
      expect(next.error).toMatchObject({ code: 'ETIMEDOUT' })
      expect(next.ms).toBeLessThan(50)
      const again = await took(() => backend.network.reconnect())
      expect(again.error).toMatchObject({ code: 'ETIMEDOUT' })
      expect(again.ms).toBeLessThan(700)
    } finally {
      server.thaw()
    }
    await backend.network.reconnect()
    expect(await backend.get(space, 'a')).toEqual(what('1'))
  })

  it('F91 an answer that came while our own loop was blocked is no timeout', async () => {
    const space = anySpace()
    over(server.address)
    await backend.set(space, 'a', what('1'), later())
    const answer = backend.get(space, 'a')
    await sleep(0)
    const until = performance.now() + 600
    while (performance.now() < until);
    expect(await answer).toEqual(what('1'))
  })

  it('F08 late answers are never another key’s', async () => {
    const space = anySpace()
    const proxy = await wireTo(server)
    over(proxy.address, { opTimeout: 60 })
    const keys = Array.from({ length: 100 }, (_, i) => `k${i}`)
    await backend.setMany(space, new Map(keys.map((key) => [key, what(key)])), later())
    proxy.answers = { delay: () => (Math.random() < 0.02 ? 150 : 0) }
    let answered = 0
    let wrong = 0
    const reader = async () => {
      for (let i = 0; i < 400; i++) {
        const key = keys[Math.floor(Math.random() * keys.length)]!
        const found = await backend.get(space, key).catch(() => sleep(5))
        if (found === undefined) continue
        answered++
        if (!what(key).equals(found as Buffer)) wrong++
        if (i % 8 === 0) await sleep(1)
      }
    }
    await Promise.all(Array.from({ length: 10 }, reader))
    expect(wrong).toBe(0)
    expect(answered).toBeGreaterThan(300)
    expect(proxy.open).toBeLessThanOrEqual(2)
  })

  it('F10 an answer cut at any byte is no value, and the connection is replaced', async () => {
    const space = anySpace()
    const proxy = await wireTo(server)
    const whole = what('x'.repeat(30))
    await over(server.address).set(space, 'a', whole, later())
    backend.close()
    over(proxy.address)
    for (let at = 0; at < 38; at += 3) {
      proxy.answers = {}
      await backend.network.reconnect()
      proxy.answers = { cutAfter: at }
      const found = await backend.get(space, 'a').catch(() => undefined)
      expect(found === undefined || whole.equals(found as Buffer)).toBe(true)
    }
  })

  it('F11 answers in pieces of one byte are whole values', async () => {
    const space = anySpace()
    const proxy = await wireTo(server)
    over(proxy.address, { opTimeout: 2_000, connectTimeout: 2_000 })
    await backend.setMany(
      space,
      new Map([
        ['a', what('1')],
        ['b', what('2')],
      ]),
      later(),
    )
    proxy.answers = { split: 1 }
    expect(await Promise.all([backend.get(space, 'a'), backend.get(space, 'b')])).toEqual([
      what('1'),
      what('2'),
    ])
  })

  it('decision 12: the reads of one turn are one command, of at most 200 keys; a lone one is a GET', async () => {
    const space = anySpace()
    over(server.address)
    await backend.get(space, 'k0')
    await ask(server, ['config', 'resetstat'])
    await backend.get(space, 'k0')
    await Promise.all(Array.from({ length: 500 }, (_, i) => backend.get(space, `k${i}`)))
    const stats = await ask(server, ['info', 'commandstats'])
    expect(/cmdstat_get:calls=(\d+)/.exec(stats)?.[1]).toBe('1')
    expect(/cmdstat_mget:calls=(\d+)/.exec(stats)?.[1]).toBe('3')
  })

  it('decision 12: one key that an ACL forbids fails its caller alone', async () => {
    const space = anySpace()
    const user = ['acl', 'setuser', 'shop', 'on', '>secret', '+@all', `~${space.frame('a')}*`]
    await ask(server, user)
    backend = redis({ url: `redis://shop:secret@${server.address}`, driver })
    await backend.set(space, 'a', what('1'), later())
    const [mine, theirs] = await Promise.allSettled([backend.get(space, 'a'), backend.get(space, 'b')])
    expect(mine).toEqual({ status: 'fulfilled', value: what('1') })
    expect(theirs).toMatchObject({ status: 'rejected', reason: { code: 'NOPERM' } })
    expect(backend.network.noAnswer((theirs as PromiseRejectedResult).reason)).toBe(false)
  })

  it('F14 a full server refuses with false, drops the old value, is told, and is no outage', async () => {
    const space = anySpace()
    over(server.address)
    await backend.set(space, 'a', what('old'), later())
    await ask(server, ['config', 'set', 'maxmemory', '1'])
    host.told.length = 0
    try {
      expect(await backend.set(space, 'a', what('new'), later())).toBe(false)
      expect(await backend.add(space, 'b', what('new'), later())).toBe(false)
      expect(
        await backend.setMany(
          space,
          new Map([
            ['c', what('1')],
            ['d', what('2')],
          ]),
          later(),
        ),
      ).toEqual(['c', 'd'])
      expect(host.told).toEqual(['set: OOM', 'add: OOM', 'setMany: OOM'])
      expect(await backend.get(space, 'a')).toBeUndefined()
      const refused = await took(() => backend.claim(space, 'e', 1_000))
      expect(backend.network.noAnswer(refused.error)).toBe(false)
    } finally {
      await ask(server, ['config', 'set', 'maxmemory', '0'])
    }
  })

  it('F15 a wrong password is one clear error without the password, tried again once a minute at most', async () => {
    const guarded = await startRedis({ password: 'right-one' })
    const proxy = await wireTo(guarded)
    backend = redis({ url: `redis://:hunter2@${proxy.address}`, driver })
    const { error } = await took(() => backend.get(anySpace(), 'a'))
    expect(error).toMatchObject({ code: 'WRONGPASS' })
    for (let i = 0; i < 5; i++) {
      const next = await took(() => backend.network.reconnect())
      expect(next.error).toMatchObject({ code: 'WRONGPASS' })
    }
    await sleep(300)
    expect(proxy.made).toHaveLength(1)
    const { inspect } = await import('node:util')
    expect(inspect(error, { depth: 9, showHidden: true })).not.toContain('hunter2')
  })

  it('F12 sets while the server is down leave nothing behind to be sent later', async () => {
    const space = anySpace()
    over(server.address)
    await backend.get(space, 'a')
    await server.kill()
    await sleep(20)
    const results = await Promise.allSettled(
      Array.from({ length: 2_000 }, (_, i) => backend.set(space, `k${i}`, what('x'.repeat(1_000)), later())),
    )
    expect(results.every(({ status }) => status === 'rejected')).toBe(true)
    await server.restart()
    await backend.network.reconnect()
    expect(await ask(server, ['dbsize'])).toBe('0')
  })

  it('F88 after close nothing is connected, and close during connect leaves nothing either', async () => {
    const proxy = await wireTo(server)
    over(proxy.address)
    await backend.get(anySpace(), 'a')
    backend.close()
    const second = redis({ url: `redis://${proxy.address}`, driver })
    const pending = second.get(anySpace(), 'a').catch(() => undefined)
    second.close()
    await pending
    await expect.poll(() => proxy.open, { timeout: 10_000 }).toBe(0)
    await expect(backend.get(anySpace(), 'a')).rejects.toMatchObject({ code: 'CLOSED' })
  })

  it('F14 decision 12: the sets of one turn are one command, in their order, before what the turn asks for next', async () => {
    const space = anySpace()
    over(server.address)
    await backend.set(space, 'warm', what('1'), later())
    await backend.delete(space, 'warm')
    await ask(server, ['config', 'resetstat'])
    const sets = ['a', 'b', 'a'].map((key, i) => backend.set(space, key, what(`${i}`), later()))
    const found = backend.getMany(space, ['a', 'b'])
    const gone = backend.delete(space, 'b')
    const after = backend.get(space, 'b')
    expect(await Promise.all(sets)).toEqual([true, true, true])
    expect(await found).toEqual(
      new Map([
        ['a', what('2')],
        ['b', what('1')],
      ]),
    )
    expect([await gone, await after]).toEqual([true, undefined])
    const stats = await ask(server, ['info', 'commandstats'])
    expect(/cmdstat_evalsha:calls=(\d+)/.exec(stats)?.[1]).toBe('2')
  })

  it('decision 12: of the sets of one turn, one key that an ACL forbids fails its caller alone', async () => {
    const space = anySpace()
    await ask(server, ['acl', 'setuser', 'writer', 'on', '>secret', '+@all', `~${space.frame('a')}*`])
    backend = redis({ url: `redis://writer:secret@${server.address}`, driver })
    const sets = ['a', 'b', 'ab'].map((key) => backend.set(space, key, what(key), later()))
    const [mine, theirs, alsoMine] = await Promise.allSettled(sets)
    expect([mine, alsoMine]).toEqual([
      { status: 'fulfilled', value: true },
      { status: 'fulfilled', value: true },
    ])
    expect(theirs).toMatchObject({ status: 'rejected', reason: { code: 'NOPERM' } })
  })

  /** Connected by a wire; a claim that is not given back would block its key for minutes. */
  async function withLongLease() {
    const proxy = await wireTo(server)
    const space = anySpace()
    const caches = createCaches({
      default: {
        backend: redis({ url: `redis://${proxy.address}`, driver }),
        keyPrefix: space.prefix,
        lock: { lease: '5m' },
      },
    })
    const cache = caches.default
    await cache.getOrSet('warm', () => 1)
    return { proxy, space, caches, cache }
  }

  it('F62 a claim that the server made and nobody heard of is given back: the next caller has it long before it is over', async () => {
    const { proxy, space, caches, cache } = await withLongLease()
    // What the script of a claim answers; the read before it passes.
    proxy.answers = { delay: (piece) => (piece.includes('*2') ? 3_600_000 : 0) }
    const failing = () => Promise.reject(new Error('no'))
    await expect(cache.getOrSet('a', failing)).rejects.toThrow('no')
    const held = ['exists', claimKey(space.frame('a'))]
    expect(await ask(server, held)).toBe('1')
    proxy.answers = {}
    await expect.poll(() => ask(server, held), { timeout: 20_000, interval: 20 }).toBe('0')
    await caches.close()
  })

  it('F62 a claim whose fill never came through is given back: nobody waits for a long lease to end', async () => {
    const { proxy, space, caches, cache } = await withLongLease()
    const load = async () => {
      proxy.requests = { hold: true }
      return 'made'
    }
    expect(await cache.getOrSet('a', load)).toBe('made')
    const held = ['exists', claimKey(space.frame('a'))]
    expect(await ask(server, held)).toBe('1')
    await expect.poll(() => proxy.open, { timeout: 20_000, interval: 5 }).toBe(0)
    proxy.requests = {}
    await expect.poll(() => ask(server, held), { timeout: 20_000, interval: 20 }).toBe('0')
    await expect.poll(() => cache.getOrSet('a', () => 'again'), { timeout: 20_000 }).toBe('again')
    expect(await cache.get('a')).toBe('again')
    await caches.close()
  })

  it('F62 a claim whose load ends in the middle of an outage is given back after it: nobody waits for a long lease to end', async () => {
    const { proxy, space, caches, cache } = await withLongLease()
    const down = new Promise<unknown>((resolve) => caches.on('backend-down', resolve))
    const held = () => ask(server, ['exists', claimKey(space.frame('a')), claimKey(space.frame('b'))])
    const outage = async () => {
      await expect.poll(held, { timeout: 20_000, interval: 5 }).toBe('2')
      proxy.accepts = false
      proxy.reset()
      await cache.get('warm')
      await down
    }
    const begun = outage()
    const made = cache.getOrSet('a', () => begun.then(() => 'made'))
    const failed = cache.getOrSet('b', () => begun.then(() => Promise.reject(new Error('no'))))
    await expect(failed).rejects.toThrow('no')
    expect(await made).toBe('made')
    expect(await held()).toBe('2')
    proxy.accepts = true
    await expect.poll(held, { timeout: 20_000, interval: 20 }).toBe('0')
    await caches.close()
  })

  it('F01, F02, F06 through a cache: misses at once, one load, and hits again within 1.5 s', async () => {
    const caches = createCaches({ default: { backend: redis({ url: `redis://${server.address}`, driver }) } })
    const cache = caches.default
    expect(await cache.set('a', { n: 1 })).toBe(true)
    expect(await cache.get('a')).toEqual({ n: 1 })
    server.freeze()
    let loads = 0
    const began = awakeNow()
    const load = async () => ++loads
    const answers = await Promise.all(Array.from({ length: 100 }, () => cache.getOrSet('cold', load)))
    expect(new Set(answers)).toEqual(new Set([1]))
    expect(awakeNow() - began).toBeLessThan(400)
    const down = await took(() => cache.get('a'))
    expect(down.ms).toBeLessThan(50)
    server.thaw()
    await within(1_500, () => cache.get('a'), { n: 1 })
    await caches.close()
  })
})
