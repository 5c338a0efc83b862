/** The raw contract against real servers, by every client library and topology. */
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { RedisBackend } from '../../../src/backends/redis/redis.ts'
import { GRACED } from '../../../src/core/values/entry.ts'
import { ask, startCluster, startRedis, valkeyServer } from '../../servers/redis.ts'
import type { TestServer } from '../../servers/server.ts'
import { anySpace, clustered, later, listening, single, what } from './ways.ts'

let server: TestServer
let nodes: TestServer[]

beforeAll(async () => {
  server = await startRedis()
  nodes = await startCluster()
}, 60_000)

const ways: [string, () => RedisBackend][] = [
  ...Object.entries(single).map(([name, make]): [string, () => RedisBackend] => [name, () => make(server)]),
  ...Object.entries(clustered).map(([name, make]): [string, () => RedisBackend] => [name, () => make(nodes)]),
]

/** Replicas lag; what is read from them is looked at until it is there. */
const settled = { timeout: 20_000, interval: 10 }

describe.each(ways)('%s', (_name, make) => {
  let backend: RedisBackend
  const host = listening()
  const graced = Buffer.concat([Buffer.of(GRACED), Buffer.alloc(40)])

  beforeAll(() => {
    backend = make()
    backend.open(host)
  })
  afterAll(() => backend.close())

  it('gives back the bytes that were set, all 256 of them, and nothing else', async () => {
    const space = anySpace()
    const bytes = Buffer.from(Uint8Array.from({ length: 256 }, (_, i) => i))
    expect(await backend.get(space, 'a')).toBeUndefined()
    expect(await backend.set(space, 'a', new Uint8Array(bytes), later())).toBe(true)
    await expect.poll(() => backend.get(space, 'a'), settled).toEqual(bytes)
    expect(await backend.set(space, 'a', what('new'), Number.POSITIVE_INFINITY)).toBe(true)
    await expect.poll(() => backend.get(space, 'a'), settled).toEqual(what('new'))
    expect(await backend.delete(space, 'a')).toBe(true)
    expect(await backend.delete(space, 'a')).toBe(false)
  })

  it('ends entries when they are over, by fractions of a millisecond too, and at once when they are over already', async () => {
    const space = anySpace()
    expect(await backend.set(space, 'soon', what('1'), host.clock.now() + 1_500.25)).toBe(true)
    expect(await backend.set(space, 'past', what('1'), host.clock.now() - 5)).toBe(true)
    expect(await backend.add(space, 'past too', what('1'), host.clock.now() - 5)).toBe(true)
    expect((await backend.peek(space, 'soon'))?.stored).toEqual(what('1'))
    expect(await backend.peek(space, 'past')).toBeUndefined()
    expect(await backend.peek(space, 'past too')).toBeUndefined()
    await expect.poll(() => backend.peek(space, 'soon'), settled).toBeUndefined()
    expect(await backend.delete(space, 'soon')).toBe(false)
  })

  it('add stores only where nothing lives', async () => {
    const space = anySpace()
    expect(await backend.add(space, 'a', what('1'), later())).toBe(true)
    expect(await backend.add(space, 'a', what('2'), later())).toBe(false)
    expect((await backend.peek(space, 'a'))?.stored).toEqual(what('1'))
  })

  it('touch moves the end, also to never and from never, and leaves alone what has times of its own', async () => {
    const space = anySpace()
    expect(await backend.touch(space, 'a', later())).toBe(false)
    await backend.set(space, 'a', what('1'), later())
    for (const end of [Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY, later()]) {
      expect(await backend.touch(space, 'a', end)).toBe(true)
      const { expiresAt } = (await backend.peek(space, 'a'))!
      if (end === Number.POSITIVE_INFINITY) expect(expiresAt).toBe(end)
      else expect(Math.abs(expiresAt! - end)).toBeLessThan(200)
    }
    expect(await backend.touch(space, 'a', host.clock.now() - 1)).toBe(true)
    expect(await backend.peek(space, 'a')).toBeUndefined()
    await backend.set(space, 'g', graced, later())
    expect(await backend.touch(space, 'g', Number.POSITIVE_INFINITY)).toBe('graced')
    expect((await backend.peek(space, 'g'))!.expiresAt).not.toBe(Number.POSITIVE_INFINITY)
  })

  it('has tells what is there, and what has times of its own', async () => {
    const space = anySpace()
    await backend.set(space, 'a', what('1'), later())
    await backend.set(space, 'n', Buffer.from('-7'), later())
    await backend.set(space, 'g', graced, later())
    await expect.poll(() => backend.has(space, 'a'), settled).toBe(true)
    await expect.poll(() => backend.has(space, 'n'), settled).toBe(true)
    await expect.poll(() => backend.has(space, 'g'), settled).toBe('graced')
    expect(await backend.has(space, 'none')).toBe(false)
  })

  it('counts exactly, keeps the expiry, and changes nothing where it cannot', async () => {
    const space = anySpace()
    expect(await backend.incr(space, 'n', 1)).toBeUndefined()
    expect(await backend.incr(space, 'n', 5, { initial: 10, expiresAt: later() })).toBe(15)
    expect(await backend.incr(space, 'n', -20, { initial: 0, expiresAt: later() })).toBe(-5)
    expect((await backend.peek(space, 'n'))!.expiresAt).toBeLessThan(later() + 1)
    await backend.set(space, 'big', Buffer.from('9007199254740990'), later())
    expect(await backend.incr(space, 'big', 1)).toBe(Number.MAX_SAFE_INTEGER)
    await expect(backend.incr(space, 'big', 1)).rejects.toBeInstanceOf(RangeError)
    expect((await backend.peek(space, 'big'))!.stored).toEqual(Buffer.from('9007199254740991'))
    for (const odd of ['1.5', '', '1e3', ' 1', '-0', '007', '\u00f1']) {
      await backend.set(space, 'odd', Buffer.from(odd, 'latin1'), later())
      await expect(backend.incr(space, 'odd', 1)).rejects.toMatchObject({ code: 'NOT_A_NUMBER' })
      expect((await backend.peek(space, 'odd'))!.stored).toEqual(Buffer.from(odd, 'latin1'))
    }
  })

  it('replace stores only while the same bytes still rest there', async () => {
    const space = anySpace()
    expect(await backend.replace(space, 'a', what('1'), what('2'), later())).toBe(false)
    await backend.set(space, 'a', what('1'), later())
    expect(await backend.replace(space, 'a', what('x'), what('2'), later())).toBe(false)
    expect(await backend.replace(space, 'a', what('1'), what('2'), later())).toBe(true)
    expect((await backend.peek(space, 'a'))!.stored).toEqual(what('2'))
  })

  it('takes many at once, over all slots and in parts', async () => {
    const space = anySpace()
    const entries = new Map(Array.from({ length: 450 }, (_, i) => [`k${i}{${i % 7}`, what(`v${i}`)]))
    expect(await backend.setMany(space, entries, later())).toEqual([])
    const keys = [...entries.keys()]
    await expect.poll(() => backend.getMany(space, [...keys, 'none']), settled).toEqual(entries)
    const alone = await Promise.all(keys.map((key) => backend.get(space, key)))
    expect(alone).toEqual([...entries.values()])
    expect(await backend.deleteMany(space, [...keys.slice(0, 300), 'none', keys[0]!])).toBe(300)
    expect(await backend.deleteMany(space, [])).toBe(0)
    expect((await backend.getMany(space, [])).size).toBe(0)
    expect(await backend.setMany(space, new Map(), later())).toEqual([])
    for (const key of keys.slice(0, 3)) expect(await backend.peek(space, key)).toBeUndefined()
  })

  it('a claim is one caller’s, looks again, and lets the holder alone fill', async () => {
    const space = anySpace()
    const { token, stored } = await backend.claim(space, '{a}}', 5_000)
    expect(stored).toBeUndefined()
    expect(await backend.claim(space, '{a}}', 5_000)).toEqual({})
    expect(await backend.extend(space, '{a}}', 'other', 5_000)).toBe(false)
    expect(await backend.extend(space, '{a}}', token!, 5_000)).toBe(true)
    expect(await backend.fill(space, '{a}}', 'other', what('1'), later())).toBe(false)
    expect(await backend.fill(space, '{a}}', token!, what('1'), later())).toBe(true)
    expect(await backend.fill(space, '{a}}', token!, what('2'), later())).toBe(false)
    const again = await backend.claim(space, '{a}}', 5_000)
    expect(again.stored).toEqual(what('1'))
    await backend.release(space, '{a}}', 'other')
    expect((await backend.claim(space, '{a}}', 5_000)).token).toBeUndefined()
    await backend.release(space, '{a}}', again.token)
    const third = await backend.claim(space, '{a}}', 30)
    await expect
      .poll(
        () =>
          backend.extend(space, '{a}}', third.token!, 30).then(async (held) => {
            if (held) await new Promise((resolve) => setTimeout(resolve, 60))
            return held
          }),
        settled,
      )
      .toBe(false)
    expect(await backend.fill(space, '{a}}', third.token!, what('3'), later())).toBe(false)
  })

  it('every write breaks the claim of its key; replace, touch and an add that found something do not', async () => {
    const space = anySpace()
    const breaks: Record<string, (key: string) => Promise<unknown>> = {
      set: (key) => backend.set(space, key, what('1'), later()),
      add: (key) => backend.add(space, key, what('1'), later()),
      delete: (key) => backend.delete(space, key),
      incr: (key) => backend.incr(space, key, 1, { initial: 1, expiresAt: later() }),
      setMany: (key) => backend.setMany(space, new Map([[key, what('1')]]), later()),
      deleteMany: (key) => backend.deleteMany(space, [key]),
      release: (key) => backend.release(space, key),
      clear: () => backend.clear(space),
    }
    for (const [verb, write] of Object.entries(breaks)) {
      const { token } = await backend.claim(space, verb, 5_000)
      await write(verb)
      expect(await backend.fill(space, verb, token!, what('late'), later()), verb).toBe(false)
    }
    await backend.set(space, 'k', what('1'), later())
    const { token } = await backend.claim(space, 'k', 5_000)
    await backend.replace(space, 'k', what('1'), what('2'), later())
    await backend.touch(space, 'k', later())
    await backend.add(space, 'k', what('3'), later())
    expect(await backend.fill(space, 'k', token!, what('4'), later())).toBe(true)
  })

  it('clear removes its own keys of every version and no one else’s, whatever globs a prefix holds', async () => {
    const mine = { ...anySpace(), prefix: '' }
    const { makeSpace } = await import('../../../src/core/values/space.ts')
    const odd = makeSpace(`${mine.start}*?[a]\\`.replaceAll(':', ''), 1)
    const older = makeSpace(odd.prefix, 7)
    const near = makeSpace(odd.prefix.replace('*', 'x').replace('?', 'y').replace('[a]', 'a'), 1)
    for (const space of [odd, older, near]) {
      const entries = new Map(Array.from({ length: 30 }, (_, i) => [`k${i}`, what('1')]))
      await backend.setMany(space, entries, later())
    }
    await backend.clear(odd)
    expect(await backend.peek(odd, 'k1')).toBeUndefined()
    expect(await backend.peek(older, 'k29')).toBeUndefined()
    for (let i = 0; i < 30; i++) expect(await backend.peek(near, `k${i}`)).toBeDefined()
  })

  it('F18 a key of the wrong type is a miss that is told, is no number, and is overwritten', async () => {
    const space = anySpace()
    await backend.set(space, 'k', what('1'), later())
    const words = ['eval', "redis.call('DEL', KEYS[1]) return redis.call('RPUSH', KEYS[1], 'x')", '1']
    for (const place of [server, ...nodes]) {
      await ask(place, [...words, space.frame('k')]).catch(() => {})
    }
    host.told.length = 0
    await expect.poll(() => backend.get(space, 'k'), settled).toBeUndefined()
    expect(await backend.peek(space, 'k')).toBeUndefined()
    expect(await backend.touch(space, 'k', later())).toBe(false)
    expect(await backend.replace(space, 'k', what('1'), what('2'), later())).toBe(false)
    expect(host.told).toEqual(Array(4).fill('k: wrong-type'))
    await expect(backend.incr(space, 'k', 1)).rejects.toMatchObject({ code: 'NOT_A_NUMBER' })
    const { token, stored } = await backend.claim(space, 'k', 1_000)
    expect(stored).toBeUndefined()
    expect(await backend.fill(space, 'k', token!, what('3'), later())).toBe(true)
    expect((await backend.peek(space, 'k'))!.stored).toEqual(what('3'))
  })

  it('F15 scripts that the server has forgotten are sent anew', async () => {
    const space = anySpace()
    for (const place of [server, ...nodes]) await ask(place, ['script', 'flush'])
    expect(await backend.set(space, 'a', what('1'), later())).toBe(true)
    expect(await backend.delete(space, 'a')).toBe(true)
  })

  it('reconnect resolves when a new connection has answered, and commands go on', async () => {
    const space = anySpace()
    await backend.set(space, 'a', what('1'), later())
    await backend.network.reconnect()
    await backend.network.reconnect()
    expect((await backend.peek(space, 'a'))!.stored).toEqual(what('1'))
  })
})

it('F88 what is closed while it connects leaves no connection to any node of a Cluster', async () => {
  const clients = async () => {
    const lists = await Promise.all(nodes.map((node) => ask(node, ['client', 'list', 'type', 'normal'])))
    return lists
      .join('\n')
      .split('\n')
      .filter((line) => line !== '' && !line.includes('cmd=client|list')).length
  }
  const before = await clients()
  for (const name of ['ioredis by nodes', 'node-redis by nodes']) {
    for (const ms of [0, 2, 5, 10, 20]) {
      const backend = clustered[name]!(nodes)
      const asked = backend.get(anySpace(), 'a').catch(() => {})
      await sleep(ms)
      backend.close()
      await asked
    }
  }
  await sleep(300)
  await expect.poll(clients, settled).toBeLessThanOrEqual(before)
})

const valkey = valkeyServer()
it(`the same scripts on Valkey (${valkey ?? 'valkey-server is not installed here, so Redis alone was asked'})`, async () => {
  const other = valkey ? await startRedis({ program: valkey }) : server
  const backend = single['ioredis by URL']!(other)
  const space = anySpace()
  expect(await backend.set(space, 'a', what('1'), later())).toBe(true)
  const { token, stored } = await backend.claim(space, 'a', 1_000)
  expect(stored).toEqual(what('1'))
  expect(await backend.fill(space, 'a', token!, what('2'), later())).toBe(true)
  expect((await backend.peek(space, 'a'))!.stored).toEqual(what('2'))
  backend.close()
})
