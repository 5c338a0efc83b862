/**
 * Several processes over one store, in every order that things can happen: fast-check's scheduler decides when each question
 * arrives and when each answer comes back. STILLWARM_RUNS sets how many orders are tried (1,000 by default).
 */
import fc from 'fast-check'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import type { Answer } from '../../../src/core/answer.ts'
import type { Backend } from '../../../src/core/backend.ts'
import type { Cache } from '../../../src/core/cache.ts'
import { Store } from '../../../src/core/store.ts'
import { type FakeClock, fakeClock } from '../../../src/testing/clock.ts'
import { kit } from '../kit.ts'
import { plainBackend } from '../plain-backend.ts'

const numRuns = Number(process.env.STILLWARM_RUNS ?? 1_000)

beforeEach(
  () => void vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'setInterval', 'clearInterval'] }),
)
afterEach(() => void vi.useRealTimers())

/** One store, as another process sees it: a question travels, and so does its answer. */
function across(store: Store, travel: (what: string) => Promise<void>): Backend {
  const ask =
    <A extends unknown[], T>(verb: string, act: (...args: A) => Answer<T>) =>
    async (...args: A): Promise<T> => {
      await travel(`${verb} asked`)
      const answer = await act(...args)
      await travel(`${verb} answered`)
      return answer
    }
  const bound: Record<string, unknown> = {}
  const verbs = [
    'get',
    'set',
    'add',
    'touch',
    'delete',
    'incr',
    'clear',
    'getMany',
    'setMany',
    'deleteMany',
    'peek',
    'replace',
    'claim',
    'extend',
    'fill',
    'release',
  ] as const
  for (const verb of verbs)
    bound[verb] = ask(verb, (store[verb] as (...args: unknown[]) => Answer<unknown>).bind(store))
  return { name: 'far', holds: 'values', sync: false, shared: true, close() {}, ...bound } as Backend
}

interface World {
  /** One cache a process. */
  caches: Cache[]
  clock: FakeClock
  schedule(what: string): Promise<void>
  /** What the source says now; each load reads it once, at a moment of its own. */
  source: { value: number; loads: number }
  load(): Promise<number>
}

async function inEveryOrder(
  processes: number,
  play: (world: World) => Promise<void>,
  runs = numRuns,
): Promise<void> {
  await fc.assert(
    fc.asyncProperty(fc.scheduler(), async (scheduler) => {
      const schedule = (what: string) => scheduler.schedule(Promise.resolve(), what).then(() => {})
      const clock = fakeClock()
      const inside = plainBackend(true)
      const store = new Store(inside, clock)
      store.open({ clock, evicted() {}, corrupt() {}, failed() {} })
      const caches = Array.from(
        { length: processes },
        () => kit({ onBackendError: 'throw' }, across(store, schedule)).cache,
      )
      const source = { value: 1, loads: 0 }
      const load = async () => {
        source.loads++
        await schedule('source asked')
        const { value } = source
        await schedule('source answers')
        return value
      }
      let over = false
      const ended = play({ caches, clock, schedule, source, load }).finally(() => {
        over = true
      })
      ended.catch(() => {})
      for (let quiet = 0; !over || quiet < 3; ) {
        await new Promise<void>((resolve) => setImmediate(resolve))
        quiet = scheduler.count() > 0 ? 0 : quiet + 1
        if (scheduler.count() > 0) await scheduler.waitOne()
        // Only waiters are left: they ask again.
        else if (!over) await vi.advanceTimersByTimeAsync(150)
      }
      await ended
    }),
    { numRuns: runs },
  )
}

describe('several processes, every order of events', () => {
  it('F61 T9 one load for all, and everyone has what it made', async () => {
    await inEveryOrder(2, async ({ caches, schedule, source, load }) => {
      const answers = await Promise.all(
        [0, 0, 1, 1].map(async (i, n) => {
          await schedule(`caller ${n}`)
          return caches[i]!.getOrSet('key', load)
        }),
      )
      expect(answers).toEqual([1, 1, 1, 1])
      expect(source.loads).toBe(1)
      expect(await caches[1]!.get('key')).toBe(1)
    })
  })

  for (const verb of ['delete', 'clear', 'deleteMany', 'set'] as const) {
    it(`F66 F67 who comes after another process’s ${verb} has resolved is never given what was loaded before it`, async () => {
      await inEveryOrder(2, async ({ caches: [here, there], schedule, source, load }) => {
        const early = Promise.all([here!.getOrSet('key', load), there!.getOrSet('key', load)])
        await schedule('the source changes')
        source.value = 2
        if (verb === 'delete') await there!.delete('key')
        else if (verb === 'set') await there!.set('key', 2)
        else if (verb === 'clear') await there!.clear()
        else await there!.deleteMany(['key'])
        const late = await Promise.all([
          here!.getOrSet('key', load),
          here!.getOrSet('key', load),
          there!.getOrSet('key', load),
        ])
        expect(late).toEqual([2, 2, 2])
        await early
        expect(await here!.get('key')).toBe(2)
        expect(await there!.get('key')).toBe(2)
      })
    })
  }

  it('F62 F68 a holder that died is gone with its lease, waiters go on, and its late answer is refused', async () => {
    await inEveryOrder(
      2,
      async ({ caches: [dead, alive], clock, schedule, source, load }) => {
        let wake = () => {}
        const asleep = new Promise<void>((resolve) => {
          wake = resolve
        })
        const claimed = new Promise<void>((resolve) => {
          void dead!.getOrSet('key', async () => {
            resolve()
            await asleep
            return 'late'
          })
        })
        await claimed
        vi.clearAllTimers() // it renews no more
        const waiting = Promise.all([alive!.getOrSet('key', load), alive!.getOrSet('key', load)])
        await schedule('time passes')
        clock.advance(2_001)
        expect(await waiting).toEqual([1, 1])
        expect(source.loads).toBe(1)
        wake()
        for (let i = 0; i < 20; i++) await schedule('it wakes')
        expect(await alive!.get('key')).toBe(1)
      },
      Math.min(numRuns, 300),
    )
  })

  it('F64 a load that fails frees those who wait in other processes', async () => {
    await inEveryOrder(
      3,
      async ({ caches, schedule, load }) => {
        const answers = await Promise.allSettled(
          caches.map(async (cache, i) => {
            await schedule(`process ${i}`)
            return cache.getOrSet('key', async () => {
              const value = await load()
              if (i === 0) throw new Error('mine')
              return value
            })
          }),
        )
        for (const answer of answers.slice(1)) expect(answer).toEqual({ status: 'fulfilled', value: 1 })
      },
      Math.min(numRuns, 300),
    )
  })
})

describe('callers and claims', () => {
  const world = (processes: number) => {
    const clock = { now: () => performance.now() }
    const inside = plainBackend(true)
    const store = new Store(inside, clock)
    store.open({ clock, evicted() {}, corrupt() {}, failed() {} })
    const asked: Record<string, number> = {}
    const travel = async (what: string) => {
      asked[what] = (asked[what] ?? 0) + 1
      await new Promise((resolve) => setTimeout(resolve, 1))
    }
    const caches = Array.from({ length: processes }, () => kit({}, across(store, travel)).cache)
    return { caches, asked }
  }

  for (const how of ['skip', 'undefined', 'throw'] as const) {
    it(`F74 an answer that is not kept (${how}): processes do not wait one after the other`, async () => {
      vi.useRealTimers()
      const { caches } = world(8)
      let loads = 0
      let under = 0
      let together = 0
      const answers = await Promise.all(
        caches.flatMap((cache) =>
          Array.from({ length: 12 }, () =>
            cache
              .getOrSet<unknown>('key', async ({ skip }) => {
                loads++
                together = Math.max(together, ++under)
                await new Promise((resolve) => setTimeout(resolve, 400))
                under--
                if (how === 'throw') throw new Error('down')
                return how === 'skip' ? skip('mine') : undefined
              })
              .catch(() => 'failed'),
          ),
        ),
      )
      expect(new Set(answers)).toEqual(new Set([{ skip: 'mine', undefined, throw: 'failed' }[how]]))
      expect(loads).toBeLessThanOrEqual(8)
      // After the first, whoever still has to load does so beside the others.
      expect(together).toBeGreaterThanOrEqual((loads - 1) / 2)
    })
  }

  it('callers of one turn join a load without asking; later ones ask once for all of a turn whether its claim holds', async () => {
    vi.useRealTimers()
    const { caches, asked } = world(1)
    const load = () => new Promise((resolve) => setTimeout(() => resolve('made'), 100))
    const early = Array.from({ length: 50 }, () => caches[0]!.getOrSet('key', load))
    await new Promise((resolve) => setTimeout(resolve, 50))
    expect(asked['extend asked'] ?? 0).toBe(0)
    const late = Array.from({ length: 50 }, () => caches[0]!.getOrSet('key', load))
    expect(new Set(await Promise.all([...early, ...late]))).toEqual(new Set(['made']))
    // Their reads come back in a few turns of the loop.
    expect(asked['extend asked']).toBeLessThanOrEqual(5)
    expect(asked['claim asked']).toBe(1)
  })
})
