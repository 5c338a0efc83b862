/**
 * A job: a named load with a key rule, a lifetime and stale rules, whose refreshes are made elsewhere: nobody who asks for its value
 * waits for one while an old value may still be served. As a function of its options (`defineJob`) or as a class.
 */
import { argumentError } from '../core/errors.ts'
import { kindOf } from '../core/options.ts'
import type { MakeOptions } from '../core/settings.ts'
import type { Duration } from '../core/values/expiry.ts'
import {
  type AnyCache,
  type AnyJobOptions,
  checkJobOptions,
  type EmptyJobOptions,
  JOB_OPTIONS,
  type JobOptions,
  type OnQueueError,
  type ResultCall,
  settleJob,
} from './options.ts'
import { type JobInspection, Refresher } from './refresher.ts'
import type { Runner } from './runner.ts'

/**
 * The class form: options are fields, functions are methods. They are read when the job is first used, and checked then.
 *
 * @example
 * class UserTweets extends Job<[userId: string], Tweet[]> {
 *   name = 'user-tweets'
 *   override cache = caches.default
 *   override lifetime = '5m' as const
 *   load(userId: string) {
 *     return fetchTweets(userId)
 *   }
 * }
 * const tweets = new UserTweets()
 * await tweets.get('42')
 */
export abstract class Job<A extends unknown[], V, R = V> {
  abstract readonly name: string
  declare cache?: AnyCache
  declare lifetime?: Duration | ((...args: A) => Duration)
  declare refreshTimeout?: Duration | ((...args: A) => Duration)
  declare storeFor?: Duration
  declare loadOnMiss?: boolean | ((...args: A) => boolean)
  declare loadWhenOlderThan?: Duration | ((...args: A) => Duration)
  declare runner?: Runner
  declare onQueueError?: OnQueueError
  declare queue?: unknown
  declare priority?: number
  declare retries?: number
  declare softTimeout?: MakeOptions['softTimeout']
  declare hardTimeout?: MakeOptions['hardTimeout']
  declare refreshAhead?: MakeOptions['refreshAhead']
  #refresher: Refresher | undefined

  /** Makes the value. `null` is a value; an answer of `undefined` is returned and not stored. */
  abstract load(...args: A): V | PromiseLike<V>
  /** What a caller gets where nothing is there and nothing is loaded. Never stored. */
  empty?(...args: A): unknown
  /** Makes what `get` answers of what is stored, which stays as it is. */
  processResult?(value: V, call: ResultCall<A>): R

  /** The key of these arguments: the name and a digest of their values. Replace it to make your own. */
  key(...args: A): string {
    return refresherOf(this).key(args)
  }

  /**
   * The value. Fresh: as it is. Stale: as it is, while one refresh runs elsewhere. Missing or beyond `storeFor`: loaded while you
   * wait, or `empty()`. Never an error while a stale value may be served; else what the load threw.
   */
  get(...args: A): Promise<R> {
    // What the load made is of the types it has; core keeps it as it came.
    return promised(() => refresherOf(this).get(args)) as Promise<R>
  }

  /** The values of several lists of arguments, in their order; a lone argument needs no list around it. Rejects as `get` does. */
  getMany(lists: Iterable<A | Lone<A>>): Promise<R[]> {
    return promised(() =>
      Promise.all(Array.from(lists, (list) => this.get(...((Array.isArray(list) ? list : [list]) as A)))),
    )
  }

  /** Value, status, true age in **seconds** and instants. No effect: nothing is loaded, nothing moves. */
  inspect(...args: A): Promise<JobInspection<V>> {
    return promised(() => refresherOf(this).inspect(args)) as Promise<JobInspection<V>>
  }

  /** Stores a value by hand, as if it had just been loaded. `true` when stored. */
  set(args: A, value: V): Promise<boolean> {
    return promised(() => refresherOf(this).set(checkList('set()', args), value))
  }

  /**
   * Stale from now on, and asked to be refreshed; served until the new value is there. A load that is under way is too late to be
   * stored. `true` when something was there; where nothing is, nothing happens. To be rid of the value use `delete`.
   */
  invalidate(...args: A): Promise<boolean> {
    return promised(() => refresherOf(this).invalidate(args))
  }

  /** Removes the value: the next `get` is a miss. `true` when it was there. */
  delete(...args: A): Promise<boolean> {
    return promised(() => refresherOf(this).delete(args))
  }

  /** Loads now, stores, and answers the new value. Rejects with what the load threw. */
  refresh(...args: A): Promise<V> {
    return promised(() => refresherOf(this).refresh(args)) as Promise<V>
  }

  /**
   * Asks for a refresh elsewhere, whatever is there: to warm a key before its first reader. `true` when it is on its way; `false`
   * when it was already.
   *
   * @throws QueueError when the runner does not take it, but for `onQueueError` `'in-process'` and `'sync'`; ConfigError where it never can.
   */
  enqueue(...args: A): Promise<boolean> {
    return promised(() => refresherOf(this).enqueue(args))
  }

  /** Its inside, settled by this if by nothing before. */
  static refresher<A extends unknown[], V, R>(job: Job<A, V, R>): Refresher {
    job.#refresher ??= new Refresher(settleJob(optionsOf(job)))
    return job.#refresher
  }
}

/** The argument of a job that takes only one, and no list. */
type Lone<A extends unknown[]> = A extends [infer Only]
  ? Only extends readonly unknown[]
    ? never
    : Only
  : never

/** What a job is made of; settles it. For workers. */
export function refresherOf<A extends unknown[], V, R>(job: Job<A, V, R>): Refresher {
  return Job.refresher(job)
}

function optionsOf<A extends unknown[], V, R>(job: Job<A, V, R>): AnyJobOptions {
  const own = Object.fromEntries(JOB_OPTIONS.map((name) => [name, job[name]]))
  const bound = (name: 'load' | 'empty' | 'processResult' | 'key') => {
    const method = job[name]
    return typeof method === 'function' ? method.bind(job) : method
  }
  return {
    ...own,
    load: bound('load'),
    empty: bound('empty'),
    processResult: bound('processResult'),
    key: job.key === Job.prototype.key ? undefined : bound('key'),
  }
}

class DefinedJob<A extends unknown[], V, R> extends Job<A, V, R> {
  declare readonly name: string
  declare readonly load: (...args: A) => V | PromiseLike<V>

  constructor(options: object) {
    super()
    Object.assign(
      this,
      Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined)),
    )
    refresherOf(this)
  }
}

/** `defineJob`, with or without a cache bound. */
export interface DefineJob<Needed = unknown> {
  <A extends unknown[], V, E = undefined, R = V | E>(
    options: EmptyJobOptions<A, V, E, R> & Needed,
  ): Job<A, V, R>
  <A extends unknown[], V, R = V>(options: JobOptions<A, V, R> & Needed): Job<A, V, R>
}

/**
 * Defines a job. Every option is checked now; nothing is opened before its first use.
 *
 * @example
 * const tweets = defineJob({
 *   name: 'user-tweets',
 *   cache: caches.default,
 *   load: (userId: string) => fetchTweets(userId),
 *   lifetime: '10m',
 * })
 * await tweets.get('42')
 *
 * @throws TypeError or RangeError, coded, for a wrong option; what the runner says of `queue`.
 */
export const defineJob: DefineJob<{ cache: AnyCache }> = <A extends unknown[], V, R>(options: object) =>
  makeJob<A, V, R>('defineJob()', options)

/** Makes a job of checked names. */
export function makeJob<A extends unknown[], V, R>(
  where: string,
  options: object,
  defaults: object = {},
): Job<A, V, R> {
  checkJobOptions(where, options, JOB_OPTIONS)
  return new DefinedJob<A, V, R>({ ...defaults, ...options })
}

function checkList(where: string, args: unknown): unknown[] {
  if (Array.isArray(args)) return args
  throw argumentError(
    TypeError,
    'INVALID_ARGUMENTS',
    `${where}: the first argument is the list of the job's arguments, not ${kindOf(args)}: set([id], value)`,
  )
}

function promised<T>(verb: () => T | Promise<T>): Promise<T> {
  try {
    return Promise.resolve(verb())
  } catch (error) {
    return Promise.reject(error)
  }
}
