import { createCaches, memory } from '../../src/index.ts'
import { type CommonOptions, defineJob, type Job } from '../../src/refresh/index.ts'
import { type FakeClock, fakeClock } from '../../src/testing/clock.ts'
import { rest } from '../core/kit.ts'

function memoryCaches(clock: FakeClock) {
  return createCaches({ default: { backend: memory() } }, { clock })
}

export interface JobKit {
  clock: FakeClock
  caches: ReturnType<typeof memoryCaches>
  job: Job<[id: string], string>
  /** How often the load was called. */
  loads(): number
  /** What the load does next; at first it answers `id 1`, `id 2`, … */
  next: { load: (id: string, count: number) => string | Promise<string> }
  /** Lets what runs behind come to its end. */
  ran(): Promise<void>
}

/** A job over memory, and a clock that stands still: 600 s fresh, 60 s to refresh, 30 d in all. */
export function jobKit(options: CommonOptions = {}): JobKit {
  const clock = fakeClock()
  const caches = memoryCaches(clock)
  let count = 0
  const next: JobKit['next'] = { load: async (id, n) => `${id} ${n}` }
  const job = defineJob({
    name: 'job',
    load: (id: string) => next.load(id, ++count),
    ...options,
    cache: caches.default,
  })
  return { clock, caches, job, loads: () => count, next, ran: () => rest(10) }
}
