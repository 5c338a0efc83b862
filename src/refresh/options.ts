/** What a job is told, and what is made of it: every option, its default, and the frozen settings that the rest reads. */
import type { Cache } from '../core/cache.ts'
import { notBoolean } from '../core/door.ts'
import { argumentError } from '../core/errors.ts'
import { checkCache } from '../core/handle.ts'
import { checkInteger, checkOptions, checkWord, kindOf } from '../core/options.ts'
import { type MakeOptions, settleMake } from '../core/settings.ts'
import { type Duration, durationToMs } from '../core/values/expiry.ts'
import { commonRunner } from './in-process.ts'
import type { Runner, TaskOptions } from './runner.ts'

/** What to do when the runner does not take a refresh. Whatever it is, the event `queue-failed` tells of it. */
export type OnQueueError =
  /** Go on with the stale value (or `empty()`); asked again a second later. */
  | 'serve-stale'
  /** Refresh in this process, behind the caller. */
  | 'in-process'
  /** Load while the caller waits, who gets the new value. */
  | 'sync'
  /** Reject with a `QueueError`. */
  | 'throw'

/** How one `get` came to its value. */
export interface ResultCall<A extends unknown[]> {
  /** The arguments of this call, as given. */
  readonly args: A
  /** `'refreshing'`: stale, and a refresh was asked for before. */
  readonly status: 'missing' | 'fresh' | 'stale' | 'refreshing'
  /** `true`: the caller waited for a load; `false`: a refresh runs behind; `undefined`: none was needed. */
  readonly waited: boolean | undefined
}

/** A cache, whatever the type of its values. */
export type AnyCache = Pick<Cache, 'alias' | 'stats' | 'on' | 'close'>

/** What jobs may have in common: bound once by `refreshWith`. Durations: a number is **seconds**, a string has its unit. */
export interface CommonOptions {
  /** Where the values rest. */
  cache?: AnyCache
  /** How long a value is fresh. `'10m'` by default. */
  lifetime?: Duration
  /** How long a refresh may take: until then no other is asked for. `'1m'` by default. */
  refreshTimeout?: Duration
  /** How long after it was made a value may be served at all. Nothing extends it. `'30d'` by default. */
  storeFor?: Duration
  /** A stale value older than this, counted from when it was made, is not gone on with: the caller waits for a load. Never by default. */
  loadWhenOlderThan?: Duration
  /** Carries refreshes away: `inProcess()` by default. */
  runner?: Runner
  /** What to do when the runner does not take one; `'serve-stale'` by default. */
  onQueueError?: OnQueueError
  /** The engine's own options for the tasks of this job: which queue, and what else its runner documents. */
  queue?: unknown
  /** From −100 to 100: higher goes first; 0 by default. */
  priority?: number
  /** How often a refresh that failed is tried again, from a second on with growing pauses; 4 by default. */
  retries?: number
  /** Where the caller waits though a stale value is there, so long at most. As long as the load takes by default. */
  softTimeout?: MakeOptions['softTimeout']
  /** A caller with nothing to fall back on waits so long at most: then `LoadTimeoutError`. The cache's own by default. */
  hardTimeout?: MakeOptions['hardTimeout']
  /** Refreshes a value while it is still fresh: a share of its lifetime, or how long before its end. Not by default. */
  refreshAhead?: MakeOptions['refreshAhead']
}

/** The arguments as the load has them: what takes fewer of them does not say what they are. */
type Given<A extends unknown[]> = A extends infer Same extends unknown[] ? Same : never

/** A length of time, or a function of the arguments that says it. */
type PerCall<A extends unknown[]> = Duration | ((...args: A) => Duration)

/** What is each job's own. */
interface OwnOptions<A extends unknown[], V>
  extends Omit<CommonOptions, 'lifetime' | 'refreshTimeout' | 'loadWhenOlderThan'> {
  /** Stable: it travels to the workers, and is part of every key. Visible ASCII, at most 100 characters. */
  name: string
  /** Makes the value. `null` is a value; an answer of `undefined` is returned and not stored. */
  load: (...args: A) => V | PromiseLike<V>
  /** How long a value is fresh; a function of the arguments is asked at each load. `'10m'` by default. */
  lifetime?: PerCall<Given<A>>
  /** How long a refresh may take: until then no other is asked for. `'1m'` by default. */
  refreshTimeout?: PerCall<Given<A>>
  /** A stale value older than this, counted from when it was made, is not gone on with: the caller waits for a load. Never by default. */
  loadWhenOlderThan?: PerCall<Given<A>>
  /** The key of these arguments, in place of the digest of their values. */
  key?: (...args: Given<A>) => string
}

/** A job that loads on a miss. */
export interface JobOptions<A extends unknown[], V, R = V> extends OwnOptions<A, V> {
  /** With nothing there, load while the caller waits. `true` by default. */
  loadOnMiss?: true
  /** What a caller gets where nothing is there and nothing is loaded. Never stored. */
  empty?: (...args: Given<A>) => unknown
  /** Makes what `get` answers of what is stored, which stays as it is. */
  processResult?: (value: NoInfer<V>, call: ResultCall<Given<A>>) => R
}

/** A job whose callers never wait, or some of them: where nothing is there they get `empty()`. */
export interface EmptyJobOptions<A extends unknown[], V, E, R = V | E> extends OwnOptions<A, V> {
  /** A function of the arguments says it for each call. */
  loadOnMiss: false | ((...args: Given<A>) => boolean)
  /** What a caller gets where nothing is there, while it is loaded behind; `undefined` by default. Never stored. */
  empty?: (...args: Given<A>) => E
  /** Makes what `get` answers of what is stored, which stays as it is. */
  processResult?: (value: NoInfer<V> | E, call: ResultCall<Given<A>>) => R
}

/** One for all calls, or one for each, by its arguments. */
type PerArgs<T> = T | ((args: unknown[]) => T)

/** What it is for these arguments. */
export function forArgs<T extends number | boolean>(setting: PerArgs<T>, args: unknown[]): T {
  return typeof setting === 'function' ? setting(args) : setting
}

/** The settings of a job, checked and frozen. Times in milliseconds. */
export interface JobSettings {
  readonly name: string
  readonly cache: Cache
  readonly load: (...args: unknown[]) => unknown
  readonly lifetime: PerArgs<number>
  readonly refreshTimeout: PerArgs<number>
  readonly storeFor: number
  readonly loadOnMiss: PerArgs<boolean>
  readonly loadWhenOlderThan: PerArgs<number>
  readonly empty: (...args: unknown[]) => unknown
  /** The job's own rule; `undefined`: ours. */
  readonly key: ((...args: unknown[]) => string) | undefined
  readonly processResult: ((value: unknown, call: ResultCall<unknown[]>) => unknown) | undefined
  readonly runner: Runner
  readonly onQueueError: OnQueueError
  readonly task: TaskOptions
  readonly make: Pick<MakeOptions, 'softTimeout' | 'hardTimeout' | 'refreshAhead'>
}

/** Of the options that `refreshWith` binds. */
export const COMMON_OPTIONS = [
  'cache',
  'lifetime',
  'refreshTimeout',
  'storeFor',
  'loadWhenOlderThan',
  'runner',
  'onQueueError',
  'queue',
  'priority',
  'retries',
  'softTimeout',
  'hardTimeout',
  'refreshAhead',
] as const

/** Of a wrapper: what it wraps is the load. */
export const WRAPPER_OPTIONS = [
  'name',
  'key',
  'loadOnMiss',
  'empty',
  'processResult',
  ...COMMON_OPTIONS,
] as const

export const JOB_OPTIONS = ['load', ...WRAPPER_OPTIONS] as const

/** Everything a job may be told, before it is checked. */
export type AnyJobOptions = { readonly [name in (typeof JOB_OPTIONS)[number]]?: unknown }

/** Pauses between tries begin with this. */
const BACKOFF = 1_000
/** So short that it is stale at once, and longer than nothing. */
const AT_ONCE = 0.001

/**
 * Checks what a job was told. Every fault is found here; nothing is opened.
 *
 * @throws TypeError or RangeError, coded, naming the option; what the runner's own check throws.
 */
export function settleJob(options: AnyJobOptions): JobSettings {
  const name = checkName(options.name)
  const where = `job ${JSON.stringify(name)}`
  const runner = checkRunner(where, options.runner)
  const storeFor = durationToMs(`${where}: storeFor`, given(options.storeFor, '30d'))
  if (storeFor <= 0) {
    throw argumentError(RangeError, 'INVALID_OPTION', `${where}: storeFor must be more than 0`)
  }
  const make = makeOptionsOf(options)
  settleMake(make, NO_MAKING)
  runner.check?.(`${where}: queue`, options.queue)
  return Object.freeze({
    name,
    cache: checkedCache(where, options.cache),
    load: checkFunction(where, 'load', options.load),
    // Never beyond `storeFor`, and always something: a lifetime of 0 is stale at once.
    lifetime: perArgs(given(options.lifetime, '10m'), (given) =>
      Math.max(AT_ONCE, Math.min(durationToMs(`${where}: lifetime`, given), storeFor - AT_ONCE)),
    ),
    refreshTimeout: perArgs(given(options.refreshTimeout, '1m'), (given) =>
      Math.max(AT_ONCE, durationToMs(`${where}: refreshTimeout`, given)),
    ),
    storeFor,
    loadOnMiss: perArgs(given(options.loadOnMiss, true), (given) => {
      if (typeof given !== 'boolean') throw notBoolean(`${where}: loadOnMiss`, given)
      return given
    }),
    loadWhenOlderThan:
      options.loadWhenOlderThan === undefined
        ? Number.POSITIVE_INFINITY
        : perArgs(options.loadWhenOlderThan, (given) => durationToMs(`${where}: loadWhenOlderThan`, given)),
    empty: options.empty === undefined ? () => undefined : checkFunction(where, 'empty', options.empty),
    key:
      options.key === undefined
        ? undefined
        : (checkFunction(where, 'key', options.key) as (...args: unknown[]) => string),
    processResult:
      options.processResult === undefined
        ? undefined
        : checkFunction(where, 'processResult', options.processResult),
    runner,
    onQueueError: checkWord(`${where}: onQueueError`, given(options.onQueueError, 'serve-stale'), [
      'serve-stale',
      'in-process',
      'sync',
      'throw',
    ]),
    task: Object.freeze({
      tries: 1 + checkInteger(`${where}: retries`, given(options.retries, 4), 0, 1_000),
      backoff: BACKOFF,
      priority: checkInteger(`${where}: priority`, given(options.priority, 0), -100, 100),
      queue: options.queue,
    }),
    make,
  })
}

/** `null` is not left out: it is a wrong value. */
function given(value: unknown, otherwise: unknown): unknown {
  return value === undefined ? otherwise : value
}

const NO_MAKING = {
  staleFor: 0,
  softTimeout: 0,
  hardTimeout: undefined,
  refreshAhead: undefined,
  lease: undefined,
}

function makeOptionsOf(options: AnyJobOptions): JobSettings['make'] {
  const { softTimeout, hardTimeout, refreshAhead } = options as MakeOptions
  return {
    ...(softTimeout !== undefined && { softTimeout }),
    ...(hardTimeout !== undefined && { hardTimeout }),
    ...(refreshAhead !== undefined && { refreshAhead }),
  }
}

/** Refuses what is no options object, and names that no job knows. */
export function checkJobOptions(where: string, options: unknown, known: readonly string[]): AnyJobOptions {
  checkOptions(where, options, known)
  return options as AnyJobOptions
}

export function checkName(name: unknown): string {
  if (typeof name === 'string' && /^[!-~]{1,100}$/.test(name)) return name
  throw argumentError(
    TypeError,
    'INVALID_JOB_NAME',
    `a job needs a name of its own, 1 to 100 visible ASCII characters without spaces${typeof name === 'string' ? '' : `, not ${kindOf(name)}`}: it travels to the workers, and must stay the same`,
  )
}

function checkRunner(where: string, runner: unknown): Runner {
  if (runner === undefined) return commonRunner()
  const { enqueue, close, name } = (runner ?? {}) as Partial<Runner>
  if (typeof enqueue === 'function' && typeof close === 'function' && typeof name === 'string') {
    return runner as Runner
  }
  throw argumentError(
    TypeError,
    'INVALID_OPTION',
    `${where}: runner must be what a factory made, such as inProcess(), not ${kindOf(runner)}`,
  )
}

function checkedCache(where: string, cache: unknown): Cache {
  if (cache === undefined) {
    throw argumentError(
      TypeError,
      'INVALID_OPTION',
      `${where}: cache is missing: give one of createCaches(), or bind it once with refreshWith({ cache })`,
    )
  }
  checkCache(cache)
  return cache as Cache
}

function checkFunction(where: string, name: string, value: unknown): (...args: unknown[]) => unknown {
  if (typeof value === 'function') return value as (...args: unknown[]) => unknown
  throw argumentError(
    TypeError,
    'INVALID_OPTION',
    `${where}: ${name} must be a function, not ${kindOf(value)}`,
  )
}

/** Settles what was given, now, or where it is a function at each call. */
function perArgs<T>(given: unknown, settle: (given: unknown) => T): PerArgs<T> {
  return typeof given === 'function' ? (args) => settle(given(...args)) : settle(given)
}
