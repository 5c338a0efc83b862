/** What newcache did on Memcached, and what it is to do better: its keys, its lifetimes, its herds. */
import { connect } from 'node:net'
import { afterEach, beforeAll, expect, it } from 'vitest'
import { type MemcachedClient, memcachedClient } from '../../../src/backends/memcached/client/index.ts'
import { memcached } from '../../../src/backends/memcached/memcached.ts'
import { createCaches, hashedKeys } from '../../../src/index.ts'
import { faultProxy } from '../../../src/testing/index.ts'
import { startMemcached } from '../../servers/memcached.ts'
import type { TestServer } from '../../servers/server.ts'

let server: TestServer
let client: MemcachedClient
const open: { close(): Promise<unknown> }[] = []

beforeAll(async () => {
  server = await startMemcached()
  client = memcachedClient({ servers: server.address, distribution: 'modula', timeout: 5_000 })
  return () => client.close()
})
afterEach(() => Promise.all(open.splice(0).map((one) => one.close())))

function opened<C extends { close(): Promise<unknown> }>(caches: C): C {
  open.push(caches)
  return caches
}

const backend = () => memcached({ servers: server.address, distribution: 'modula', clear: 'epoch' })

it('NC-4 its keys on the server, by md5, sha1 and sha256', async () => {
  const caches = opened(
    createCaches({
      default: {
        backend: backend(),
        keyFunction: hashedKeys({ flavor: 'staging', hash: 'md5' }),
        version: 2,
      },
      sha1: { backend: backend(), keyFunction: hashedKeys({ flavor: 'test', hash: 'sha1' }) },
      sha256: { backend: backend(), keyFunction: hashedKeys({ flavor: 'test' }) },
    }),
  )
  await caches.default.set('games', 1)
  await caches.sha1.set('games', 2)
  await caches.sha256.set('games', 3)
  const at = async (key: string) => (await client.get(key))?.value.toString()
  expect(await at('staging-2-9cfa7aefcc61936b70aaec6729329eda')).toBe('1')
  expect(await at('test-1-dd27204535de317c6202952eeb2043fad52e3fec')).toBe('2')
  expect(await caches.sha256.get('games')).toBe(3)
})

it('NC-6 NC-7 any key of any length; another version or flavor sees nothing of it', async () => {
  const shared = backend()
  const caches = opened(
    createCaches({
      default: { backend: shared, keyFunction: hashedKeys({ flavor: 'a' }) },
      other: { backend: shared, keyFunction: hashedKeys({ flavor: 'b' }) },
    }),
  )
  for (const key of ['k'.repeat(10_000), 'x\r\nflush_all\r\n', ' ', '😀']) {
    await caches.default.set(key, key.length)
    expect(await caches.default.get(key)).toBe(key.length)
    expect(await caches.default.get(key, { version: 2 })).toBeUndefined()
    expect(await caches.other.get(key)).toBeUndefined()
  }
})

it("NC-33 clear empties this cache's own keys, all versions, and nobody else's", async () => {
  const shared = backend()
  const caches = opened(
    createCaches({
      default: { backend: shared, keyFunction: hashedKeys({ flavor: 'mine' }) },
      other: { backend: shared, keyFunction: hashedKeys({ flavor: 'theirs' }) },
    }),
  )
  await caches.default.set('k', 1)
  await caches.default.set('k', 1, { version: 2 })
  await caches.other.set('k', 1)
  expect(await caches.default.clear()).toBe(true)
  expect(await caches.default.get('k')).toBeUndefined()
  expect(await caches.default.get('k', { version: 2 })).toBeUndefined()
  expect(await caches.other.get('k')).toBe(1)
  await caches.default.set('k', 2)
  expect(await caches.default.get('k')).toBe(2)
})

it('NC-16 exactly 30 days, and a minute either side, can be read back', async () => {
  const { default: cache } = opened(createCaches({ default: { backend: backend() } }))
  for (const ttl of [2_592_000 - 60, 2_592_000 - 59, 2_592_000, 2_592_001, 2_592_060]) {
    await cache.set(`ttl-${ttl}`, 'value', { ttl, staleFor: 60 })
    expect(await cache.get(`ttl-${ttl}`), `${ttl} s`).toBe('value')
  }
})

it('NC-17 with a staleFor a value is fresh to the millisecond, though the server counts whole seconds', async () => {
  let now = Date.now()
  const { default: cache } = opened(
    createCaches({ default: { backend: backend(), keyPrefix: 'exact' } }, { clock: { now: () => now } }),
  )
  await cache.set('k', 'value', { ttl: 10, staleFor: 60 })
  now += 9_999
  expect(await cache.get('k')).toBe('value')
  now += 1
  expect(await cache.get('k')).toBeUndefined()
  expect(await cache.get('k', { stale: true })).toBe('value')
})

it('NC-18 without a staleFor, or for ever, no second expiry is kept beside the value; with one it is', async () => {
  const { default: cache } = opened(createCaches({ default: { backend: backend(), keyPrefix: 'packed' } }))
  await cache.set('plain', 'value', 60)
  await cache.set('ever', 'value', null)
  await cache.set('graced', 'value', { ttl: 60, staleFor: 60 })
  const size = async (key: string) => (await client.get(`packed:1:${key}`))!.value.length
  expect(await size('ever')).toBe(await size('plain'))
  expect(await size('graced')).toBeGreaterThan(await size('plain'))
  expect(await cache.getMany(['plain', 'ever', 'graced'])).toEqual(
    new Map(['plain', 'ever', 'graced'].map((key) => [key, 'value'])),
  )
})

it('NC-19 NC-20 once it is stale one caller makes it anew behind, and everybody is answered with the old', async () => {
  const { default: cache } = opened(createCaches({ default: { backend: backend(), keyPrefix: 'one' } }))
  const how = { ttl: 60, staleFor: 60 }
  await cache.set('k', 'old', how)
  await cache.expire('k')
  let loads = 0
  const load = async () => `new ${++loads}`
  const answers = await Promise.all(Array.from({ length: 20 }, () => cache.getOrSet('k', load, how)))
  expect(new Set(answers)).toEqual(new Set(['old']))
  await expect.poll(() => cache.get('k')).toBe('new 1')
  expect(loads).toBe(1)
})

it('NC-29 a value of the user’s that looks like what we keep is never taken for it', async () => {
  const { default: cache } = opened(createCaches({ default: { backend: backend(), keyPrefix: 'alike' } }))
  await cache.set('graced', 'value', { ttl: 60, staleFor: 60 })
  const kept = (await client.get('alike:1:graced'))!.value
  for (const value of [Buffer.from(kept), kept.toString('latin1')]) {
    for (const how of [60, { ttl: 60, staleFor: 60 }]) {
      await cache.set('k', value, how)
      expect(await cache.get('k')).toEqual(value)
    }
  }
})

it('NC-22 NC-23 NC-24 herds: has uses up nothing, and of 50 who find it stale or missing one loads', async () => {
  const one = opened(createCaches({ default: { backend: backend(), keyPrefix: 'herd' } })).default
  const two = opened(createCaches({ default: { backend: backend(), keyPrefix: 'herd' } })).default
  let loads = 0
  const load = async () => `load ${++loads}`
  const all = () =>
    Promise.all(
      Array.from({ length: 50 }, (_, i) =>
        (i % 2 ? one : two).getOrSet('k', load, { ttl: 60, staleFor: 60 }),
      ),
    )
  expect(new Set(await all())).toEqual(new Set(['load 1']))
  await one.expire('k')
  expect(await one.has('k')).toBe(false)
  expect(await one.get('k')).toBeUndefined()
  expect(new Set(await all())).toEqual(new Set(['load 1']))
  await expect.poll(() => one.get('k')).toBe('load 2')
  expect(loads).toBe(2)
})

it('NC-26 NC-27 getMany takes any iterable once; setMany protects as set does', async () => {
  const { default: cache } = opened(createCaches({ default: { backend: backend(), keyPrefix: 'many' } }))
  expect(await cache.setMany({ a: null, b: 2 }, { ttl: 60, staleFor: 60 })).toEqual([])
  expect(await cache.getMany(['a', 'b', 'c'])).toEqual(
    new Map<string, unknown>([
      ['a', null],
      ['b', 2],
    ]),
  )
  expect((await cache.inspect('a')).status).toBe('fresh')
})

it('NC-5 NC-8 without a flavor it begins with a hyphen; a function of your own is called with any text', async () => {
  const { default: cache, other } = opened(
    createCaches({
      default: { backend: backend(), keyFunction: hashedKeys({ hash: 'sha1' }) },
      other: { backend: backend(), keyFunction: (key, _prefix, version) => `mine-${version}-${key.length}` },
    }),
  )
  await cache.set('games', 1)
  expect((await client.get('-1-dd27204535de317c6202952eeb2043fad52e3fec'))?.value.toString()).toBe('1')
  await other.set('😀\r\n', 2)
  expect((await client.get('mine-1-4'))?.value.toString()).toBe('2')
})

it('NC-9 with readableTail the store can be read by people, and the item is the one of the digest', async () => {
  const shared = backend()
  const caches = opened(
    createCaches({
      default: {
        backend: shared,
        keyFunction: hashedKeys({ flavor: 'test', hash: 'sha1', readableTail: true }),
      },
    }),
  )
  await caches.default.set('user:42\r\nflush_all', 1)
  const keys = await namesOnServer()
  expect(keys.filter((key) => /^test-1-[0-9a-f]{40}-user:42__flush_all$/.test(key))).toHaveLength(1)
  for (const key of ['k'.repeat(10_000), '😀'.repeat(500), ' ']) {
    expect(await caches.default.set(key, key.length)).toBe(true)
    expect(await caches.default.get(key)).toBe(key.length)
  }
  expect(await caches.default.clear()).toBe(true)
  expect(await caches.default.get(' ')).toBeUndefined()
})

/** The keys of all items, from the server's own list. */
async function namesOnServer(): Promise<string[]> {
  const socket = connect(server.port, server.host)
  socket.write('lru_crawler metadump all\r\n')
  let said = ''
  for await (const bytes of socket) {
    said += bytes
    if (said.endsWith('END\r\n')) break
  }
  return [...said.matchAll(/^key=(\S+)/gm)].map(([, key]) => decodeURIComponent(key ?? ''))
}

it('NC-13 nothing is connected before the first verb, and close leaves no connection', async () => {
  const wire = await faultProxy(server)
  const caches = createCaches({ default: { backend: memcached({ servers: wire.address }) } })
  expect(wire.made).toHaveLength(0)
  await Promise.all([caches.default.get('a'), caches.default.set('b', 1), caches.default.getMany(['a', 'b'])])
  expect(wire.made).toHaveLength(1)
  await caches.close()
  await expect.poll(() => wire.open).toBe(0)
  await wire.close()
})

it('NC-14 NC-15 without a ttl it is the default of the cache; over 30 days it is kept as long; null is never', async () => {
  const { default: cache } = opened(
    createCaches({
      default: { backend: memcached({ servers: server.address }), keyPrefix: 'ttl', ttl: 300 },
    }),
  )
  const left = async (key: string) => (await client.get(`ttl:1:${key}`, { ttl: true }))?.ttl
  await cache.set('default', 1)
  await cache.set('long', 1, '60d')
  await cache.set('never', 1, null)
  for (const [key, seconds] of [
    ['default', 300],
    ['long', 60 * 86_400],
  ] as const) {
    expect(await left(key)).toBeLessThanOrEqual(seconds + 1)
    expect(await left(key)).toBeGreaterThan(seconds - 60)
  }
  expect(await left('never')).toBe(Number.POSITIVE_INFINITY)
})

it('NC-21 who is to make it anew and fails leaves the old value for as long as was said, and the next one tries', async () => {
  let now = Date.now()
  const { default: cache } = opened(
    createCaches({ default: { backend: backend(), keyPrefix: 'failing' } }, { clock: { now: () => now } }),
  )
  const how = { ttl: 60, staleFor: 600 }
  await cache.set('k', 'old', how)
  await cache.expire('k')
  let failures = 0
  const failing = () => {
    failures++
    throw new Error('down')
  }
  expect(await cache.getOrSet('k', failing, how)).toBe('old')
  await expect.poll(() => failures).toBe(1)
  // Nobody else had a miss, or has one now.
  expect(await cache.getOrSet('k', failing, how)).toBe('old')
  expect(await cache.get('k', { stale: true })).toBe('old')
  now += 60_000
  expect(await cache.getOrSet('k', async () => 'new', how)).toBe('old')
  await expect.poll(() => cache.get('k')).toBe('new')
})

it('NC-25 no value outlives what was asked: get gives none after its ttl, and the server keeps ttl and staleFor', async () => {
  const { default: cache } = opened(
    createCaches({ default: { backend: memcached({ servers: server.address }), keyPrefix: 'window' } }),
  )
  const left = async (key: string) => (await client.get(`window:1:${key}`, { ttl: true }))?.ttl ?? 0
  await cache.set('plain', 1, 60)
  await cache.set('graced', 1, { ttl: 60, staleFor: 30 })
  expect(await left('plain')).toBeLessThanOrEqual(61)
  expect(await left('graced')).toBeLessThanOrEqual(91)
  expect(await left('graced')).toBeGreaterThan(61)
  await cache.expire('graced')
  expect(await cache.get('graced')).toBeUndefined()
})

it('NC-28 null is a value, fresh and stale', async () => {
  const { default: cache } = opened(createCaches({ default: { backend: backend(), keyPrefix: 'null' } }))
  await cache.set('k', null, { ttl: 60, staleFor: 60 })
  expect(await cache.get('k', { default: 'none' })).toBe(null)
  await cache.expire('k')
  expect(await cache.get('k', { stale: true, default: 'none' })).toBe(null)
  expect(await cache.getOrSet('k', async () => null, { ttl: 60, staleFor: 60 })).toBe(null)
})

it('NC-30 NC-31 NC-34 add, delete, touch and the bulk verbs say what they did', async () => {
  const { default: cache } = opened(createCaches({ default: { backend: backend(), keyPrefix: 'said' } }))
  expect(await cache.add('k', 1, { ttl: 60, staleFor: 60 })).toBe(true)
  expect(await cache.add('k', 2)).toBe(false)
  expect(await cache.touch('k', 100)).toBe(true)
  expect(await cache.delete('k')).toBe(true)
  expect(await cache.delete('k')).toBe(false)
  expect(await cache.setMany({ a: 1, b: 2 })).toEqual([])
  expect(await cache.deleteMany(['a', 'b', 'c'])).toBe(2)
})

it('NC-32 numbers are counted by the server; a missing one and what is no number are errors that name the key', async () => {
  const { default: cache } = opened(createCaches({ default: { backend: backend(), keyPrefix: 'count' } }))
  await cache.set('n', 5)
  expect(await cache.incr('n', 2)).toBe(7)
  expect(await cache.decr('n')).toBe(6)
  await expect(cache.incr('missing')).rejects.toMatchObject({ code: 'KEY_NOT_FOUND', message: /"missing"/ })
  await cache.set('text', 'abc')
  await expect(cache.incr('text')).rejects.toMatchObject({ code: 'NOT_A_NUMBER', message: /"text"/ })
})
