import { describe, expect, it } from 'vitest'
import type { CacheEvent } from '../../src/core/seeing/events.ts'
import { failing, kit, rest } from './kit.ts'
import { plainBackend } from './plain-backend.ts'

for (const sync of [true, false]) {
  const how = sync ? 'that throws' : 'that rejects'
  describe(`F01 a backend ${how}`, () => {
    const dead = (options = {}) => {
      const backend = failing(plainBackend(sync))
      return { backend, ...kit(options, backend) }
    }

    it('answers every verb as on a miss, and tells of it', async () => {
      const { backend, cache } = dead()
      const seen: CacheEvent[] = []
      cache.on('backend-failed', (event) => seen.push(event))
      await cache.set('key', 1)
      await cache.set('graced', 1, { ttl: 60, staleFor: 60 })
      backend.down = true
      expect(await cache.get('key')).toBe(undefined)
      expect(await cache.get('key', { default: 'x' })).toBe('x')
      expect(await cache.getMany(['key'])).toEqual(new Map())
      expect(await cache.set('key', 2)).toBe(false)
      expect(await cache.set('key', 2, 0)).toBe(false)
      expect(await cache.add('other', 2)).toBe(false)
      expect(await cache.add('other', 2, 0)).toBe(false)
      expect(await cache.touch('key', 5)).toBe(false)
      expect(await cache.touch('key', 0)).toBe(false)
      expect(await cache.delete('key')).toBe(false)
      expect(await cache.deleteMany(['key'])).toBe(0)
      expect(await cache.has('key')).toBe(false)
      expect(await cache.setMany({ a: 1, b: 2 })).toEqual(['a', 'b'])
      expect(await cache.setMany({ a: 1, b: 2 }, 0)).toEqual(['a', 'b'])
      expect(await cache.incr('key')).toBe(undefined)
      expect(await cache.incr('key', 1, { initial: 0 })).toBe(undefined)
      expect(await cache.decr('key')).toBe(undefined)
      expect(await cache.incrVersion('key')).toBe(undefined)
      expect(await cache.inspect('key')).toMatchObject({ value: undefined, status: 'missing' })
      expect(await cache.expire('graced')).toBe(false)
      expect(await cache.clear()).toBe(false)
      expect(await cache.prune()).toBe(0)
      expect(await cache.getOrSet('key', () => 'made')).toBe('made')
      expect(cache.stats().backendFailures).toBe(seen.length)
      expect(seen.length).toBeGreaterThanOrEqual(20)
    })

    it('is used again once it is back, and no key hangs', async () => {
      const { backend, cache } = dead()
      backend.down = true
      let loads = 0
      const load = async () => ++loads
      await Promise.all(Array.from({ length: 20 }, () => cache.getOrSet('key', load)))
      expect(loads).toBeLessThanOrEqual(1)
      backend.down = false
      expect(await cache.getOrSet('key', load)).toBe(loads)
      const before = loads
      expect(await cache.getOrSet('key', load)).toBe(before)
    })

    it('F63 makes one load a process, not one a caller', async () => {
      const { backend, cache } = dead()
      backend.down = true
      let loads = 0
      const load = async () => {
        loads++
        await rest()
        return 'made'
      }
      const answers = await Promise.all(Array.from({ length: 50 }, () => cache.getOrSet('key', load)))
      expect(new Set(answers)).toEqual(new Set(['made']))
      expect(loads).toBe(1)
    })

    it("'throw' rejects with a BackendError, with the cause and without the value", async () => {
      const { backend, cache } = dead({ onBackendError: 'throw' })
      await cache.set('key', 1)
      backend.down = true
      const calls = [
        () => cache.get('key'),
        () => cache.set('key', 'secret'),
        () => cache.add('key', 1),
        () => cache.getMany(['key']),
        () => cache.setMany({ a: 1 }),
        () => cache.delete('key'),
        () => cache.deleteMany(['key']),
        () => cache.has('key'),
        () => cache.touch('key'),
        () => cache.incr('key'),
        () => cache.incrVersion('key'),
        () => cache.inspect('key'),
        () => cache.expire('key'),
        () => cache.clear(),
        () => cache.getOrSet('key', () => 1),
      ]
      for (const call of calls) {
        await expect(call(), String(call)).rejects.toMatchObject({
          name: 'BackendError',
          code: 'BACKEND_FAILED',
          cause: { code: 'ECONNREFUSED' },
          message: expect.not.stringContaining('secret'),
        })
      }
    })

    it('bad arguments are refused as ever', async () => {
      const { backend, cache } = dead()
      backend.down = true
      await expect(cache.set('key', undefined)).rejects.toThrow(TypeError)
      await expect(cache.get('')).rejects.toThrow(TypeError)
    })

    it('a load that fails on top is its own error, as it was thrown', async () => {
      const { backend, cache } = dead({ onBackendError: 'throw' })
      const mine = { my: 'error' }
      await expect(cache.getOrSet('key', () => Promise.reject(mine))).rejects.toBe(mine)
      backend.down = true
      const { cache: quiet, backend: other } = dead()
      other.down = true
      await expect(quiet.getOrSet('key', () => Promise.reject(mine))).rejects.toBe(mine)
    })
  })
}

describe('what fails behind', () => {
  it('F65 a thousand failing refreshes: stale all the while, a try a second, no unhandled rejection', async () => {
    const { cache, clock } = kit()
    const unhandled: unknown[] = []
    const note = (error: unknown) => unhandled.push(error)
    process.on('unhandledRejection', note)
    const options = { ttl: 10, staleFor: 300 }
    await cache.getOrSet('key', () => 'good', options)
    clock.advance(10_000)
    let tries = 0
    for (let i = 0; i < 1_000; i++) {
      const value = await cache.getOrSet<unknown>(
        'key',
        async () => {
          tries++
          throw new Error('the source is down')
        },
        options,
      )
      expect(value).toBe('good')
      await rest(2)
      clock.advance(100)
    }
    expect(tries).toBeGreaterThan(50)
    expect(tries).toBeLessThanOrEqual(101)
    clock.advance(300_000)
    const error = new Error('still down')
    await expect(cache.getOrSet<unknown>('key', () => Promise.reject(error), options)).rejects.toBe(error)
    await rest()
    process.off('unhandledRejection', note)
    expect(unhandled).toEqual([])
  })

  it('F65 a refresh whose answer cannot be kept is not tried again at once', async () => {
    const { cache, clock } = kit({}, { ...plainBackend(true), admit: refuseSymbols })
    const options = { ttl: 10, staleFor: 300 }
    await cache.getOrSet<unknown>('key', () => 'good', options)
    clock.advance(10_000)
    let tries = 0
    for (let i = 0; i < 50; i++) {
      const load = () => {
        tries++
        return Symbol('bad')
      }
      const answer = cache.getOrSet<unknown>('key', load, options)
      expect(await answer).toBe('good')
      await rest(2)
    }
    expect(tries).toBe(1)
  })

  it('F64 a caller with nothing to fall back on always loads', async () => {
    const { cache } = kit()
    let tries = 0
    for (let i = 0; i < 5; i++) {
      await expect(
        cache.getOrSet('key', () => {
          tries++
          throw new Error('down')
        }),
      ).rejects.toThrow('down')
    }
    expect(tries).toBe(5)
  })
})

function refuseSymbols(value: unknown): unknown {
  if (typeof value === 'symbol') throw new TypeError('a symbol cannot be kept')
  return value
}
