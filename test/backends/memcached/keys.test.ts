/** Every string is a key, and no key is a command; newcache's keys are where newcache would look for them. */
import fc from 'fast-check'
import { afterEach, beforeAll, describe, expect, it } from 'vitest'
import {
  isPlain,
  type MemcachedClient,
  memcachedClient,
} from '../../../src/backends/memcached/client/index.ts'
import { memcached } from '../../../src/backends/memcached/memcached.ts'
import { wireKeys } from '../../../src/backends/memcached/wire-key.ts'
import { createCaches, hashedKeys } from '../../../src/index.ts'
import { startMemcached } from '../../servers/memcached.ts'
import type { TestServer } from '../../servers/server.ts'

let server: TestServer
let client: MemcachedClient
const open: { close(): Promise<unknown> }[] = []

beforeAll(async () => {
  server = await startMemcached()
})
afterEach(() => Promise.all(open.splice(0).map((one) => one.close())))

async function stat(name: string): Promise<number> {
  const stats = await client.stats()
  return Number([...stats.values()][0]?.get(name))
}

function opened<C extends { close(): Promise<unknown> }>(caches: C): C {
  open.push(caches)
  return caches
}

describe('wire keys', () => {
  const protocols = ['meta', 'text', 'binary'] as const

  it.each(protocols)('A03 any key becomes one that %s carries', (protocol) => {
    const wireKey = wireKeys(protocol)
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme', minLength: 1, maxLength: 400 }), (key) => {
        const wire = wireKey(key)
        expect(wire).toBe(wireKey(key))
        expect(Buffer.byteLength(wire)).toBeLessThanOrEqual(isPlain(wire) || protocol !== 'meta' ? 250 : 186)
        if (protocol === 'text') expect(wire).not.toMatch(/[\p{Cc}\x20]/u)
      }),
    )
  })

  it.each(protocols)('A03 no key can be taken for the digest of another (%s)', (protocol) => {
    const wireKey = wireKeys(protocol)
    const long = 'k'.repeat(300)
    const digest = wireKey(long)
    expect(digest).toMatch(/^k{60}~sha256~/)
    expect(wireKey(digest)).not.toBe(digest)
    expect(wireKey(wireKey(digest))).not.toBe(wireKey(digest))
  })
})

describe.each(['meta', 'text', 'binary'] as const)('%s', (protocol) => {
  beforeAll(() => {
    client = memcachedClient({ servers: server.address })
    return () => client.close()
  })

  it('A01 A02 T22 the battery: every key is stored and read, and not one command more is run', async () => {
    const backend = memcached({ servers: server.address, protocol })
    const { default: cache } = opened(
      createCaches({ default: { backend, keys: 'any', keyPrefix: protocol } }),
    )
    const keys = [
      'x\r\nset pwn 0 0 1\r\nZ',
      'x\r\nflush_all\r\n',
      'x\nms pwn 1\n1',
      ' ',
      '\0',
      'a\tb',
      'a\x7f',
      '\u2028',
      '\ufeff',
      '\ud800',
      '\udfff',
      'é'.repeat(300),
      '😀'.repeat(250),
      'k'.repeat(250),
      'k'.repeat(251),
      'x'.repeat(1_000_000),
    ]
    await client.flushAll()
    const flushes = await stat('cmd_flush')
    for (const [i, key] of keys.entries()) expect(await cache.set(key, i), key.slice(0, 20)).toBe(true)
    for (const [i, key] of keys.entries()) expect(await cache.get(key), key.slice(0, 20)).toBe(i)
    expect([...(await cache.getMany(keys)).values()].sort((a, b) => Number(a) - Number(b))).toEqual(
      keys.map((_, i) => i),
    )
    expect(await client.get('pwn')).toBeUndefined()
    expect(await stat('curr_items')).toBe(keys.length)
    expect(await stat('cmd_flush')).toBe(flushes)
  })
})

describe('newcache', () => {
  beforeAll(() => {
    client = memcachedClient({ servers: server.address, distribution: 'modula' })
    return () => client.close()
  })

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
})
