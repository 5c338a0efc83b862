/**
 * The cache: the handle people use. Here are its promises, in types and words; `verbs.ts` keeps them.
 */

import type { Load, LoadContext, Loaded } from './making/load.ts'
import type { EventType, Listener } from './seeing/events.ts'
import type { Stats } from './seeing/observe.ts'
import type { MakeOptions } from './settings.ts'
import type { Freshness, Ttl } from './values/expiry.ts'

/** Which version of a key is meant; the cache's own when left out. */
export interface VersionOption {
  version?: number
}

export interface GetOptions extends VersionOption {
  /** A value that is stale but still within its `staleFor` will do. */
  stale?: boolean
}

export interface WriteOptions extends VersionOption {
  /** How long it is kept; the cache's own when left out. */
  ttl?: Ttl
}

export interface SetOptions extends WriteOptions {
  /** For how long after that it may still be served stale, where staleness is asked for (a number is **seconds**). */
  staleFor?: MakeOptions['staleFor']
}

export interface GetOrSetOptions extends WriteOptions, MakeOptions {
  /** Load without reading what is there. */
  fresh?: boolean
}

export interface IncrOptions extends WriteOptions {
  /** Begins here, and counts, where nothing is: one atomic step. Without it a missing key is a `KeyNotFoundError`. */
  initial?: number
}

export interface ClearOptions {
  /** Empties the whole store, whoever else keeps things in it. */
  everything?: boolean
}

/** What `inspect` tells. Instants are milliseconds since 1970, `age` is **seconds**. */
export interface Inspection<V> {
  value: V | undefined
  status: Freshness
  /** Seconds since the value was made; `undefined` where that is not known (a plain whole number on a shared store). */
  age: number | undefined
  createdAt: number | undefined
  /** When it stops being fresh; `null` never, `undefined` not known. */
  staleAt: number | null | undefined
  /** When it is over for good; `null` never, `undefined` not known. */
  expiresAt: number | null | undefined
}

/** What can be set at once. */
export type Entries<V> = Readonly<Record<string, V>> | ReadonlyMap<string, V> | Iterable<readonly [string, V]>

type Maybe<Sync extends boolean, T> = Sync extends true ? T : Promise<T>

/**
 * The verbs, in both kinds of cache: `Sync` false answers promises, true in the same turn.
 *
 * Every verb rejects (sync: throws) with a coded error on a bad argument, before anything is read or
 * written, and with `ClosedError` after `close()`. On a backend that is down it answers as on a miss, unless the cache says `onBackendError:
 * 'throw'`.
 */
export interface Verbs<V, Sync extends boolean> {
  /** The value, or `undefined` (or `default`) when it is missing, expired or stale. A stored `null` is a value. */
  get<T extends V = V>(key: string, options?: GetOptions): Maybe<Sync, T | undefined>
  get<T extends V = V>(key: string, options: GetOptions & { default: null }): Maybe<Sync, T | null>
  get<T extends V = V>(key: string, options: GetOptions & { default: NoInfer<T> }): Maybe<Sync, T>
  get<D>(key: string, options: GetOptions & { default: D }): Maybe<Sync, V | D>

  /** Stores a value. `true` when stored; `false` when the store would not, and then nothing rests under the key. */
  set(key: string, value: V, ttl?: Ttl | SetOptions): Maybe<Sync, boolean>

  /** Stores a value where none is. `true` when stored, `false` when a live one was there, which is left alone. */
  add(key: string, value: V, ttl?: Ttl | SetOptions): Maybe<Sync, boolean>

  /**
   * The value, or what `load` makes of it: once for all who ask meanwhile, stored for `ttl`. A value in place of the function is
   * stored as it is. What the load throws is thrown to those who wait; a stale value that is still allowed is served
   * instead. The key set, deleted or cleared during the load keeps its answer from being stored.
   */
  getOrSet<T extends V>(
    key: string,
    load: Sync extends true ? (context: LoadContext<V>) => Loaded<T> : Load<T, V>,
    ttl?: Ttl | GetOrSetOptions,
  ): Maybe<Sync, T>
  getOrSet<T extends V>(
    key: string,
    value: T extends (...args: never[]) => unknown ? never : T,
    ttl?: Ttl | GetOrSetOptions,
  ): Maybe<Sync, T>

  /** Value, status, age and instants of what is there. No effect: nothing is refreshed, nothing moves. */
  inspect<T extends V = V>(key: string, options?: VersionOption): Maybe<Sync, Inspection<T>>

  /** Stale from now on, kept for its `staleFor` (what was stored without one is gone). `true` when it was there. */
  expire(key: string, options?: VersionOption): Maybe<Sync, boolean>

  /** What is there of the keys, in their order. */
  getMany<T extends V = V>(keys: Iterable<string>, options?: GetOptions): Maybe<Sync, Map<string, T>>

  /** Stores all, for one ttl. Answers the keys that failed. A bad key, value or ttl refuses the call before anything is stored. */
  setMany(entries: Entries<V>, ttl?: Ttl | SetOptions): Maybe<Sync, string[]>

  /** Removes it. `true` when it was there. */
  delete(key: string, options?: VersionOption): Maybe<Sync, boolean>

  /** Removes them. How many were there. */
  deleteMany(keys: Iterable<string>, options?: VersionOption): Maybe<Sync, number>

  /** Is a value there? Changes nothing, recency neither. */
  has(key: string, options?: VersionOption): Maybe<Sync, boolean>

  /** Gives it a new ttl from now. `true` when it was there. */
  touch(key: string, ttl?: Ttl | WriteOptions): Maybe<Sync, boolean>

  /**
   * Adds to a whole number, in one atomic step, and answers the sum; keeps its expiry. `undefined` on a backend that is down.
   * `KeyNotFoundError` when missing (see `initial`), `NOT_A_NUMBER` for anything else, `RangeError` beyond ±(2^53 − 1).
   */
  incr(key: string, by?: number, options?: IncrOptions): Maybe<Sync, number | undefined>
  /** Takes from a whole number; see `incr`. */
  decr(key: string, by?: number, options?: IncrOptions): Maybe<Sync, number | undefined>

  /** Moves the value to `version + by` and answers that version; keeps its expiry. `KeyNotFoundError` when missing. */
  incrVersion(key: string, by?: number, options?: VersionOption): Maybe<Sync, number | undefined>
  decrVersion(key: string, by?: number, options?: VersionOption): Maybe<Sync, number | undefined>

  /** Removes this cache's own keys, of every version, and no other's; the whole store only with `{ everything: true }`. */
  clear(options?: ClearOptions): Maybe<Sync, boolean>
}

/** The same verbs in the same turn, on backends that live in the process. */
export interface SyncCache<V = unknown> extends Verbs<V, true> {}

/** A cache: one alias of the configuration. */
export interface Cache<V = unknown> extends Verbs<V, false> {
  /** The name it has in the configuration. */
  readonly alias: string
  /** Listens to what happens here, until the function it returns is called. `'*'` is every event. */
  on<T extends EventType | '*'>(type: T, listener: Listener<T>): () => void
  /** How often each thing happened here. */
  stats(): Stats
  /** Removes what has expired, on backends that can; how many. */
  prune(): Promise<number>
  /** Ends it: every later verb rejects with `ClosedError`. The backend is closed with the last alias over it. */
  close(): Promise<void>
}
