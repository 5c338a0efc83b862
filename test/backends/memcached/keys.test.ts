/** Every string is a key, and no key is a command. */
import fc from 'fast-check'
import { afterEach, beforeAll, describe, expect, it } from 'vitest'
import {
  isPlain,
  type MemcachedClient,
  memcachedClient,
} from '../../../src/backends/memcached/client/index.ts'
import { memcached } from '../../../src/backends/memcached/memcached.ts'
import { wireKeys } from '../../../src/backends/memcached/wire-key.ts'
import { createCaches } from '../../../src/index.ts'
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
