/** A cache over memcached when a server is killed, frozen, full or slow: nobody hangs, and nothing old is served. */
import { randomBytes } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import fc from 'fast-check'
import { afterAll, afterEach, describe, expect, it, vi } from 'vitest'
import { memcachedClient } from '../../../src/backends/memcached/client/index.ts'
import { type MemcachedOptions, memcached } from '../../../src/backends/memcached/memcached.ts'
import { type Cache, createCaches } from '../../../src/index.ts'
import { ownTime } from '../../own-time.ts'
import { startMemcached } from '../../servers/memcached.ts'
import type { TestServer } from '../../servers/server.ts'

/** What a busy machine may add to any time here, in milliseconds. */
const BUSY = 200

vi.spyOn(process, 'emitWarning').mockImplementation(() => {})

const unhandled: unknown[] = []
const note = (reason: unknown) => unhandled.push(reason)
process.on('unhandledRejection', note)
afterAll(async () => {
  await sleep(50)
  process.off('unhandledRejection', note)
  expect(unhandled, 'T6 no rejection is left unhandled').toEqual([])
})

const open: { close(): Promise<unknown> }[] = []
afterEach(() => Promise.all(open.splice(0).map((one) => one.close())))

function cacheOver(options: MemcachedOptions, more: object = {}): Cache {
  const caches = createCaches({ default: { backend: memcached(options), ...more } })
  open.push(caches)
  return caches.default
}

async function took(ask: () => Promise<unknown>): Promise<number> {
  const from = ownTime()
  await ask()
  return ownTime() - from
}

/** How long until it answers so. */
async function until<T>(answer: T, ask: () => Promise<T | undefined>): Promise<number> {
  const from = ownTime()
  while ((await ask()) !== answer) {
    if (ownTime() - from > 10_000) throw new Error('It does not come back')
    await sleep(5)
  }
  return ownTime() - from
}

function median(times: number[]): number {
  return times.toSorted((a, b) => a - b)[Math.floor(times.length / 2)]!
}

async function three(): Promise<{ servers: TestServer[]; addresses: string[] }> {
  const servers = await Promise.all([startMemcached(), startMemcached(), startMemcached()])
  return { servers, addresses: servers.map(({ address }) => address) }
}

/** Reads until the server of this key takes writes again, and for a while after. */
async function readUntilServed(cache: Cache, key: string, read: () => Promise<void>): Promise<void> {
  const until = performance.now() + 10_000
  for (let served = false; !served; await sleep(5)) {
    await read()
    served = await cache.set(key, 'served')
    if (performance.now() > until) throw new Error('The server does not come back')
  }
  for (let i = 0; i < 20; i++) {
    await read()
    await sleep(5)
  }
}

/** How many keys of `:1:k…` rest on which server. */
function owners(addresses: string[], keys: string[]): Map<string, string> {
  const client = memcachedClient({ servers: addresses })
  open.push(client)
  return new Map(keys.map((key) => [key, client.serverOf(`:1:${key}`)]))
}

describe('one server', () => {
  it('T1 T4 killed: a miss at once, and back within 1.5 s of its return', async () => {
    const server = await startMemcached()
    const cache = cacheOver({ servers: server.address })
    await cache.set('k', 'v')
    await server.kill()
    expect(await took(() => cache.get('k'))).toBeLessThan(50 + BUSY)
    const later: number[] = []
    for (let i = 0; i < 200; i++) later.push(await took(() => cache.get('k')))
    expect(median(later)).toBeLessThan(2)
    expect(await cache.set('k', 'v')).toBe(false)
    await server.restart()
    expect(await until(true, () => cache.set('k', 'new'))).toBeLessThan(1_500 + BUSY)
    expect(await cache.get('k')).toBe('new')
  })

  it('T2 T3 frozen: within its deadline, then at once; 100 callers make one load and are all answered', async () => {
    const server = await startMemcached()
    const cache = cacheOver({ servers: server.address })
    await cache.set('k', 'v')
    await server.freeze()
    let loads = 0
    const load = async () => {
      loads++
      return 'made'
    }
    const ms = await took(async () => {
      const answers = await Promise.all(Array.from({ length: 100 }, () => cache.getOrSet('other', load)))
      expect(new Set(answers)).toEqual(new Set(['made']))
    })
    expect(loads).toBe(1)
    expect(ms).toBeLessThan(300 + BUSY)
    const later: number[] = []
    for (let i = 0; i < 200; i++) later.push(await took(() => cache.get('k')))
    expect(median(later)).toBeLessThan(2)
    server.thaw()
    expect(await until<unknown>('v', () => cache.get('k'))).toBeLessThan(1_500 + BUSY)
  })

  it('F22 deletes and overwrites that were lost while it was frozen: nothing old is served after', async () => {
    const server = await startMemcached()
    const cache = cacheOver({ servers: server.address })
    const keys = Array.from({ length: 1_000 }, (_, i) => `k${i}`)
    await cache.setMany(Object.fromEntries(keys.map((key) => [key, 'old'])))
    await server.freeze()
    await Promise.all(keys.map((key, i) => (i % 2 ? cache.delete(key) : cache.set(key, 'new'))))
    server.thaw()
    let old = 0
    await readUntilServed(cache, 'served', async () => {
      for (const value of (await cache.getMany(keys)).values()) if (value === 'old') old++
    })
    expect(old).toBe(0)
    expect(await cache.set('k0', 'newest')).toBe(true)
    expect(await cache.get('k0')).toBe('newest')
  })

  it('F24 a value over its limit is false, the old one is gone, and the connection stays in step', async () => {
    const server = await startMemcached()
    const cache = cacheOver({ servers: server.address }, { maxValueBytes: '8mb' })
    const large = randomBytes(2_000_000)
    await cache.set('k', 'old')
    await cache.set('other', 'kept')
    expect(await cache.set('k', large)).toBe(false)
    expect(await cache.get('k')).toBeUndefined()
    expect(await cache.setMany({ a: 1, k: large })).toEqual(['k'])
    expect(await cache.getMany(['a', 'k', 'other'])).toEqual(
      new Map<string, unknown>([
        ['a', 1],
        ['other', 'kept'],
      ]),
    )
    expect(await cache.getOrSet('k', async () => large)).toHaveLength(large.length)
    expect(await cache.get('k')).toBeUndefined()
  })

  it('F24 an entry so near the limit that no claim fits beside it is still made anew', async () => {
    const server = await startMemcached()
    const cache = cacheOver({ servers: server.address })
    let size = 2 ** 20 - 40
    while (!(await cache.set('k', randomBytes(size), { ttl: 60, staleFor: 60 }))) size -= 8
    expect(await cache.expire('k')).toBe(true)
    expect(await cache.getOrSet('k', async () => 'new', { ttl: 60, staleFor: 60, fresh: true })).toBe('new')
    expect(await cache.get('k')).toBe('new')
  })

  it('F28 a server without room says so: false, and it goes on serving', async () => {
    const server = await startMemcached({ args: ['-M', '-m', '2'] })
    const cache = cacheOver({ servers: server.address })
    const value = randomBytes(100_000)
    const stored: boolean[] = []
    for (let i = 0; i < 40; i++) stored.push(await cache.set(`k${i}`, value))
    expect(stored[0]).toBe(true)
    expect(stored).toContain(false)
    expect(value.equals((await cache.get('k0')) as Buffer)).toBe(true)
    expect(await cache.get(`k${stored.indexOf(false)}`)).toBeUndefined()
  })

  it('F26 MEM-04 a fraction of a second is kept for one at most; 0 and less not at all', async () => {
    const server = await startMemcached()
    const cache = cacheOver({ servers: server.address })
    const client = memcachedClient({ servers: server.address })
    open.push(client)
    await cache.set('fraction', 'v', 0.4)
    expect(await cache.set('nothing', 'v', 0)).toBe(true)
    expect(await cache.set('less', 'v', -1)).toBe(true)
    expect(await cache.getMany(['nothing', 'less'])).toEqual(new Map())
    const left = (await client.get(':1:fraction', { ttl: true }))?.ttl ?? 0
    expect(left).toBeLessThanOrEqual(1)
  })

  it('T12 no key is ever answered with the value of another, however often the server stands still', async () => {
    const server = await startMemcached()
    const cache = cacheOver({ servers: server.address, opTimeout: 30, connectTimeout: 200 })
    const keys = Array.from({ length: 50 }, (_, i) => `k${i}`)
    await cache.setMany(Object.fromEntries(keys.map((key) => [key, key])))
    let answered = 0
    let wrong = 0
    let going = true
    const reader = async (n: number) => {
      while (going) {
        const key = keys[n++ % keys.length]!
        const value = await cache.get(key)
        if (value !== undefined) answered++
        if (value !== undefined && value !== key) wrong++
        else if (value === undefined) await sleep(2)
      }
    }
    const readers = Array.from({ length: 20 }, (_, i) => reader(i))
    for (let i = 0; i < 3; i++) {
      await sleep(100)
      await server.freeze()
      await sleep(50)
      server.thaw()
      await expect.poll(() => cache.get('k0'), { timeout: 3_000, interval: 10 }).toBeDefined()
    }
    going = false
    await Promise.all(readers)
    expect(wrong).toBe(0)
    expect(answered).toBeGreaterThan(500)
  })

  it('T24 A30 10,000 times bytes that were changed on the server are a miss, never another value', async () => {
    const server = await startMemcached()
    const cache = cacheOver({ servers: server.address, opTimeout: 5_000 })
    const client = memcachedClient({ servers: server.address, timeout: 5_000 })
    open.push(client)
    const values: Record<string, unknown> = {
      object: { text: 'a value', list: [1, 2, 3] },
      text: 'a text',
      map: new Map([['a', new Date(0)]]),
      bytes: Buffer.from('bytes'),
      large: 'compressed '.repeat(500),
    }
    await cache.setMany(values, { ttl: 60, staleFor: 60 })
    const { items } = await client.getMany(Object.keys(values).map((key) => `:1:${key}`))
    const whole = [...items.values()].map(({ value, flags }) => ({ bytes: Buffer.from(value), flags }))
    const kinds = [0, 2 ** 30, 2 ** 31, 3 * 2 ** 30, 2 ** 32 - 1]
    const change = fc.record({
      of: fc.constantFrom(...whole),
      at: fc.nat(),
      by: fc.integer({ min: 1, max: 255 }),
      cut: fc.boolean(),
      flags: fc.option(fc.constantFrom(...kinds)),
    })
    // Of a hundred at a time: one batch writes them, one reads them.
    await fc.assert(
      fc.asyncProperty(fc.array(change, { minLength: 100, maxLength: 100 }), async (changes) => {
        const keys = changes.map((_, i) => `k${i}`)
        await Promise.all(
          changes.map(({ of, at, by, cut, flags }, i) => {
            const place = at % of.bytes.length
            const mutated = Buffer.from(cut ? of.bytes.subarray(0, place) : of.bytes)
            if (!cut) mutated[place]! ^= by
            return client.set(`:1:k${i}`, mutated, { flags: flags ?? of.flags })
          }),
        )
        expect(await cache.getMany(keys)).toEqual(new Map())
        expect(await Promise.all(keys.map((key) => cache.get(key)))).toEqual(keys.map(() => undefined))
        await Promise.all(keys.map((key) => cache.has(key)))
      }),
      { numRuns: 100 },
    )
    expect(await cache.getOrSet('k0', async () => 'anew')).toBe('anew')
  })
})

describe('three servers', () => {
  it('F21 one is dead: its keys miss, the others are served, and it is back within 1.5 s', async () => {
    const { servers, addresses } = await three()
    const cache = cacheOver({ servers: addresses })
    const keys = Array.from({ length: 300 }, (_, i) => `k${i}`)
    const owner = owners(addresses, keys)
    expect(await cache.setMany(Object.fromEntries(keys.map((key) => [key, key])))).toEqual([])
    await servers[1]!.kill()
    await cache.getMany(keys)
    const lost = keys.filter((key) => owner.get(key) === addresses[1])
    expect(lost.length).toBeGreaterThan(50)
    const found = await cache.getMany(keys)
    expect(keys.filter((key) => !found.has(key))).toEqual(lost)
    const times: number[] = []
    for (const key of keys) times.push(await took(() => cache.get(key)))
    expect(median(times)).toBeLessThan(2 + 5)
    expect((await cache.setMany(Object.fromEntries(keys.map((key) => [key, 1])))).sort()).toEqual(lost.sort())
    await servers[1]!.restart()
    expect(await until(true, () => cache.set(lost[0]!, 'back'))).toBeLessThan(1_500 + BUSY)
    expect(await cache.get(lost[0]!)).toBe('back')
  })

  it('F22 one was frozen and missed deletes and overwrites: none of the old values is served after', async () => {
    const { servers, addresses } = await three()
    const cache = cacheOver({ servers: addresses })
    const keys = Array.from({ length: 600 }, (_, i) => `k${i}`)
    const others = keys.map((key) => `other ${key}`)
    const [itsOwn] = [...owners(addresses, others)].find(([, address]) => address === addresses[2]) ?? []
    await cache.setMany(Object.fromEntries(keys.map((key) => [key, 'old'])))
    await servers[2]!.freeze()
    await cache.setMany(Object.fromEntries(keys.slice(0, 300).map((key) => [key, 'new'])))
    await cache.deleteMany(keys.slice(300, 450))
    await Promise.all(keys.slice(450).map((key) => cache.delete(key)))
    servers[2]!.thaw()
    let old = 0
    await readUntilServed(cache, itsOwn!, async () => {
      for (const value of (await cache.getMany(keys)).values()) if (value === 'old') old++
      for (const key of keys.slice(290, 310)) if ((await cache.get(key)) === 'old') old++
    })
    expect(old).toBe(0)
    // What was lost can be made again.
    const made = await Promise.all(keys.map((key) => cache.getOrSet(key, async () => 'made')))
    expect(made.every((value) => value === 'made' || value === 'new')).toBe(true)
    // A busy machine may miss a deadline and so not keep one.
    await expect
      .poll(
        async () => {
          await Promise.all(keys.map((key) => cache.getOrSet(key, async () => 'made')))
          return (await cache.getMany(keys)).size
        },
        { timeout: 10_000 },
      )
      .toBe(600)
  })
})

it('T6 a wrong password is an outage like any other, and never shown', async () => {
  const server = await startMemcached({ passwords: { anna: 'secret' } })
  const cache = cacheOver(
    { servers: server.address, username: 'anna', password: 'not-it-at-all' },
    { onBackendError: 'throw' },
  )
  const error: unknown = await cache.get('k').catch((reason: unknown) => reason)
  expect(error).toMatchObject({ code: 'BACKEND_FAILED' })
  expect(JSON.stringify(error) + String((error as Error).stack) + String((error as Error).cause)).not.toMatch(
    /not-it-at-all/,
  )
  const right = cacheOver({ servers: `memcached://anna:secret@${server.address}` })
  expect(await right.set('k', 1)).toBe(true)
})
