/** Whole numbers on a server that counts in 64 bits without a sign. */
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type MemcachedClient, memcachedClient } from '../../../src/backends/memcached/client/index.ts'
import { type MemcachedBackend, memcached } from '../../../src/backends/memcached/memcached.ts'
import { makeSpace } from '../../../src/core/values/space.ts'
import { startMemcached } from '../../servers/memcached.ts'
import type { TestServer } from '../../servers/server.ts'

const MOST = Number.MAX_SAFE_INTEGER
const NEVER = Number.POSITIVE_INFINITY
const OUT_OF_RANGE = expect.objectContaining({ name: 'RangeError', code: 'OUT_OF_RANGE' })

let server: TestServer
beforeAll(async () => {
  server = await startMemcached()
})

describe.concurrent.each([
  { protocol: 'meta' },
  { protocol: 'meta', clear: 'epoch' },
  { protocol: 'text' },
  { protocol: 'binary' },
] as const)('$protocol $clear', (options) => {
  const space = makeSpace(`counting ${options.protocol} ${'clear' in options}`, 1)
  let backend: MemcachedBackend
  let client: MemcachedClient
  beforeAll(() => {
    backend = memcached({ servers: server.address, opTimeout: 5_000, ...options })
    client = memcachedClient({ servers: server.address })
  })
  afterAll(() => Promise.all([backend.close(), client.close()]))

  const digits = (number: number | string) => Buffer.from(String(number))
  const held = async (key: string) => Buffer.from((await backend.get(space, key)) as Uint8Array).toString()

  it('F27 below zero is a RangeError, and nothing changes', async () => {
    await backend.set(space, 'n', digits(5), NEVER)
    await expect(backend.incr(space, 'n', -6)).rejects.toEqual(OUT_OF_RANGE)
    await expect(backend.incr(space, 'n', -MOST)).rejects.toEqual(OUT_OF_RANGE)
    expect(await held('n')).toBe('5')
    expect(await backend.incr(space, 'n', -5)).toBe(0)
    await expect(backend.incr(space, 'made', -1, { initial: 0, expiresAt: NEVER })).rejects.toEqual(
      OUT_OF_RANGE,
    )
    expect(await backend.get(space, 'made')).toBeUndefined()
  })

  it('F27 a number below zero can be kept, and not counted', async () => {
    await backend.set(space, 'negative', digits(-5), NEVER)
    await expect(backend.incr(space, 'negative', 7)).rejects.toEqual(OUT_OF_RANGE)
    expect(await held('negative')).toBe('-5')
  })

  it('F27 beyond 2^53 - 1, and past 2^64, it is a RangeError, and nothing changes', async () => {
    for (const [from, by] of [
      [MOST, 1],
      [MOST - 1, MOST],
      ['18446744073709551615', 1],
      ['18446744073709551615', MOST],
    ] as const) {
      await backend.set(space, 'high', digits(from), NEVER)
      await expect(backend.incr(space, 'high', by), `${from} + ${by}`).rejects.toEqual(OUT_OF_RANGE)
      expect((await held('high')).trimEnd()).toBe(String(from))
    }
  })

  it('MEM-10 a number that becomes shorter reads back as its digits and no spaces', async () => {
    await backend.set(space, 'short', digits(1_000), NEVER)
    expect(await backend.incr(space, 'short', -999)).toBe(1)
    expect(await held('short')).toBe('1')
    expect(await backend.incr(space, 'short', 9)).toBe(10)
  })

  it('T11 of 40 who take one of 20, half succeed and none goes below', async () => {
    await backend.set(space, 'stock', digits(20), NEVER)
    const taken = await Promise.allSettled(Array.from({ length: 40 }, () => backend.incr(space, 'stock', -1)))
    const left = taken.flatMap((one) => (one.status === 'fulfilled' ? [one.value] : []))
    expect(left.toSorted((a, b) => a! - b!)).toEqual(Array.from({ length: 20 }, (_, i) => i))
    expect(await held('stock')).toBe('0')
  })

  it('API-13 counting down again and again moves no expiry on', async () => {
    await backend.set(space, 'brief', digits(100_000), Date.now() + 1_000)
    const until = performance.now() + 10_000
    for (;;) {
      const sum = await backend.incr(space, 'brief', -1)
      if (sum === undefined) break
      if (performance.now() > until) expect.fail('it is still there')
      await sleep(20)
    }
  })

  it('F66 a number under a claim is counted, and the claim is broken', async () => {
    await backend.set(space, 'claimed', digits(7), NEVER)
    const { token, stored } = await backend.claim(space, 'claimed', 30_000)
    expect(Buffer.from(stored as Uint8Array).toString()).toBe('7')
    expect(await held('claimed')).toBe('7')
    expect(await backend.incr(space, 'claimed', 1)).toBe(8)
    expect(await backend.fill(space, 'claimed', token!, digits(1), NEVER)).toBe(false)
    expect(await held('claimed')).toBe('8')
  })
})
