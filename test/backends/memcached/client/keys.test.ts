import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type MemcachedClient, memcachedClient } from '../../../../src/backends/memcached/client/index.ts'
import { startMemcached } from '../../../servers/memcached.ts'
import type { TestServer } from '../../../servers/server.ts'

const INJECTIONS = [
  'x\r\nset pwn 0 0 1\r\nZ',
  'x\nset pwn 0 0 1\r\nZ\r\n',
  'x\r',
  '\r\n',
  'x\r\nflush_all',
  'x 0 0 1\r\nZ\r\nset pwn 0 0 1\r\nZ',
  'x v\r\nms pwn 1\r\nZ',
  'x b',
  'x\r\nmn',
  'x q\r\nmg pwn v',
  'x\0y',
  '\0',
  ' ',
  'a b',
  'a\tb',
  'a\vb',
  'a\fb',
  'a\u007fb',
]

const ODD = [
  '\u0080',
  'ÿ',
  '\u00e9',
  'e\u0301',
  '\u0085',
  '\u2028',
  '\u2029',
  '\ufeff',
  '\ufeffx',
  '🎈',
  '日本語',
]

const LENGTHS = [
  'a'.repeat(249),
  'b'.repeat(250),
  'c'.repeat(251),
  'é'.repeat(93),
  'é'.repeat(94),
  'é'.repeat(125),
  'é'.repeat(126),
  '🎈'.repeat(46),
  '🎈'.repeat(47),
  '🎈'.repeat(250),
  'm'.repeat(1_000_000),
]

// What another form of a key might be mistaken for.
const LOOKALIKES = [
  'eA==',
  'x',
  Buffer.from('a b').toString('base64'),
  'a%20b',
  'a\\ b',
  'b',
  'q',
  '0',
  'noreply',
]

let server: TestServer
beforeAll(async () => {
  server = await startMemcached()
})

async function counted(client: MemcachedClient): Promise<Record<string, number>> {
  const stats = (await client.stats()).get(server.address)
  const names = [
    'cmd_get',
    'cmd_set',
    'cmd_flush',
    'cmd_touch',
    'cmd_meta',
    'curr_items',
    'delete_hits',
    'delete_misses',
  ]
  return Object.fromEntries(names.map((name) => [name, Number(stats?.get(name) ?? 0)]))
}

describe.each(['meta', 'text', 'binary'] as const)('%s', (protocol) => {
  let client: MemcachedClient
  beforeAll(async () => {
    client = memcachedClient({ servers: server.address, protocol, timeout: 2000 })
    await client.flushAll()
  })
  afterAll(() => client.close())

  it('A01 A02 A03 T22 every key is its own item or refused before the wire: no command but ours runs', async () => {
    const keys = [...INJECTIONS, ...ODD, ...LENGTHS, ...LOOKALIKES]
    const before = await counted(client)
    let sets = 0
    let gets = 0
    let misses = 0
    const stored = new Map<string, string>()
    for (const [i, key] of keys.entries()) {
      const answer = await client.set(key, `value ${i}`).catch((error) => error)
      if (answer !== true) {
        expect(answer, JSON.stringify(key.slice(0, 40))).toMatchObject({ code: 'INVALID_KEY' })
        expect(String(answer)).not.toContain('pwn')
        for (const verb of [client.get(key), client.delete(key), client.touch(key), client.incr(key)]) {
          await expect(verb).rejects.toMatchObject({ code: 'INVALID_KEY' })
        }
        await expect(client.getMany(['x', key])).rejects.toMatchObject({ code: 'INVALID_KEY' })
        continue
      }
      sets++
      stored.set(key, `value ${i}`)
    }
    for (const [key, value] of stored) {
      expect(String((await client.get(key))?.value), JSON.stringify(key)).toBe(value)
      gets++
    }
    const { items } = await client.getMany([...stored.keys()])
    gets += stored.size
    expect([...items].map(([key, item]) => [key, String(item.value)])).toEqual([...stored])
    for (const name of ['pwn', 'Z']) {
      expect(await client.get(name)).toBeUndefined()
      gets++
      misses++
    }
    expect(misses).toBe(2)
    const after = await counted(client)
    expect(after.cmd_set! - before.cmd_set!).toBe(sets)
    expect(after.cmd_get! - before.cmd_get!).toBe(gets)
    expect(after.cmd_flush).toBe(before.cmd_flush)
    expect(after.delete_hits! + after.delete_misses!).toBe(before.delete_hits! + before.delete_misses!)
    expect(after.curr_items).toBe(sets)
    expect(client.servers[0]?.state).toBe('up')
  })

  it('A03 a key of a megabyte is refused in milliseconds', async () => {
    const key = 'é'.repeat(1_000_000)
    const from = performance.now()
    await expect(client.get(key)).rejects.toMatchObject({ code: 'INVALID_KEY' })
    expect(performance.now() - from).toBeLessThan(50)
  })

  it('what is no string, is empty or not well-formed is refused', async () => {
    for (const key of ['', '\ud800', 'a\udc00b', 5, null, undefined, {}, Symbol('k')]) {
      // @ts-expect-error: not all of these are strings
      await expect(client.get(key)).rejects.toMatchObject({ code: 'INVALID_KEY' })
    }
  })
})

it.each(['ketama', 'modula', 'rendezvous'] as const)(
  'A03 with several servers by %s, a bad key is refused the same, and before it is hashed',
  async (distribution) => {
    const client = memcachedClient({ servers: ['127.0.0.1:1', '127.0.0.1:2'], distribution })
    const huge = '🎈'.repeat(500_000)
    const from = performance.now()
    for (const key of [huge, '', '\ud800', 5]) {
      // @ts-expect-error: not all of these are strings
      await expect(client.get(key)).rejects.toMatchObject({ code: 'INVALID_KEY' })
      // @ts-expect-error: not all of these are strings
      await expect(client.setMany([[key, 'v']])).rejects.toMatchObject({ code: 'INVALID_KEY' })
    }
    expect(performance.now() - from).toBeLessThan(50)
    await client.close()
  },
)

it('F23 which lengths fit: 250 bytes plain, 186 bytes of UTF-8 as base64, 250 in text and binary', async () => {
  const fits = async (protocol: 'meta' | 'text' | 'binary', key: string) => {
    const client = memcachedClient({ servers: server.address, protocol })
    const answer = await client.set(key, 'v').catch(() => false)
    await client.close()
    return answer
  }
  expect(await fits('meta', 'a'.repeat(250))).toBe(true)
  expect(await fits('meta', 'a'.repeat(251))).toBe(false)
  expect(await fits('meta', 'é'.repeat(93))).toBe(true)
  expect(await fits('meta', 'é'.repeat(94))).toBe(false)
  for (const protocol of ['text', 'binary'] as const) {
    expect(await fits(protocol, 'é'.repeat(125))).toBe(true)
    expect(await fits(protocol, 'é'.repeat(126))).toBe(false)
  }
})

it('the same key is the same item on every protocol', async () => {
  const clients = (['meta', 'text', 'binary'] as const).map((protocol) =>
    memcachedClient({ servers: server.address, protocol }),
  )
  const [meta, text, binary] = clients as [MemcachedClient, MemcachedClient, MemcachedClient]
  for (const key of ['plain', 'Grüße', '日本語', '🎈']) {
    await meta.set(key, 'from meta')
    expect(String((await text.get(key))?.value)).toBe('from meta')
    await binary.set(key, 'from binary')
    expect(String((await meta.get(key))?.value)).toBe('from binary')
  }
  await meta.set('with space', 'from meta')
  expect(String((await binary.get('with space'))?.value)).toBe('from meta')
  await Promise.all(clients.map((client) => client.close()))
})
