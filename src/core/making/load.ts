/**
 * The user's function that makes a value, and what it is told. What it is handed are functions and
 * values, so that it can take them apart: `({ stale, keep }) => …`.
 */
import type { Duration, Ttl } from '../values/expiry.ts'

/** What a load is told. */
export interface LoadContext<V = unknown> {
  /** The key, as the caller wrote it. */
  readonly key: string
  /** Aborted when the load has used up its `hardTimeout`, or the cache closes. Give it to `fetch`. */
  readonly signal: AbortSignal
  /** Nobody waits for the answer: it replaces a value that is stale or soon will be. */
  readonly background: boolean
  /** The value that it replaces, where one is still there. */
  readonly stale: V | undefined
  /** Sets the time to live of what is about to be returned: `ttl(30)`, `ttl('5m')`, `ttl(null)`. */
  ttl(ttl: Ttl): void
  /** Sets for how long it may be served stale after that. */
  staleFor(staleFor: Duration): void
  /** `return keep()` says that the stale value still holds: it is fresh again, for a new ttl. */
  keep(): Kept
  /** `return skip(value)` answers the callers with a value that is not stored. */
  skip<T>(value: T): Skipped<T>
}

/** What a load may return: the value, `keep()` or `skip(value)`; `undefined` is answered and not stored. */
export type Loaded<T> = T | Kept | Skipped<T>

/** Makes a value. */
export type Load<T, V = unknown> = (context: LoadContext<V>) => Loaded<T> | Promise<Loaded<T>>

/** The answer of `keep()`. */
export class Kept {
  declare private readonly brand: 'kept'
}

/** The answer of `skip(value)`. */
export class Skipped<T> {
  readonly value: T

  constructor(value: T) {
    this.value = value
  }
}
