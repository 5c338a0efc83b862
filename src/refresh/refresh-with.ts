/** Defaults for many jobs, said once: the cache, the runner, times. */
import { checkOptions } from '../core/options.ts'
import { bindCacheback, type Cacheback } from './cacheback.ts'
import { type DefineJob, Job, makeJob } from './job.ts'
import { COMMON_OPTIONS, type CommonOptions } from './options.ts'

export interface Refreshing {
  readonly defineJob: DefineJob
  readonly cacheback: Cacheback
  /** The class to extend. */
  readonly Job: typeof Job
}

/**
 * Binds options that jobs have in common. What a job says itself goes first.
 *
 * @example
 * const { defineJob, cacheback, Job } = refreshWith({ cache: caches.default, runner })
 */
export function refreshWith(defaults: CommonOptions): Refreshing {
  checkOptions('refreshWith()', defaults, COMMON_OPTIONS)
  const bound = { ...defaults }
  abstract class BoundJob<A extends unknown[], V, R = V> extends Job<A, V, R> {}
  Object.assign(BoundJob.prototype, bound)
  return {
    defineJob: <A extends unknown[], V, R>(options: object) =>
      makeJob<A, V, R>('defineJob()', options, bound),
    cacheback: bindCacheback(bound),
    Job: BoundJob,
  }
}
