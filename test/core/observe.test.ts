import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import { describe, expect, it, vi } from 'vitest'
import { makeCaches } from '../../src/core/caches.ts'
import type { CacheEvent } from '../../src/core/seeing/events.ts'
import { kit, noFormat, rest } from './kit.ts'
import { plainBackend } from './plain-backend.ts'

function listening(options = {}) {
  const world = kit(options)
  const seen: CacheEvent[] = []
  world.cache.on('*', (event) => seen.push(event))
  return { ...world, seen, types: () => seen.splice(0).map((event) => event.type) }
}

describe('events', () => {
  it('are named for what happened, with alias and key and never a value', async () => {
    const { cache, seen, types } = listening()
    await cache.get('key')
    await cache.set('key', 'secret')
    await cache.get('key')
    expect(seen).toEqual([
      { type: 'miss', key: 'key', alias: 'default' },
      { type: 'set', key: 'key', alias: 'default' },
      { type: 'hit', key: 'key', alias: 'default' },
    ])
    seen.length = 0
    await cache.delete('key')
    await cache.clear()
    expect(types()).toEqual(['delete', 'clear'])
    await cache.getOrSet('made', () => 'secret')
    expect(types()).toEqual(['miss', 'load', 'loaded', 'set'])
    await expect(
      cache.getOrSet('bad', () => {
        throw new Error('down')
      }),
    ).rejects.toThrow('down')
    expect(types()).toEqual(['miss', 'load', 'load-failed'])
    await Promise.all([cache.getOrSet('two', async () => 1), cache.getOrSet('two', async () => 1)])
    expect(types()).toEqual(['miss', 'load', 'miss', 'joined', 'loaded', 'set'])
  })

  it('of what is stale: served once, refreshed behind', async () => {
    const { cache, clock, types } = listening()
    await cache.set('key', 1, { ttl: 1, staleFor: 10 })
    clock.advance(1_000)
    types()
    await cache.getOrSet('key', () => 2, { ttl: 1, staleFor: 10 })
    await rest()
    expect(types()).toEqual(['stale', 'load', 'loaded', 'set'])
  })

  it('a stale value is counted once, though its refresh fails after the softTimeout', async () => {
    const { cache, clock, types } = listening()
    await cache.set('key', 1, { ttl: 1, staleFor: 10 })
    clock.advance(1_000)
    types()
    const load = () => new Promise<number>((_, reject) => setTimeout(() => reject(new Error('down')), 20))
    expect(await cache.getOrSet('key', load, { softTimeout: '5ms' })).toBe(1)
    await new Promise((resolve) => setTimeout(resolve, 30))
    expect(types()).toEqual(['load', 'stale', 'load-failed'])
  })

  it('late: what was loaded before a delete is not kept, and told', async () => {
    const { cache, types } = listening()
    await cache.getOrSet('key', async () => {
      await cache.delete('key')
      return 1
    })
    expect(types()).toEqual(['miss', 'load', 'delete', 'loaded', 'late'])
  })

  it('a listener hears its type only, until it is off; one that throws harms nobody', async () => {
    const { cache } = kit()
    const warn = vi.spyOn(process, 'emitWarning').mockImplementation(() => {})
    const heard: string[] = []
    const off = cache.on('set', (event) => heard.push(event.key))
    cache.on('set', () => {
      throw new Error('mine')
    })
    expect(await cache.set('a', 1)).toBe(true)
    off()
    off()
    await cache.set('b', 1)
    await cache.get('a')
    expect(heard).toEqual(['a'])
    expect(warn).toHaveBeenCalledWith(
      expect.stringContaining('mine'),
      expect.objectContaining({ code: 'LISTENER_FAILED' }),
    )
    warn.mockRestore()
  })

  it('a type that there is not, or a listener that is none, is refused', () => {
    const { cache } = kit()
    expect(() => cache.on('hits' as 'hit', () => {})).toThrow(/did you mean 'hit'/)
    expect(() => cache.on('hit', 5 as unknown as () => void)).toThrow(TypeError)
  })

  it('the registry hears every cache; the diagnostics channel every registry', async () => {
    const backend = plainBackend(true)
    const caches = makeCaches({ default: { backend }, other: { backend, keyPrefix: 'o' } }, {}, noFormat)
    const heard: string[] = []
    const published: unknown[] = []
    const note = (event: unknown) => published.push(event)
    const off = caches.on('miss', (event) => heard.push(event.alias))
    subscribe('stillwarm', note)
    await caches.default.get('a')
    await caches.other.get('a')
    unsubscribe('stillwarm', note)
    off()
    await caches.other.get('a')
    expect(heard).toEqual(['default', 'other'])
    expect(published).toEqual([
      { type: 'miss', key: 'a', alias: 'default' },
      { type: 'miss', key: 'a', alias: 'other' },
    ])
  })
})

describe('stats', () => {
  it('count with nobody listening, and are a copy', async () => {
    const { cache, clock } = kit()
    await cache.get('key')
    await cache.set('key', 1, { ttl: 1, staleFor: 10 })
    await cache.getMany(['key', 'other'])
    clock.advance(1_000)
    await cache.get('key', { stale: true })
    await cache.getOrSet('made', () => 1)
    await cache.delete('key')
    await cache.clear()
    const stats = cache.stats()
    expect(stats).toMatchObject({ hits: 1, misses: 3, stale: 1, sets: 2, deletes: 1, clears: 1, loads: 1 })
    stats.hits = 99
    expect(cache.stats().hits).toBe(1)
  })

  it('F59 a hundred thousand keys leave nothing behind in the cache itself', async () => {
    const { cache } = kit({ ttl: 0 })
    for (let i = 0; i < 100_000; i++) cache.sync.getOrSet(`key${i}`, () => i)
    expect(Object.keys(cache.stats()).length).toBeLessThan(20)
    expect(cache.stats().loads).toBe(100_000)
  })
})
