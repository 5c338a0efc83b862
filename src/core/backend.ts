/**
 * The contract of a backend: where entries rest. A backend is one file (or one folder), one test
 * that lists the topics it promises (`stillwarm/testing`), and one docs page.
 *
 * A backend has no key rule, no serializer, no defaults, no policy for errors and no log. Keys
 * arrive valid, values encoded (or, where it `holds: 'values'`, as they are), expiries as instants. It
 * may throw or reject when its store fails: what that means is decided by the handle. Four ideas to learn: the
 * space, what rests, the instant, the claim.
 */
import type { Answer } from './answer.ts'
import type { CheckContext, Finding } from './check.ts'
import type { Clock } from './clock.ts'
import type { Table } from './table.ts'
import type { Stored } from './values/entry.ts'
import type { ValueTypes } from './values/format.ts'

/**
 * The prefix and version that keys live under. Made once per alias and version, and the same
 * object every time: a backend in the process may keep a table for each and join no strings.
 */
export interface Space {
  readonly prefix: string
  readonly version: number
  /** The storage key, as it leaves the process: `prefix:version:key`, or what the key function made. */
  frame(key: string): string
  /** Is the frame the plain recipe? Then prefix, version and key tell keys apart as well as the storage key does. */
  readonly plain: boolean
  /** How every storage key of this cache begins, all versions; `undefined` where the key function does not say. */
  readonly start: string | undefined
  /** Is this a storage key of this cache, of any version? Only asked where `start` is known. */
  owns(storageKey: string): boolean
}

/** What the handle lends a backend when it opens it. */
export interface Host {
  readonly clock: Clock
  /** Tells that `key` was removed to make room, or because it was over. Costs next to nothing when nobody listens. */
  evicted(key: string, reason: 'room' | 'expired'): void
  /** Tells that stored bytes were damaged or hostile; to the caller it is a miss. */
  corrupt(key: string, reason: string): void
  /** Tells of a fault that the caller did not see, by verb and by the system's code. */
  failed(verb: string, error: unknown): void
}

/** What `peek` answers: what rests, and the times that the backend itself keeps for it. */
export interface Kept {
  stored: Stored
  /** When it ends; `Infinity` for never, `undefined` where the backend does not know. */
  expiresAt: number | undefined
  /** When it was stored, where the backend knows. */
  createdAt: number | undefined
}

/** What `claim` answers. */
export interface Claimed {
  /** What rests there now: the claim looks again in the same step. */
  stored?: Stored
  /** The right to make the key. Absent: another holds it. A string, so that it can travel to a worker. */
  token?: string
}

/** What the guard around a backend on a network needs to know of it (`core/guarding`). */
export interface Network {
  /** How long an answer is waited for, in milliseconds. */
  readonly opTimeout: number
  /** Operations under way at once; one more fails at once. */
  readonly maxInFlight: number
  /** Several servers hold a part each: one that is late says nothing of the others. `reconnect` finds out which are silent. */
  readonly inParts?: boolean
  /** Does this error say that no server answered (or none that can serve)? A server that refuses something has answered. */
  noAnswer(error: unknown): boolean
  /** Destroys the connections there are, with what is under way on them, and resolves once a new one has answered. */
  reconnect(): Promise<void>
}

/**
 * Every instant is in milliseconds since 1970; `expiresAt` is `Infinity` for what never expires and always later than
 * now (the handle turns a ttl of 0 or less into a delete). At the instant itself an entry is over: `expiresAt <= now`
 * is expired, for every verb. Every method is atomic for its key: of two that race, one comes first.
 */
export interface Backend {
  /** For messages and events: `'memory'`, `'redis'`. */
  readonly name: string
  /** `'bytes'`: `what` is a Uint8Array. `'values'`: `what` is the value itself, or an Entry. */
  readonly holds: 'bytes' | 'values'
  /** No method ever answers a promise. Then `cache.sync` exists. */
  readonly sync: boolean
  /** Other processes write here too. Then the claims are the backend's own and hold for all of them. */
  readonly shared: boolean

  /** Any string is a key here and always will be (`object`): no warnings for those that Memcached could not carry. */
  readonly anyKey?: boolean

  /**
   * It is on a network, and every method below but `has`, `prune` and `size` must exist: every call goes through deadline, breaker and recovery, and never waits for a dead server.
   */
  readonly network?: Network

  /** The table it rests in, where one has to be made first. */
  readonly table?: Table

  /** What rests there, and counts as a use of it. `undefined` when nothing does or it has expired. */
  get(space: Space, key: string): Answer<Stored | undefined>
  /** Stores, over whatever was there. `false` when the store would not (full, too large): then nothing rests there. */
  set(space: Space, key: string, what: Stored, expiresAt: number): Answer<boolean>
  /** Stores only where nothing lives. Of two that race, one gets `true`. */
  add(space: Space, key: string, what: Stored, expiresAt: number): Answer<boolean>
  /**
   * Moves the end of what lives there. `'graced'`: it has times of its own inside (`isGraced`), is left as it
   * was, and the handle rewrites it.
   */
  touch(space: Space, key: string, expiresAt: number): Answer<boolean | 'graced'>
  /** Removes. `true` only when a live entry was there. */
  delete(space: Space, key: string): Answer<boolean>
  /**
   * Adds to a whole number (bare number, or its digits) and answers the sum; keeps the expiry. `undefined` when
   * nothing lives there, unless `made` says what to begin from and until when: then `made.initial + by` rests there.
   * Throws `notANumber(key)` for anything else, `RangeError` beyond ±(2^53 − 1); then nothing changes.
   */
  incr(
    space: Space,
    key: string,
    by: number,
    made?: { initial: number; expiresAt: number },
  ): Answer<number | undefined>
  /** Removes every key that `space.owns`, in all versions, and breaks their claims. `'everything'`: the whole store. */
  clear(space: Space | 'everything'): Answer<void>
  /** Lets go of files, sockets and timers. Called once, after the last verb. */
  close(): Answer<void>

  // May, where it holds values. Absent: any value rests as the live reference (`object`).

  /**
   * Checks a value and makes it the store's own (a private copy), before anything is stored. Throws
   * `SerializeError` by path; `undefined` when it is larger than `maxBytes`. `types`: classes whose instances may be kept. What it answers is then given to `set`.
   */
  admit?(value: unknown, maxBytes: number, types?: ValueTypes): unknown
  /** What a reader may have of a value that rests here: its own copy. Never asked for what cannot be changed. */
  lend?(value: unknown): unknown

  // May, where it stands over other backends.

  /**
   * It holds bytes and keeps values near, in this backend of the process. What it answers is then a `Carried` around
   * bytes, or what rests near; what it is given to store is a `Carried`.
   */
  readonly near?: Backend
  /**
   * Called once, before `open`, with what makes an inner backend on a network safe to ask. `recovered`: what faults had left
   * undone there has been repaired, and `wholly` unless some of it may have to be again.
   */
  compose?(guard: (inner: Backend, recovered: (wholly: boolean) => void) => Backend): void

  // May: derived once, in core/store.ts, where absent.

  /** Called once by each alias, before its first verb. The first host's clock counts. */
  open?(host: Host): void
  getMany?(space: Space, keys: readonly string[]): Answer<Map<string, Stored>>
  /** The keys that failed. */
  setMany?(space: Space, entries: ReadonlyMap<string, Stored>, expiresAt: number): Answer<string[]>
  /** How many were there. */
  deleteMany?(space: Space, keys: readonly string[]): Answer<number>
  /** Not a use: nothing moves. `'graced'` as in `touch`: the handle looks whether it is stale. */
  has?(space: Space, key: string): Answer<boolean | 'graced'>
  /** What rests there with its times. Not a use: nothing moves. */
  peek?(space: Space, key: string): Answer<Kept | undefined>
  /** Stores `what` only while `was` still rests there unchanged (same value, or same bytes). Breaks no claim. */
  replace?(space: Space, key: string, was: Stored, what: Stored, expiresAt: number): Answer<boolean>
  /** What is worth a warning about how it was configured, for `checkCaches`. Opens nothing. */
  check?(context: CheckContext): readonly Finding[]
  /** Removes what has expired; how many. */
  prune?(): Answer<number>
  /** How many entries rest here, and how many bytes where they are counted. */
  size?(): Answer<{ entries: number; bytes?: number }>

  // Must, where shared. Elsewhere core/making/claims.ts does it for the process.
  // Any set, add, delete, incr or clear of the key, by anyone, breaks its claim; replace and touch do not. A claim is no
  // entry: no verb sees it, no cull counts it, and it lives under the same prefix.

  /** Looks again and claims for `ms`, in one step. With something fresh there, the claim is taken all the same: the caller releases it. */
  claim?(space: Space, key: string, ms: number): Answer<Claimed>
  /** Holds an unbroken claim for `ms` from now. `false`: it is lost. */
  extend?(space: Space, key: string, token: string, ms: number): Answer<boolean>
  /** Stores only under an unbroken claim, and ends it. */
  fill?(space: Space, key: string, token: string, what: Stored, expiresAt: number): Answer<boolean>
  /** Ends a claim; without a token whoever's it is. */
  release?(space: Space, key: string, token?: string): Answer<void>
}
