/** Functions and methods that answer from a cache and are refreshed behind their callers: a job around what is there already. */
import { argumentError } from '../core/errors.ts'
import { kindOf } from '../core/options.ts'
import { inProcess } from './in-process.ts'
import { type Job, makeJob } from './job.ts'
import {
  type AnyCache,
  checkJobOptions,
  checkName,
  type EmptyJobOptions,
  type JobOptions,
  type ResultCall,
  WRAPPER_OPTIONS,
} from './options.ts'
import { ownCache } from './own-cache.ts'
import type { Runner } from './runner.ts'

/** A wrapped function: the same arguments, and a promise of its value. */
export interface Cached<A extends unknown[], V, R = V> {
  (...args: A): Promise<R>
  /** Its job: `inspect`, `set`, `invalidate`, `delete`, `refresh` … of these arguments. */
  readonly job: Job<A, V, R>
  /** The function itself. */
  readonly fn: (...args: A) => V | PromiseLike<V>
}

/** Wraps a function, or decorates a method. */
export interface Wrap<E = never> {
  <A extends unknown[], V>(fn: (...args: A) => V | PromiseLike<V>): Cached<A, V, V | E>
  <This, A extends unknown[], V>(
    method: (this: This, ...args: A) => Promise<V>,
    context: ClassMethodDecoratorContext<This, (this: This, ...args: A) => Promise<V>>,
  ): Cached<A, V, V | E>
}

/** Options of a wrapper: those of a job, less the load, which is what it wraps. */
export type WrapperOptions = Omit<
  JobOptions<never[], never, never>,
  'name' | 'load' | 'empty' | 'processResult'
> & {
  /** Stable, and needed where a queue carries the refreshes. Left out: the function's own name, and refreshes stay in the process. */
  name?: string
}

/** `cacheback`, with or without a cache bound. */
export interface Cacheback<Needed = unknown> {
  <V, R>(
    options: WrapperOptions & Needed & { processResult: (value: V, call: ResultCall<unknown[]>) => R },
  ): <A extends unknown[]>(fn: (...args: A) => V | PromiseLike<V>) => Cached<A, V, R>
  <E = undefined>(
    options: Omit<WrapperOptions, 'loadOnMiss'> &
      Needed &
      Pick<EmptyJobOptions<never[], never, E>, 'loadOnMiss' | 'empty'>,
  ): Wrap<E>
  (options: WrapperOptions & Needed): Wrap
  <A extends unknown[], V>(fn: (...args: A) => V | PromiseLike<V>): Cached<A, V>
  <This, A extends unknown[], V>(
    method: (this: This, ...args: A) => Promise<V>,
    context: ClassMethodDecoratorContext<This, (this: This, ...args: A) => Promise<V>>,
  ): Cached<A, V>
}

/**
 * Wraps a function, so that calls with equal arguments share a value and it is refreshed behind them; or decorates a method, whose
 * value must depend on its arguments alone: instances share it.
 *
 * Bare, `cacheback(fn)` takes the function's name, defaults for everything and, where none is bound, a cache of its own in the
 * process; it is refreshed in this process only.
 *
 * @example
 * const getTweets = cacheback({ name: 'tweets', cache: caches.default, lifetime: '10m' })(fetchTweets)
 * await getTweets('42')
 * await getTweets.job.invalidate('42')
 *
 * @throws TypeError `INVALID_JOB_NAME` for a bare function without a name; what `defineJob` throws.
 */
export const cacheback: Cacheback<{ cache: AnyCache }> = bindCacheback({})

type AnyFunction = (...args: unknown[]) => unknown

/** `cacheback` over defaults. */
export function bindCacheback(defaults: { cache?: unknown; runner?: unknown }): Cacheback {
  const bare = (fn: AnyFunction, context?: DecoratorContext) => {
    const runner = (defaults.runner as Runner | undefined)?.remote ? inProcessOnly() : defaults.runner
    return wrap({ cache: ownCache(), ...defaults, ...(runner !== undefined && { runner }) }, fn, context)
  }
  const bound = (first: unknown, context?: DecoratorContext) => {
    if (typeof first === 'function') return bare(first as AnyFunction, context)
    const options = { ...defaults, ...checkJobOptions('cacheback()', first, WRAPPER_OPTIONS) }
    return (fn: unknown, itsContext?: DecoratorContext) => {
      if (typeof fn !== 'function') {
        throw argumentError(TypeError, 'INVALID_FUNCTION', `cacheback(): wraps a function, not ${kindOf(fn)}`)
      }
      if (options.name === undefined && (options.runner as Runner | undefined)?.remote) checkName(undefined)
      return wrap(options, fn as AnyFunction, itsContext)
    }
  }
  return bound as Cacheback
}

let local: Runner | undefined

/** For bare functions under a bound queue: a name that was found cannot be relied on elsewhere. */
function inProcessOnly(): Runner {
  local ??= inProcess()
  return local
}

function wrap(
  options: { name?: unknown; cache?: unknown },
  fn: AnyFunction,
  context: DecoratorContext | undefined,
) {
  const name = options.name ?? (context ? String(context.name) : fn.name)
  const { load, call } = context ? methodOf(fn, context) : functionOf(fn)
  const job = makeJob<unknown[], unknown, unknown>('cacheback()', { ...options, name, load })
  const wrapped = call(job)
  for (const property of ['name', 'length'] as const) {
    Object.defineProperty(wrapped, property, { value: fn[property], configurable: true })
  }
  return Object.assign(wrapped, { job, fn })
}

type MadeOf = { load: AnyFunction; call(job: Job<unknown[], unknown>): AnyFunction }

function functionOf(fn: AnyFunction): MadeOf {
  return {
    load: fn,
    call:
      (job) =>
      (...args) =>
        job.get(...args),
  }
}

/** Its load runs on the instance that was last made or called: the value depends on the arguments alone. */
function methodOf(method: AnyFunction, context: DecoratorContext): MadeOf {
  if (context.kind !== 'method') {
    throw argumentError(
      TypeError,
      'INVALID_DECORATOR',
      `@cacheback decorates methods, not a ${context.kind}: wrap a function with cacheback(…)(fn)`,
    )
  }
  let self: unknown
  context.addInitializer(function (this: unknown) {
    self = this
  })
  return {
    load: (...args) => method.apply(self, args),
    call: (job) =>
      function (this: unknown, ...args) {
        self = this
        return job.get(...args)
      },
  }
}
