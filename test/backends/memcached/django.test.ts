/** Django's rules for its Memcached backends, where the shared cases do not say them already. */
import { randomBytes } from 'node:crypto'
import { afterEach, beforeAll, expect, it } from 'vitest'
import { type MemcachedClient, memcachedClient } from '../../../src/backends/memcached/client/index.ts'
import { type MemcachedOptions, memcached } from '../../../src/backends/memcached/memcached.ts'
import { type Cache, createCaches } from '../../../src/index.ts'
import { faultProxy } from '../../../src/testing/index.ts'
import { startMemcached } from '../../servers/memcached.ts'
import { freePort, type TestServer } from '../../servers/server.ts'

let server: TestServer
let client: MemcachedClient
const open: { close(): Promise<unknown> }[] = []
beforeAll(async () => {
  server = await startMemcached()
  client = memcachedClient({ servers: server.address, timeout: 5_000 })
  return () => client.close()
})
afterEach(() => Promise.all(open.splice(0).map((one) => one.close())))

function cacheOver(keyPrefix: string, options: MemcachedOptions = {}, more: object = {}): Cache {
  const backend = memcached({ servers: server.address, opTimeout: 5_000, ...options })
  const caches = createCaches({ default: { backend, keyPrefix, ...more } })
  open.push(caches)
  return caches.default
}

async function stat(name: string): Promise<number> {
  return Number((await client.stats()).get(server.address)?.get(name))
}

it('MEM-02 the client is made at first use; what is under tls goes to Node as it is', async () => {
  const wire = await faultProxy(server)
  const seen: string[] = []
  const tls = { checkServerIdentity: (name: string) => void seen.push(name), rejectUnauthorized: false }
  const secure = await startMemcached({ tls: true })
  const cache = cacheOver('lazy', { servers: `localhost:${secure.port}`, tls })
  const plain = cacheOver('lazy', { servers: wire.address })
  expect(wire.made).toHaveLength(0)
  expect(await plain.set('k', 1)).toBe(true)
  expect(wire.made).toHaveLength(1)
  await expect.poll(() => cache.set('k', 1), { timeout: 5_000 }).toBe(true)
  expect(await cache.get('k')).toBe(1)
  await wire.close()
})

it('MEM-03 keys of any script, every write awaited, and several servers shared with pymemcache by rendezvous', async () => {
  const cache = cacheOver('ключ')
  const before = await stat('cmd_set')
  expect(await cache.set('日本語 é', 1)).toBe(true)
  expect(await stat('cmd_set')).toBe(before + 1)
  expect(await cache.get('日本語 é')).toBe(1)
})

it('MEM-04 MEM-05 null is never; 0 and less are gone; a part of a second is one; ten billion seconds are kept', async () => {
  const cache = cacheOver('ttl')
  const left = async (key: string) => (await client.get(`ttl:1:${key}`, { ttl: true }))?.ttl
  for (const [key, ttl] of [
    ['null', null],
    ['huge', 1e10],
  ] as const) {
    await cache.set(key, 1, ttl)
    expect(await left(key), key).toBe(Number.POSITIVE_INFINITY)
    expect(await cache.get(key)).toBe(1)
  }
  await cache.set('part', 1, 0.2)
  expect((await left('part')) ?? 0).toBeLessThanOrEqual(1)
  for (const ttl of [0, -1, -0.5]) {
    await cache.set('over', 1)
    expect(await cache.set('over', 1, ttl)).toBe(true)
    expect(await client.get('ttl:1:over')).toBeUndefined()
  }
  const month = 2_592_000
  for (const ttl of [month - 1, month, month + 1, month + 60]) {
    await cache.set('month', 1, ttl)
    expect(await left('month')).toBeGreaterThan(ttl - 60)
    expect(await left('month')).toBeLessThanOrEqual(ttl + 1)
  }
})

it("MEM-06 with keys: 'strict' a bad key is refused, and nothing is written", async () => {
  const cache = cacheOver('strict', {}, { keys: 'strict' })
  await cache.get('warm')
  const before = [await stat('cmd_set'), await stat('cmd_flush'), await stat('delete_misses')]
  for (const key of ['a b', 'a\r\nflush_all', '\x7f', 'k'.repeat(251)]) {
    for (const verb of [
      cache.get(key),
      cache.set(key, 1),
      cache.delete(key),
      cache.incr(key),
      cache.getMany([key]),
    ]) {
      await expect(verb).rejects.toMatchObject({ name: 'InvalidKeyError', code: 'INVALID_KEY' })
    }
  }
  expect([await stat('cmd_set'), await stat('cmd_flush'), await stat('delete_misses')]).toEqual(before)
})

it.each(['meta', 'text', 'binary'] as const)(
  'MEM-07 MEM-09 what the server refuses is false, the old one gone; setMany names it as the caller did (%s)',
  async (protocol) => {
    const cache = cacheOver(`refused ${protocol}`, { protocol }, { maxValueBytes: '8mb', keys: 'any' })
    const large = randomBytes(1_100_000)
    await cache.set('a key', 'old')
    expect(await cache.set('a key', large)).toBe(false)
    expect(await cache.get('a key')).toBeUndefined()
    await cache.set('a key', 'old')
    expect(await cache.setMany({ 'a key': large, fine: 1 })).toEqual(['a key'])
    expect(await cache.getMany(['a key', 'fine'])).toEqual(new Map([['fine', 1]]))
  },
)

it('MEM-08 touch says whether it was there; with 0 it is gone', async () => {
  const cache = cacheOver('touch')
  await cache.set('k', 1, 10)
  expect(await cache.touch('k', 100)).toBe(true)
  expect((await client.get('touch:1:k', { ttl: true }))?.ttl).toBeGreaterThan(50)
  expect(await cache.touch('missing', 100)).toBe(false)
  expect(await cache.touch('k', 0)).toBe(true)
  expect(await client.get('touch:1:k')).toBeUndefined()
})

it('MEM-09 getMany, setMany and deleteMany of a hundred keys are one round trip each', async () => {
  const wire = await faultProxy(server)
  const cache = cacheOver('many', { servers: wire.address })
  await cache.get('warm')
  let sent = 0
  wire.requests = {
    corrupt(piece) {
      sent++
      return piece
    },
  }
  const keys = Array.from({ length: 100 }, (_, i) => `k${i}`)
  expect(await cache.setMany(Object.fromEntries(keys.map((key) => [key, key])))).toEqual([])
  expect((await cache.getMany(keys)).size).toBe(100)
  expect(await cache.deleteMany(keys)).toBe(100)
  expect(sent).toBeLessThanOrEqual(3)
  await wire.close()
})

it('MEM-10 counting down is one step, a fraction is refused, and what is no number is said to be none', async () => {
  const cache = cacheOver('count')
  await cache.set('n', 10)
  expect(await cache.incr('n', -4)).toBe(6)
  expect(await cache.decr('n', 6)).toBe(0)
  await expect(cache.decr('n')).rejects.toMatchObject({ name: 'RangeError', code: 'OUT_OF_RANGE' })
  await expect(cache.incr('n', 0.5)).rejects.toBeInstanceOf(RangeError)
  await expect(cache.incr('missing')).rejects.toMatchObject({ code: 'KEY_NOT_FOUND' })
})

it('MEM-11 text of digits is text: it comes back as it went in, and is not counted', async () => {
  const cache = cacheOver('digits')
  await cache.setMany({ text: '5', number: 5 })
  expect(await cache.getMany(['text', 'number'])).toEqual(
    new Map<string, unknown>([
      ['text', '5'],
      ['number', 5],
    ]),
  )
  await expect(cache.incr('text')).rejects.toMatchObject({ code: 'NOT_A_NUMBER' })
  expect(await cache.get('text')).toBe('5')
})

it('MEM-12 close ends every connection, and waits for what is under way', async () => {
  const wire = await faultProxy(server)
  const caches = createCaches({
    default: { backend: memcached({ servers: wire.address, opTimeout: 5_000 }) },
  })
  const under = Array.from({ length: 50 }, (_, i) => caches.default.set(`k${i}`, i))
  await caches.close()
  expect(await Promise.all(under)).toEqual(under.map(() => true))
  await expect.poll(() => wire.open).toBe(0)
  await wire.close()
})

it('MEM-13 clear with everything empties the servers, whatever the prefix; without it nobody else loses anything', async () => {
  const mine = cacheOver('mine', { clear: 'epoch' })
  const theirs = cacheOver('theirs')
  await mine.set('k', 1)
  await theirs.set('k', 1)
  const flushes = await stat('cmd_flush')
  expect(await mine.clear()).toBe(true)
  expect(await mine.get('k')).toBeUndefined()
  expect(await theirs.get('k')).toBe(1)
  expect(await stat('cmd_flush')).toBe(flushes)
  expect(await theirs.clear({ everything: true })).toBe(true)
  expect(await theirs.get('k')).toBeUndefined()
  expect(await client.get('mine:1:k')).toBeUndefined()
})

it('MEM-14 the server has its own limits: maxEntries and cullFrequency are refused, not ignored', () => {
  for (const options of [{ maxEntries: 5 }, { cullFrequency: 3 }]) {
    expect(() => memcached(options as MemcachedOptions)).toThrow(
      expect.objectContaining({ code: 'UNKNOWN_OPTION' }),
    )
  }
})

it('MEM-15 with a dead server reads miss and writes are false, or all throw where that was asked', async () => {
  const servers = `127.0.0.1:${await freePort()}`
  const cache = cacheOver('dead', { servers })
  expect(await cache.get('k', { default: 'x' })).toBe('x')
  expect(await cache.set('k', 1)).toBe(false)
  expect(await cache.add('k', 1)).toBe(false)
  expect(await cache.setMany({ a: 1, b: 2 })).toEqual(['a', 'b'])
  expect(await cache.incr('k')).toBeUndefined()
  const throwing = cacheOver('dead', { servers }, { onBackendError: 'throw' })
  await expect(throwing.get('k')).rejects.toMatchObject({ code: 'BACKEND_FAILED' })
  await expect(throwing.set('k', 1)).rejects.toMatchObject({ code: 'BACKEND_FAILED' })
})
