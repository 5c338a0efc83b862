import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { type MemcachedClient, memcachedClient } from '../../../../src/backends/memcached/client/index.ts'
import { startMemcached } from '../../../servers/memcached.ts'
import type { TestServer } from '../../../servers/server.ts'

let server: TestServer
beforeAll(async () => {
  server = await startMemcached()
})

describe.each(['meta', 'text', 'binary'] as const)('%s', (protocol) => {
  let client: MemcachedClient
  beforeAll(() => {
    client = memcachedClient({ servers: server.address, protocol, timeout: 2000 })
  })
  beforeEach(() => client.flushAll())
  afterAll(() => client.close())

  const read = async (key: string) => {
    const item = await client.get(key)
    return item === undefined ? undefined : String(item.value)
  }

  it('get answers what was set, byte for byte, with its flags, and undefined for a miss', async () => {
    const bytes = Buffer.from(Array.from({ length: 256 }, (_, i) => i))
    expect(await client.set('bytes', bytes, { flags: 0xffff_fffe })).toBe(true)
    const item = await client.get('bytes')
    expect(item?.value.equals(bytes)).toBe(true)
    expect(item?.flags).toBe(0xffff_fffe)
    await client.set('text', 'Grüße 🎈')
    expect(await read('text')).toBe('Grüße 🎈')
    await client.set('empty', '')
    expect((await client.get('empty'))?.value.length).toBe(0)
    expect(await client.get('nothing')).toBeUndefined()
  })

  it('values that look like the protocol come back as they are', async () => {
    for (const value of [
      '\r\n',
      'END\r\n',
      'VA 5 f0 O1\r\nhello\r\n',
      'MN\r\n',
      'VALUE a 0 1\r\n1\r\nEND\r\n',
    ]) {
      await client.set('k', value)
      expect(await read('k')).toBe(value)
    }
  })

  it('add stores only where nothing is, replace only where something is', async () => {
    expect(await client.replace('k', 'no')).toBe(false)
    expect(await client.add('k', 'first')).toBe(true)
    expect(await client.add('k', 'second')).toBe(false)
    expect(await client.replace('k', 'third')).toBe(true)
    expect(await read('k')).toBe('third')
    expect(await client.store('k', '!', { mode: 'append' })).toMatchObject({ status: 'stored' })
    expect(await client.store('k', '>', { mode: 'prepend' })).toMatchObject({ status: 'stored' })
    expect(await read('k')).toBe('>third!')
  })

  it('T11 of fifty that add at once, one stores', async () => {
    const stored = await Promise.all(Array.from({ length: 50 }, (_, i) => client.add('k', String(i))))
    expect(stored.filter(Boolean)).toHaveLength(1)
  })

  it('cas stores only while nobody else has', async () => {
    await client.set('k', 'a')
    const item = await client.get('k', { cas: true })
    expect(typeof item?.cas).toBe('bigint')
    await client.set('k', 'b')
    expect(await client.cas('k', 'c', item!.cas!)).toBe('changed')
    const again = await client.get('k', { cas: true })
    expect(await client.cas('k', 'c', again!.cas!)).toBe('stored')
    await client.delete('k')
    expect(await client.cas('k', 'd', again!.cas!)).toBe('missing')
  })

  it('getMany answers what is there, under the keys as given; nothing asked, nothing sent', async () => {
    await client.set('a', '1')
    await client.set('c', '3', { flags: 9 })
    const { items, failed } = await client.getMany(['c', 'b', 'a', 'c'], { cas: true })
    expect([...items].map(([key, item]) => [key, String(item.value), item.flags])).toEqual([
      ['c', '3', 9],
      ['a', '1', 0],
    ])
    expect(failed.size).toBe(0)
    expect((await client.getMany([])).items.size).toBe(0)
  })

  it('setMany stores them all, in one go, with flags and expiry', async () => {
    const keys = Array.from({ length: 500 }, (_, i) => `many:${i}`)
    const failed = await client.setMany(
      keys.map((key) => [key, key.repeat(20)]),
      { flags: 3, expiry: 100 },
    )
    expect(failed.size).toBe(0)
    const { items } = await client.getMany(keys)
    expect(items.size).toBe(500)
    expect(String(items.get('many:499')?.value)).toBe('many:499'.repeat(20))
    expect(items.get('many:0')?.flags).toBe(3)
    expect((await client.setMany([])).size).toBe(0)
  })

  it('delete and touch say whether it was there, deleteMany how many', async () => {
    await client.set('a', '1')
    await client.set('b', '1')
    expect(await client.touch('a', 100)).toBe(true)
    expect(await client.touch('nothing', 100)).toBe(false)
    expect(await client.delete('a')).toBe(true)
    expect(await client.delete('a')).toBe(false)
    expect(await client.deleteMany(['a', 'b', 'c'])).toEqual({ deleted: 1, failed: new Map() })
  })

  it('MEM-10 F27 incr and decr count, stop at 0, and refuse what is no number', async () => {
    expect(await client.incr('n')).toBeUndefined()
    await client.set('n', '5')
    expect(await client.incr('n')).toBe(6n)
    expect(await client.incr('n', { by: 10n })).toBe(16n)
    expect(await client.decr('n', { by: 6 })).toBe(10n)
    expect(await client.decr('n', { by: 100 })).toBe(0n)
    await client.set('text', 'abc')
    await expect(client.incr('text')).rejects.toMatchObject({ code: 'NOT_A_NUMBER' })
    expect(await client.incr('n', { by: 2n ** 64n - 1n })).toBe(2n ** 64n - 1n)
    for (const by of [-1, 0.5, Number.NaN, 2 ** 53, 2n ** 64n]) {
      await expect(client.incr('n', { by })).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' })
    }
  })

  it('T11 fifty that count from nothing at once lose none', async () => {
    const counts = await Promise.all(
      Array.from({ length: 50 }, () => client.incr('n', { initial: 1, expiry: 100 })),
    )
    expect(counts.map(Number).sort((a, b) => a - b)).toEqual(Array.from({ length: 50 }, (_, i) => i + 1))
  })

  it('F25 F26 expiry: fractions round up, 30 days and more are kept, 0 and less are gone at once', async () => {
    for (const expiry of [1, 0.4, 2_592_000, 2_592_001, 1e9, 1e15]) {
      await client.set('k', 'v', { expiry })
      expect(await read('k'), `${expiry}`).toBe('v')
      expect(await client.touch('k', expiry)).toBe(true)
      expect(await read('k'), `${expiry}`).toBe('v')
    }
    for (const expiry of [0, -1, -0.5]) {
      await client.set('k', 'v', { expiry })
      expect(await read('k'), `${expiry}`).toBeUndefined()
      await client.set('k', 'v')
      await client.touch('k', expiry)
      expect(await read('k'), `${expiry}`).toBeUndefined()
    }
    for (const expiry of [Number.NaN, Infinity, -Infinity]) {
      await expect(client.set('k', 'v', { expiry })).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' })
    }
    // @ts-expect-error: a duration in words is not the client's business
    await expect(client.set('k', 'v', { expiry: '5m' })).rejects.toBeInstanceOf(TypeError)
  })

  it('get can move the expiry in the same step', async () => {
    await client.set('k', 'v', { expiry: 100 })
    expect(String((await client.get('k', { touch: -1 }))?.value ?? '')).toMatch(/^v?$/)
    expect(await read('k')).toBeUndefined()
  })

  it('F24 a value over the limit is refused before it is sent; over the server limit the old one goes, in step', async () => {
    await client.set('k', 'old')
    await expect(client.set('k', Buffer.alloc(1024 * 1024 + 1))).rejects.toMatchObject({
      code: 'INVALID_VALUE',
    })
    expect(await read('k')).toBe('old')
    const [refused, other] = await Promise.allSettled([
      client.set('k', Buffer.alloc(1024 * 1024)),
      client.set('other', 'fine'),
    ])
    expect(refused).toMatchObject({
      status: 'rejected',
      reason: { code: 'VALUE_TOO_LARGE', uncertain: false },
    })
    expect(other).toMatchObject({ status: 'fulfilled', value: true })
    expect(await read('k')).toBeUndefined()
    expect(client.servers[0]?.state).toBe('up')
  })

  it('setMany names exactly the keys that the server refused', async () => {
    const failed = await client.setMany([
      ['a', '1'],
      ['huge', Buffer.alloc(1024 * 1024)],
      ['b', '2'],
    ])
    expect([...failed].map(([key, error]) => [key, error.code])).toEqual([['huge', 'VALUE_TOO_LARGE']])
    expect(await read('a')).toBe('1')
    expect(await read('b')).toBe('2')
  })

  it('a value over our own limit is skipped when read, in step', async () => {
    await client.set('big', 'x'.repeat(50_000))
    await client.set('small', 'y')
    const narrow = memcachedClient({ servers: server.address, protocol, maxValueBytes: 1000 })
    const [big, small] = await Promise.allSettled([narrow.get('big'), narrow.get('small')])
    expect(big).toMatchObject({ status: 'rejected', reason: { code: 'VALUE_TOO_LARGE' } })
    expect(small).toMatchObject({ status: 'fulfilled' })
    const { items, failed } = await narrow.getMany(['big', 'small'])
    expect([...items.keys()]).toEqual(['small'])
    expect([...failed.keys()]).toEqual(['big'])
    await narrow.close()
  })

  it('stats and version answer by server; a topic is one word and nothing more', async () => {
    expect((await client.version()).get(server.address)).toMatch(/^\d+\.\d+/)
    expect((await client.stats()).get(server.address)?.get('pid')).toMatch(/^\d+$/)
    expect((await client.stats('settings')).get(server.address)?.get('maxbytes')).toMatch(/^\d+$/)
    await expect(client.stats('items\r\nflush_all')).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' })
  })

  it('names of options that do not exist are refused, before anything is sent', async () => {
    // @ts-expect-error: no such option
    await expect(client.set('k', 'v', { ttl: 5 })).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' })
    // @ts-expect-error: no such option
    await expect(client.get('k', { case: true })).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' })
    // @ts-expect-error: no such option
    await expect(client.incr('k', { delta: 1 })).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' })
    // @ts-expect-error: no such mode
    await expect(client.store('k', 'v', { mode: 'toString' })).rejects.toMatchObject({
      code: 'INVALID_ARGUMENT',
    })
    // @ts-expect-error: no such value
    await expect(client.set('k', 5)).rejects.toMatchObject({ code: 'INVALID_VALUE' })
    expect(await read('k')).toBeUndefined()
  })

  it('one bad key in many rejects the whole call, and nothing of it is sent', async () => {
    await expect(
      client.setMany([
        ['good', '1'],
        ['', '2'],
      ]),
    ).rejects.toMatchObject({ code: 'INVALID_KEY' })
    expect(await read('good')).toBeUndefined()
    await expect(client.getMany(['good', 'x'.repeat(251)])).rejects.toMatchObject({ code: 'INVALID_KEY' })
  })

  it('after close every verb rejects with CLOSED, and what was under way has ended', async () => {
    const own = memcachedClient({ servers: server.address, protocol })
    const before = own.set('k', 'v')
    await own.close()
    expect(await before).toBe(true)
    await own.close()
    for (const verb of [own.get('k'), own.set('k', 'v'), own.flushAll(), own.stats(), own.incr('k')]) {
      await expect(verb).rejects.toMatchObject({ code: 'CLOSED' })
    }
    expect((await own.getMany(['k'])).failed.get('k')).toMatchObject({ code: 'CLOSED' })
  })

  if (protocol === 'meta') return

  it('what only the meta protocol can do is refused by name, never ignored', async () => {
    for (const options of [{ vivify: 30 }, { recache: 30 }, { ttl: true }, { bump: false }]) {
      await expect(client.get('k', options)).rejects.toMatchObject({ code: 'NOT_SUPPORTED' })
    }
    await expect(client.delete('k', { stale: true })).rejects.toMatchObject({ code: 'NOT_SUPPORTED' })
  })
})

describe('meta: what the server does against stampedes (X-9)', () => {
  let client: MemcachedClient
  beforeAll(() => {
    client = memcachedClient({ servers: server.address, timeout: 2000 })
  })
  beforeEach(() => client.flushAll())
  afterAll(() => client.close())

  it('vivify: of fifty that miss at once one wins, the others see that it is taken', async () => {
    const items = await Promise.all(
      Array.from({ length: 50 }, () => client.get('k', { vivify: 30, cas: true })),
    )
    expect(items.filter((item) => item?.won)).toHaveLength(1)
    expect(items.filter((item) => item?.taken && !item.won)).toHaveLength(49)
    const winner = items.find((item) => item?.won)
    expect(winner?.value.length).toBe(0)
    expect(await client.cas('k', 'made', winner!.cas!)).toBe('stored')
    expect(await client.get('k', { vivify: 30 })).toMatchObject({ won: false, taken: false, stale: false })
  })

  it('recache: with little time left one wins early, and all still get the value', async () => {
    await client.set('k', 'v', { expiry: 20 })
    expect((await client.get('k', { recache: 5 }))?.won).toBe(false)
    const items = await Promise.all(
      Array.from({ length: 10 }, () => client.get('k', { recache: 30, ttl: true })),
    )
    expect(items.filter((item) => item?.won)).toHaveLength(1)
    expect(items.every((item) => String(item?.value) === 'v' && (item?.ttl ?? 99) <= 20)).toBe(true)
  })

  it('delete with stale: the value stays readable and marked, one wins, and the expiry shortens', async () => {
    await client.set('k', 'old')
    const before = await client.get('k', { cas: true, ttl: true })
    expect(before?.ttl).toBe(Infinity)
    expect(await client.delete('k', { stale: true, expiry: 30 })).toBe(true)
    const first = await client.get('k', { cas: true, ttl: true })
    expect(first).toMatchObject({ won: true, stale: true })
    expect(first?.ttl).toBeLessThanOrEqual(30)
    expect(String(first?.value)).toBe('old')
    expect(await client.get('k')).toMatchObject({ won: false, taken: true, stale: true })
    // A refresh begun before the invalidation is stored, but cannot look fresh.
    const late = await client.store('k', 'late', { cas: before!.cas!, acceptStale: true })
    expect(late.status).toBe('stored')
    expect(await client.get('k')).toMatchObject({ stale: true })
  })

  it('delete and store compare the cas, and store answers the new one', async () => {
    const { cas } = await client.store('k', 'v', { returnCas: true })
    expect(await client.delete('k', { cas: cas! + 1n })).toBe(false)
    expect(await client.store('k', 'w', { cas: cas! + 1n })).toMatchObject({ status: 'changed' })
    expect(await client.delete('k', { cas: cas! })).toBe(true)
    expect(await client.store('k', 'w', { cas: cas! })).toMatchObject({ status: 'missing' })
  })

  it('value: false asks only whether it is there', async () => {
    await client.set('k', 'v', { flags: 4 })
    expect(await client.get('k', { value: false })).toMatchObject({ flags: 4, value: Buffer.alloc(0) })
    expect(await client.get('nothing', { value: false })).toBeUndefined()
    expect([...(await client.getMany(['k', 'nothing'], { value: false })).items.keys()]).toEqual(['k'])
  })

  it('a cas of our own choosing is used where the server knows it, and refused before it is sent where not', async () => {
    const version = (await client.version()).get(server.address) ?? ''
    const [major = 0, minor = 0, patch = 0] = version.split('.').map(Number)
    const knows = major * 1e6 + minor * 1e3 + patch >= 1_006_027
    const stored = await client.store('k', 'v', { newCas: 77n }).catch((error) => error.code)
    if (!knows) expect(stored).toBe('NOT_SUPPORTED')
    expect((await client.get('k', { cas: true }))?.cas).toBe(knows ? 77n : undefined)
    expect(client.servers[0]?.state).toBe('up')
  })
})
