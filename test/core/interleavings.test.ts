/**
 * Late writers lose, in every order that things can happen: fast-check's scheduler decides when each answer of the
 * backend and of the source comes. STILLWARM_RUNS sets how many orders are tried (1,000 by default).
 */
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { Cache } from '../../src/core/cache.ts'
import { kit } from './kit.ts'
import { plainBackend } from './plain-backend.ts'

const numRuns = Number(process.env.STILLWARM_RUNS ?? 1_000)
const GRACED = { ttl: 10, staleFor: 1_000 }

interface World {
  cache: Cache
  scheduler: fc.Scheduler
  /** What the source says now; each load reads it once, at a moment of its own. */
  source: { value: number; reads: number }
  load(): Promise<number>
}

/** Plays in every order; `play` begins everything, what it answers is checked when all is done. */
async function inEveryOrder(play: (world: World) => Promise<void>, start?: 'stale'): Promise<void> {
  await fc.assert(
    fc.asyncProperty(fc.scheduler(), async (scheduler) => {
      const slow = { on: false }
      const backend = plainBackend(false, () =>
        slow.on ? scheduler.schedule(Promise.resolve(), 'backend') : Promise.resolve(),
      )
      const { cache, clock, close } = kit({ onBackendError: 'throw' }, backend)
      const source = { value: 1, reads: 0 }
      const load = async () => {
        await scheduler.schedule(Promise.resolve(), 'source asked')
        const { value } = source
        source.reads++
        await scheduler.schedule(Promise.resolve(), 'source answers')
        return value
      }
      if (start === 'stale') {
        await cache.set('key', 0, GRACED)
        clock.advance(10_000)
      }
      slow.on = true
      await scheduler.waitFor(play({ cache, scheduler, source, load }))
      await drained(scheduler)
      slow.on = false
      await close()
    }),
    { numRuns },
  )
}

/** What runs behind begins in a later turn: until nothing more comes. */
async function drained(scheduler: fc.Scheduler): Promise<void> {
  for (let quiet = 0; quiet < 2; ) {
    await new Promise<void>((resolve) => setImmediate(resolve))
    quiet = scheduler.count() > 0 ? 0 : quiet + 1
    await scheduler.waitIdle()
  }
}

describe('every order of events', () => {
  it('F66 after a change and a delete, nothing old is ever there', async () => {
    await inEveryOrder(async (world) => {
      const { cache, source, load } = world
      const early = Promise.all([cache.getOrSet('key', load), cache.getOrSet('key', load)])
      const change = world.scheduler.schedule(Promise.resolve(), 'the source changes').then(async () => {
        source.value = 2
        await cache.delete('key')
        const after = await cache.getOrSet('key', load)
        expect(after).toBe(2)
      })
      await Promise.all([early, change])
    }, undefined)
  })

  it('F66 the same with a stale value being refreshed behind', async () => {
    await inEveryOrder(async (world) => {
      const { cache, source, load } = world
      const early = cache.getOrSet('key', load, GRACED)
      await world.scheduler.schedule(Promise.resolve(), 'the source changes')
      source.value = 2
      await cache.delete('key')
      await early
      expect([undefined, 2]).toContain(await cache.get('key', { stale: true }))
      await cache.getOrSet('key', load, GRACED)
      expect(await cache.get('key', { stale: true })).toBe(2)
    }, 'stale')
  })

  for (const verb of ['delete', 'deleteMany', 'clear'] as const) {
    it(`F66 ${verb} during a load: whatever the order, the old answer does not rest there`, async () => {
      await inEveryOrder(async (world) => {
        const { cache, source, load } = world
        const early = cache.getOrSet('key', load, GRACED)
        await world.scheduler.schedule(Promise.resolve(), 'the source changes')
        source.value = 2
        if (verb === 'delete') await cache.delete('key')
        else if (verb === 'clear') await cache.clear()
        else await cache.deleteMany(['key', 'other'])
        await early
        expect([undefined, 2]).toContain(await cache.get('key', { stale: true }))
      })
    })
  }

  for (const start of [undefined, 'stale'] as const) {
    it(`F67 a set during a ${start ? 'refresh' : 'load'} always wins`, async () => {
      await inEveryOrder(async (world) => {
        const { cache, load } = world
        const began = cache.getOrSet('key', load, GRACED)
        // The source is asked before the set begins, or not at all.
        await world.scheduler.schedule(Promise.resolve(), 'somebody sets')
        const readBefore = world.source.reads
        world.source.value = 9
        await cache.set('key', 9, GRACED)
        await began
        expect(await cache.get('key', { stale: true }), `after ${readBefore} reads`).toBe(9)
      }, start)
    })
  }

  it('F67 a setMany during a load always wins', async () => {
    await inEveryOrder(async ({ cache, load, scheduler, source }) => {
      const began = cache.getOrSet('key', load)
      await scheduler.schedule(Promise.resolve(), 'somebody sets')
      source.value = 9
      await cache.setMany({ other: 1, key: 9 })
      await began
      expect(await cache.get('key')).toBe(9)
    })
  })

  it('an add that was told it is stored is not overwritten by a load that began before', async () => {
    await inEveryOrder(async ({ cache, load, scheduler, source }) => {
      const began = cache.getOrSet('key', load)
      await scheduler.schedule(Promise.resolve(), 'somebody adds')
      source.value = 9
      const added = await cache.add('key', 9)
      await began
      if (added) expect(await cache.get('key')).toBe(9)
    })
  })

  it('F61 callers who come in any order make one load, and read what it made', async () => {
    await inEveryOrder(async (world) => {
      const { cache, load, scheduler } = world
      const answers = await Promise.all(
        Array.from({ length: 5 }, async (_, i) => {
          await scheduler.schedule(Promise.resolve(), `caller ${i}`)
          return cache.getOrSet('key', load)
        }),
      )
      expect(new Set(answers)).toEqual(new Set([1]))
      expect(world.source.reads).toBe(1)
      expect(await cache.get('key')).toBe(1)
    })
  })
})
