/**
 * A case is a name and a function: any test runner can run it, and a backend's test reads as the list
 * of topics that it promises. What a backend cannot do it says by name, with the reason.
 */
import type { Backend } from '../core/backend.ts'
import type { Caches, CachesConfig, RegistryOptions } from '../core/caches.ts'
import type { Clock } from '../core/clock.ts'

/** A clock that a test moves on: a fake one at once, a real one by waiting. */
export interface TestClock extends Clock {
  advance(ms: number): void | Promise<void>
}

/** What the cases need to know of the backend that they prove. */
export interface CaseContext {
  /** A backend of its own for each call. Those of one server may share it: every case has a prefix of its own. */
  backend(): Backend | Promise<Backend>
  /** Another backend over the store of this one, as another process would have it. For the topic `sharing`. */
  peer?(backend: Backend): Backend | Promise<Backend>
  /** The same backend with limits. For the topics `culling` and `recency`. */
  limited?(limits: { maxEntries: number; cullFrequency?: number }): Backend | Promise<Backend>
  /** `fakeClock()` where the backend reads the clock it is lent, `waitingClock()` for a server with one of its own. */
  clock: TestClock
  /** How exactly an end is kept, in milliseconds: 0 to the instant, 1000 to the second. */
  granularity: number
  /** `createCaches` of the main door, for the cases of the cache. */
  createCaches: <const C extends CachesConfig>(config: C, options: RegistryOptions) => Caches<C>
}

/** One thing that is promised. `run` throws where it does not hold. */
export interface Case<Context = CaseContext> {
  /** The rule and what it says. */
  readonly name: string
  run(context: Context): Promise<void>
}

/** Topic → its cases. */
export type Topics<Context = CaseContext> = Readonly<Record<string, readonly Case<Context>[]>>
