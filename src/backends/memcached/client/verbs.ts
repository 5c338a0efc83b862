/**
 * What can be asked of a server, the same on every protocol: the shapes of options and results, and the dialect that
 * makes requests of them. Every expiry here is in seconds from now: omitted is never, a fraction counts as a whole
 * second, 0 or less is over at once.
 */
import type { MemcachedError } from './errors.ts'
import type { Reader } from './lines.ts'
import type { Request } from './request.ts'

/** What was found. */
export interface Item {
  /**
   * Empty for a vivified stub, and where `value: false` was asked. A view of what was read, with other values beside
   * it in memory (at most 64 kB): make a copy of what you keep for long.
   */
  value: Buffer
  /** 32 bits that came with the value. */
  flags: number
  /** Changes with every write; where asked for. */
  cas: bigint | undefined
  /** Seconds left, `Infinity` for never; where asked for. */
  ttl: number | undefined
  /** This caller, and no other, is to make the value anew: by `vivify`, `recache` or a stale mark. */
  won: boolean
  /** Another caller was told so before. */
  taken: boolean
  /** Marked by `delete(key, { stale: true })`, or stored under an older cas. */
  stale: boolean
}

/** What `get` may ask for besides. All but `cas` and `touch` need the meta protocol. */
export interface GetOptions {
  cas?: boolean
  ttl?: boolean
  /** Moves the expiry, in seconds. */
  touch?: number
  /** On a miss makes an empty item that lives for so many seconds, and tells one caller that it won. */
  vivify?: number
  /** With less than so many seconds left, tells one caller that it won. */
  recache?: number
  /** `false` leaves the value behind: is it there? */
  value?: boolean
  /** `false` does not count as a use. */
  bump?: boolean
}

export interface SetOptions {
  /** Seconds. */
  expiry?: number
  /** 32 bits kept with the value. */
  flags?: number
}

export interface StoreOptions extends SetOptions {
  /** Default `set`. `add`: only where nothing is; `replace`, `append`, `prepend`: only where something is. */
  mode?: 'set' | 'add' | 'replace' | 'append' | 'prepend'
  /** Only while the item still has this cas. */
  cas?: bigint
  /** With an older `cas`: store all the same, marked stale. Meta protocol only. */
  acceptStale?: boolean
  /** The item's new cas, instead of the server's own count. Meta protocol, from memcached 1.6.27. */
  newCas?: bigint
  /** Answer the item's new cas. Not on the text protocol. */
  returnCas?: boolean
}

export interface StoreResult {
  /** `refused`: the mode did not allow it. `changed`: another cas by now. `missing`: nothing there to compare with. */
  status: 'stored' | 'refused' | 'changed' | 'missing'
  /** The new cas, where asked for and stored. */
  cas: bigint | undefined
}

export interface DeleteOptions {
  /** Only while the item still has this cas. Not on the text protocol. */
  cas?: bigint
  /** Marks it stale instead: readers still get it, and one of them wins. Meta protocol only. */
  stale?: boolean
  /** With `stale`: how long it still lives, in seconds. */
  expiry?: number
}

export interface CountOptions {
  /** A whole number from 0; default 1. */
  by?: number | bigint
  /** Made when missing, and answered as it is: `by` is not added to it. */
  initial?: number | bigint
  /** Of what is made, in seconds. */
  expiry?: number
}

/** Many keys: what was found, and the keys that could not be asked for. */
export interface ManyItems {
  items: Map<string, Item>
  failed: Map<string, MemcachedError>
}

export type ServerState = 'idle' | 'connecting' | 'up' | 'down' | 'closed'

/** A value to store; text becomes UTF-8. Must stay as it is until the answer is there. */
export type Value = string | Uint8Array

export interface ServerStatus {
  name: string
  /**
   * `idle`: not asked yet, or closed after a rest; `down`: what is asked fails at once, until it answers again;
   * `connecting`: for the first time, or again while `down` still holds.
   */
  state: ServerState
  /** Commands under way and waiting. */
  pending: number
}

export interface MemcachedClient {
  /** The item, or `undefined` when there is none. */
  get(key: string, options?: GetOptions): Promise<Item | undefined>
  /** One command a server. Never rejects for a server's sake: the keys of one that fails are in `failed`. */
  getMany(keys: readonly string[], options?: GetOptions): Promise<ManyItems>
  /** `true` when stored; the old value is gone when the server refuses a new one as too large. */
  set(key: string, value: Value, options?: SetOptions): Promise<boolean>
  /** Only where nothing is. */
  add(key: string, value: Value, options?: SetOptions): Promise<boolean>
  /** Only where something is. */
  replace(key: string, value: Value, options?: SetOptions): Promise<boolean>
  /** Only while the item still has this cas. */
  cas(key: string, value: Value, cas: bigint, options?: SetOptions): Promise<'stored' | 'changed' | 'missing'>
  /** Every way of storing, with what the server says of it. */
  store(key: string, value: Value, options?: StoreOptions): Promise<StoreResult>
  /** One batch a server. The keys that were not stored, and why; empty when all were. */
  setMany(
    entries: Iterable<readonly [key: string, value: Value]>,
    options?: SetOptions,
  ): Promise<Map<string, MemcachedError>>
  /** `true` when it was there (and had the `cas`, where one is given). */
  delete(key: string, options?: DeleteOptions): Promise<boolean>
  /** How many were there, and the keys that could not be asked for. */
  deleteMany(keys: readonly string[]): Promise<{ deleted: number; failed: Map<string, MemcachedError> }>
  /** Moves the expiry, in seconds from now, omitted: never. `true` when it was there; 0 or less removes it. */
  touch(key: string, expiry?: number): Promise<boolean>
  /**
   * Adds to a number of digits, and answers the sum, or `undefined` when there is none and no `initial`. The server
   * counts in 64 bits and begins again at 0 after 2^64 - 1. The expiry stays.
   */
  incr(key: string, options?: CountOptions): Promise<bigint | undefined>
  /** Takes from a number of digits. The server stops at 0. */
  decr(key: string, options?: CountOptions): Promise<bigint | undefined>
  /** Empties every server, of everything in it; with `delay`, so many seconds from now. Rejects when one did not. */
  flushAll(delay?: number): Promise<void>
  /** By server name; one that does not answer is left out, and the call rejects when none does. */
  version(): Promise<Map<string, string>>
  /** By server name, as `version`. `topic` is `items`, `slabs`, `settings` … */
  stats(topic?: string): Promise<Map<string, Map<string, string>>>
  /** How each server stands now; asks none of them. */
  readonly servers: ServerStatus[]
  /** The name of the server that a key rests on. */
  serverOf(key: string): string
  /** What is under way ends first, within its deadline. After it every verb rejects with `CLOSED`. */
  close(): Promise<void>
}

export type Mode = NonNullable<StoreOptions['mode']>

/** User name and password. */
export interface Credentials {
  username: string
  password: string
}

export type Resolve<T> = (result: T) => void
export type Reject = (error: Error) => void

/**
 * A protocol: how each verb is written and its replies are read. Arguments are checked as the request is made, so that
 * a faulty one is never on its way.
 */
export interface Dialect<Reply> {
  readonly name: 'meta' | 'text' | 'binary'
  reader(maxValueBytes: number): Reader<Reply>
  /** Who we are, where that is asked; a failure is final. */
  login(credentials: Credentials, resolve: Resolve<void>, reject: Reject): Request<Reply>
  /** Proves that the server answers in this protocol, before anything else is sent. Resolves with its version. */
  hello(resolve: Resolve<string>, reject: Reject): Request<Reply>
  get(
    key: string,
    options: GetOptions | undefined,
    resolve: Resolve<Item | undefined>,
    reject: Reject,
  ): Request<Reply>
  getMany(
    keys: readonly string[],
    options: GetOptions | undefined,
    resolve: Resolve<ManyItems>,
    reject: Reject,
  ): Request<Reply>
  store(
    key: string,
    value: Uint8Array,
    options: StoreOptions | undefined,
    resolve: Resolve<StoreResult>,
    reject: Reject,
  ): Request<Reply>
  /**
   * Sets that say nothing when they succeed, in one go. Resolves `false` when some failed and the server did not say
   * which. Absent where the protocol cannot tell the ends apart.
   */
  setMany?(
    entries: readonly (readonly [key: string, value: Uint8Array])[],
    options: SetOptions | undefined,
    resolve: Resolve<boolean>,
    reject: Reject,
  ): Request<Reply>
  delete(
    key: string,
    options: DeleteOptions | undefined,
    resolve: Resolve<boolean>,
    reject: Reject,
  ): Request<Reply>
  touch(key: string, expiry: number | undefined, resolve: Resolve<boolean>, reject: Reject): Request<Reply>
  /** Resolves `undefined` for a miss: also with `initial`, where it was not made after all. */
  count(
    key: string,
    down: boolean,
    options: CountOptions | undefined,
    resolve: Resolve<bigint | undefined>,
    reject: Reject,
  ): Request<Reply>
  /** Does `count` make what is missing, in one step? */
  readonly makesCounters: boolean
  flush(delay: number, resolve: Resolve<void>, reject: Reject): Request<Reply>
  version(resolve: Resolve<string>, reject: Reject): Request<Reply>
  stats(topic: string, resolve: Resolve<Map<string, string>>, reject: Reject): Request<Reply>
}
