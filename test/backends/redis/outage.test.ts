/** What an application sees of an outage, with real servers, through the cache as people get it. */
import { once } from 'node:events'
import { createServer, type Socket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { redis } from '../../../src/backends/redis/redis.ts'
import { tiered } from '../../../src/backends/tiered/tiered.ts'
import type { CacheEvent } from '../../../src/core/seeing/events.ts'
import type { CacheOptions } from '../../../src/core/settings.ts'
import { createCaches, memory } from '../../../src/index.ts'
import { busHub, type FaultProxy, faultProxy } from '../../../src/testing/index.ts'
import { took, within } from '../../awake.ts'
import { ask, startRedis } from '../../servers/redis.ts'
import type { TestServer } from '../../servers/server.ts'

/** What takes so many times as long is still no waiting: a machine may be slow. */
const SLOW = 5

let server: TestServer
let wire: FaultProxy
const ending: (() => Promise<unknown>)[] = []

beforeAll(async () => {
  server = await startRedis()
})
beforeEach(async () => {
  wire = await faultProxy(server)
  ending.push(() => wire.close())
})
afterEach(async () => {
  server.thaw()
  for (const end of ending.splice(0).reverse()) await end()
})

let prefixes = 0

function over(
  { address }: { address: string },
  options: Partial<CacheOptions> = {},
  url = `redis://${address}`,
) {
  prefixes++
  const caches = createCaches({
    default: { backend: redis({ url }), ttl: 600, keyPrefix: `outage${prefixes}x`, ...options },
  })
  ending.push(() => caches.close())
  const seen: CacheEvent[] = []
  for (const type of ['backend-down', 'backend-up', 'backend-failed'] as const) {
    caches.on(type, (event) => seen.push(event))
  }
  const changes = () => seen.map(({ type }) => type).filter((type) => type !== 'backend-failed')
  return { caches, cache: caches.default, seen, changes }
}

function worst(all: readonly number[], share = 1): number {
  const sorted = [...all].sort((a, b) => a - b)
  return sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))]!
}

/** What the wire does in an outage, and how it ends. */
const outages: Record<string, { begin(): void | Promise<void>; end(): void | Promise<void> }> = {
  frozen: { begin: () => server.freeze(), end: () => server.thaw() },
  'a black hole': {
    begin() {
      wire.requests = { hold: true }
      wire.answers = { hold: true }
    },
    end() {
      wire.requests = {}
      wire.answers = {}
    },
  },
  'cut, and refusing connections': {
    begin() {
      wire.accepts = false
      wire.reset()
    },
    end() {
      wire.accepts = true
    },
  },
}

for (const [name, outage] of Object.entries(outages)) {
  describe(name, () => {
    it('T2 T3 T4 F02 F03 F06 nobody waits over 300 ms, one load for 100 callers, back within 1.5 s, one event a change', async () => {
      const { cache, changes } = over(wire)
      await cache.set('a', { n: 1 })
      await outage.begin()
      let loads = 0
      const load = async () => ++loads
      const wave = Array.from({ length: 100 }, () => took(() => cache.getOrSet('cold', load)))
      const reads = Array.from({ length: 100 }, () => took(() => cache.get('a')))
      expect(worst(await Promise.all([...wave, ...reads]))).toBeLessThan(350)
      expect(loads).toBe(1)
      const later: number[] = []
      for (let i = 0; i < 300; i++) {
        later.push(await took(() => cache.get('a')))
        await sleep(3)
      }
      expect(worst(later)).toBeLessThan(50)
      expect(worst(later, 0.95)).toBeLessThan(2 * SLOW)
      await outage.end()
      await within(1_500, () => cache.get('a'), { n: 1 })
      expect(changes()).toEqual(['backend-down', 'backend-up'])
    })

    it('T7 1,000 deletes, over writes that were under way: none is served afterwards', async () => {
      const { cache, seen } = over(wire)
      const keys = Array.from({ length: 1_000 }, (_, i) => `k${i}`)
      await cache.setMany(Object.fromEntries(keys.map((key) => [key, 'old'.repeat(300)])))
      await cache.set('other', 'kept')
      await outage.begin()
      const writes = keys.map((key) => cache.set(key, 'mid'.repeat(300)))
      await sleep(20)
      await Promise.all([...writes, ...keys.map((key) => cache.delete(key))])
      await cache.deleteMany(keys)
      await outage.end()
      await within(1_500, () => cache.get('other'), 'kept')
      for (const end = performance.now() + 1_500; performance.now() < end; ) {
        expect((await cache.getMany(keys)).size).toBe(0)
        await sleep(20)
      }
      expect(seen.at(-1)).toMatchObject({ type: 'backend-up', repaired: 1_000 })
      // Nor by anybody else, by now.
      expect(await ask(server, ['keys', `outage${prefixes}x:*:k*`])).toBe('')
    })
  })
}

it('T1 F01 F17 killed, and back empty: misses at once, one load, then it is used again', async () => {
  const { cache, changes } = over(server)
  await cache.set('a', 1)
  await server.kill()
  expect(await took(() => cache.get('a'))).toBeLessThan(50)
  const later: number[] = []
  for (let i = 0; i < 200; i++) later.push(await took(() => cache.get('a')))
  expect(worst(later, 0.95)).toBeLessThan(2 * SLOW)
  let loads = 0
  const answers = await Promise.all(
    Array.from({ length: 100 }, () => cache.getOrSet('b', async () => ++loads)),
  )
  expect(new Set(answers)).toEqual(new Set([1]))
  await server.restart()
  await within(1_500, () => cache.set('a', 2), true)
  await within(1_500, () => cache.get('a'), 2)
  expect(changes()).toEqual(['backend-down', 'backend-up'])
})

it('F07 flapping: no call hangs, no connection is left behind, and every change is told once', async () => {
  const { cache, changes } = over(wire)
  await cache.set('a', 1)
  const calls: number[] = []
  for (let i = 0; i < 4; i++) {
    await server.freeze()
    for (const end = performance.now() + 500; performance.now() < end; await sleep(5)) {
      calls.push(await took(() => cache.get('a')))
    }
    server.thaw()
    await sleep(300)
  }
  expect(worst(calls)).toBeLessThan(350)
  expect(wire.open).toBeLessThanOrEqual(2)
  expect(changes().length).toBeLessThanOrEqual(8)
  for (const [i, type] of changes().entries()) expect(type).toBe(i % 2 ? 'backend-up' : 'backend-down')
})

it('F20 a slow server, 200 ms an answer, is no outage; of 3,000 operations at once those beyond 1,024 fail at once, and are counted', async () => {
  const { cache, changes } = over(wire)
  await cache.set('a', 1)
  wire.answers = { delay: 200 }
  const slow = await Promise.all(Array.from({ length: 100 }, () => cache.get('a')))
  expect(new Set(slow)).toEqual(new Set([1]))
  const before = cache.stats().backendFailures
  const answers = await Promise.all(Array.from({ length: 3_000 }, () => cache.get('a')))
  expect(answers.filter((answer) => answer === 1)).toHaveLength(1_024)
  expect(cache.stats().backendFailures - before).toBe(3_000 - 1_024)
  expect(changes()).toEqual([])
})

it('F14 a full server: set is false and told, get goes on, deletes are done, no outage', async () => {
  const { cache, seen, changes } = over(server)
  await cache.set('a', 'old')
  await cache.set('b', 'old')
  await ask(server, ['config', 'set', 'maxmemory', '1'])
  try {
    expect(await cache.set('a', 'new')).toBe(false)
    expect(await cache.get('a')).toBe(undefined)
    expect(await cache.get('b')).toBe('old')
    expect(await cache.getOrSet('c', () => 'made')).toBe('made')
    expect(await cache.delete('b')).toBe(true)
    expect(seen.some((event) => event.type === 'backend-failed')).toBe(true)
    expect(changes()).toEqual([])
  } finally {
    await ask(server, ['config', 'set', 'maxmemory', '0'])
  }
})

it('F15 a leader that became a replica: what was deleted meanwhile is gone when it leads again', async () => {
  const { cache } = over(server)
  await cache.set('a', 'old')
  await cache.get('a')
  await ask(server, ['replicaof', '127.0.0.1', '1'])
  try {
    expect(await cache.delete('a')).toBe(false)
    expect(await cache.get('a')).toBe(undefined)
    await sleep(1_200)
    expect(await cache.get('a')).toBe(undefined)
  } finally {
    await ask(server, ['replicaof', 'no', 'one'])
  }
  await within(2_000, () => cache.set('b', 1), true)
  await expect
    .poll(() => ask(server, ['exists', `outage${prefixes}x:1:a`]), { timeout: 20_000, interval: 50 })
    .toBe('0')
})

it('F15 LOADING: while a server reads its data in, a miss at once, and used when it is ready', async () => {
  const slow = ['--key-load-delay', '1000', '--loading-process-events-interval-bytes', '1024']
  const large = await startRedis({ args: [...slow, '--enable-debug-command', 'yes'] })
  const { cache, changes } = over(large)
  await cache.set('a', 1)
  await ask(large, ['debug', 'populate', '2500'])
  await ask(large, ['save'])
  const loaded = large.restart()
  const said = () => ask(large, ['get', 'a']).catch((error: Error) => error.message)
  await expect.poll(said, { timeout: 10_000, interval: 10 }).toMatch(/LOADING/)
  await cache.get('a')
  expect(await took(() => cache.get('a'))).toBeLessThan(50)
  expect(await cache.getOrSet('a', () => 'made')).toBe('made')
  await loaded
  await within(2_000, () => cache.get('a'), 1)
  expect(changes()).toEqual(['backend-down', 'backend-up'])
})

it('F15 BUSY: while a script holds the server, a miss at once, and used when it has ended', async () => {
  const held = await startRedis({ args: ['--busy-reply-threshold', '50'] })
  const { cache, changes } = over(held)
  await cache.set('a', 1)
  const script = ask(held, ['eval', 'while true do end', '0']).catch(() => {})
  const said = () => ask(held, ['get', 'a']).catch((error: Error) => error.message)
  await expect.poll(said, { timeout: 10_000, interval: 10 }).toMatch(/BUSY/)
  await cache.get('a')
  expect(await took(() => cache.get('a'))).toBeLessThan(50)
  expect(await cache.getOrSet('a', () => 'made')).toBe('made')
  await ask(held, ['script', 'kill'])
  await script
  await within(2_000, () => cache.get('a'), 1)
  expect(changes()).toEqual(['backend-down', 'backend-up'])
})

it('F15 NOAUTH, WRONGPASS: one event, misses at once, one attempt a minute, the password nowhere', async () => {
  const locked = await startRedis({ password: 'right-one' })
  const guarded = await faultProxy(locked)
  ending.push(() => guarded.close())
  const { cache, seen, changes } = over(guarded, {}, `redis://:hunter2@${guarded.address}`)
  for (let i = 0; i < 20; i++) {
    expect(await cache.getOrSet('a', () => 'made')).toBe('made')
    await sleep(100)
  }
  expect(changes()).toEqual(['backend-down'])
  expect(guarded.made.length).toBe(1)
  expect(
    JSON.stringify(seen, (_, value) =>
      value instanceof Error ? { ...value, text: String(value.stack) } : value,
    ),
  ).not.toContain('hunter2')
})

it('F10 an answer cut at any byte is a miss or the whole value', async () => {
  const { cache } = over(wire)
  const value = 'whole'.repeat(10)
  await cache.set('a', value)
  let misses = 0
  for (let at = 0; at <= 90; at += 6) {
    wire.answers = { cutAfter: at }
    const found = await cache.get('a')
    expect([undefined, value]).toContain(found)
    if (found === undefined) misses++
    wire.answers = {}
    await within(1_500, () => cache.get('a'), value)
  }
  expect(misses).toBeGreaterThan(5)
})

it('F11 answers in packets of one byte are right', async () => {
  const { cache } = over(wire)
  const entries = Object.fromEntries(Array.from({ length: 50 }, (_, i) => [`k${i}`, `value ${i}`]))
  await cache.setMany(entries)
  wire.answers = { split: 1 }
  wire.requests = { split: 1 }
  const found = await Promise.all(Object.keys(entries).map((key) => cache.get(key)))
  expect(found).toEqual(Object.values(entries))
})

it('A30 answers with turned bytes are misses or right, and nothing crashes', async () => {
  const { cache } = over(wire)
  const value = { text: 'right'.repeat(50) }
  await cache.set('a', value)
  for (let i = 0; i < 8; i++) {
    wire.answers = { corrupt: 0.01 }
    for (let n = 0; n < 20; n++) expect([undefined, value]).toContainEqual(await cache.get('a'))
    wire.answers = {}
    await within(2_500, () => cache.get('a'), value)
  }
})

it('T12 F08 answers that come late, one in a hundred: never another key’s', async () => {
  const { cache } = over(wire)
  const keys = Array.from({ length: 200 }, (_, i) => `k${i}`)
  await cache.setMany(Object.fromEntries(keys.map((key) => [key, `value of ${key}`])))
  wire.answers = { delay: () => (Math.random() < 0.01 ? 400 : 0) }
  let [asked, right] = [0, 0]
  await Promise.all(
    Array.from({ length: 50 }, async () => {
      while (asked < 10_000) {
        asked++
        const key = keys[Math.floor(Math.random() * keys.length)]!
        const value = await cache.get(key)
        if (value === undefined) await sleep(20)
        else {
          expect(value).toBe(`value of ${key}`)
          right++
        }
      }
    }),
  )
  expect(right).toBeGreaterThan(1_000)
})

it('F05 with a stale value near, a frozen server is not even waited for: the stale one at once, one load behind', async () => {
  prefixes++
  const far = redis({ url: `redis://${server.address}` })
  const backend = tiered({ near: memory(), far, bus: busHub().bus() })
  const caches = createCaches({ default: { backend, keyPrefix: `outage${prefixes}x` } })
  ending.push(() => caches.close())
  const cache = caches.default
  await cache.set('a', 'old', { ttl: '50ms', staleFor: 600 })
  await sleep(80)
  expect(await cache.get('a', { stale: true })).toBe('old')
  await server.freeze()
  let loads = 0
  const load = async () => {
    loads++
    await sleep(100)
    return 'new'
  }
  const waits: number[] = []
  await Promise.all(
    Array.from({ length: 100 }, async () => {
      waits.push(
        await took(async () =>
          expect(await cache.getOrSet('a', load, { ttl: 60, staleFor: 600 })).toBe('old'),
        ),
      )
    }),
  )
  expect(worst(waits)).toBeLessThan(5 * SLOW)
  await expect.poll(() => loads, { timeout: 20_000 }).toBe(1)
  await sleep(150)
  expect(loads).toBe(1)
})

it('T12 F09 callers who give up in the middle, one in ten: never another key’s value', async () => {
  const { cache } = over(wire)
  const keys = Array.from({ length: 200 }, (_, i) => `k${i}`)
  wire.answers = { delay: () => (Math.random() < 0.2 ? 15 : 0) }
  let [gaveUp, right] = [0, 0]
  await Promise.all(
    Array.from({ length: 20 }, async () => {
      for (let i = 0; i < 150; i++) {
        const key = keys[Math.floor(Math.random() * keys.length)]!
        const hardTimeout = Math.random() < 0.1 ? '2ms' : '5s'
        try {
          const value = await cache.getOrSet(key, async () => `value of ${key}`, { hardTimeout, ttl: '50ms' })
          expect(value).toBe(`value of ${key}`)
          right++
        } catch (error) {
          expect(error).toMatchObject({ code: 'LOAD_TIMEOUT' })
          gaveUp++
        }
      }
    }),
  )
  expect(gaveUp).toBeGreaterThan(20)
  expect(right).toBeGreaterThan(2_000)
})

it('F64 F66 a load over an outage: what it answers after a lost delete is not kept', async () => {
  const { cache } = over(server)
  const elsewhere = over(server, { keyPrefix: `outage${prefixes}x` })
  await cache.get('warm')
  const early = [cache, elsewhere.cache].map((one, i) =>
    one.getOrSet(`k${i}`, async () => {
      await sleep(1_900)
      return 'old'
    }),
  )
  await sleep(50)
  await server.freeze()
  expect(await cache.delete('k0')).toBe(false)
  expect(await cache.delete('k1')).toBe(false)
  await sleep(100)
  server.thaw()
  expect(await Promise.all(early)).toEqual(['old', 'old'])
  await sleep(50)
  expect(await elsewhere.cache.getMany(['k0', 'k1'])).toEqual(new Map())
})

it('F87 close() is done in time though the server is frozen, and leaves no socket', async () => {
  const { caches, cache } = over(wire)
  await cache.get('a')
  await server.freeze()
  const under = Array.from({ length: 500 }, (_, i) => cache.get(`k${i}`).catch((error: Error) => error.name))
  await sleep(10)
  expect(await took(() => caches.close())).toBeLessThan(600)
  for (const answer of await Promise.all(under)) expect([undefined, 'ClosedError']).toContain(answer)
  await expect.poll(() => wire.open).toBe(0)
})

it('a server that says nothing from the start is an outage like any other', async () => {
  const sockets = new Set<Socket>()
  const mute = createServer((socket) => void sockets.add(socket.on('error', () => {}))).listen(0, '127.0.0.1')
  await once(mute, 'listening')
  const bound = mute.address()
  const port = typeof bound === 'object' ? bound!.port : 0
  const { cache } = over({ address: `127.0.0.1:${port}` })
  expect(await took(() => cache.getOrSet('a', () => 'made'))).toBeLessThan(900)
  expect(await took(() => cache.get('a'))).toBeLessThan(2 * SLOW)
  for (const socket of sockets) socket.destroy()
  mute.close()
})
