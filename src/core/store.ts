/**
 * A store: one backend object, made whole. What a backend may leave out is derived here, once, over
 * what it has; where it is not shared, claims are kept for it in the process; and it is opened by
 * each alias and closed with the last.
 */
import { type Answer, andThen, isPromise } from './answer.ts'
import type { Backend, Claimed, Host, Kept, Space } from './backend.ts'
import type { Clock } from './clock.ts'
import { Guard, type Watch } from './guarding/guard.ts'
import { LocalClaims } from './making/claims.ts'
import { Flights } from './making/flight.ts'
import { OutageHold } from './making/outage-hold.ts'
import { bytesOf, Carried } from './values/carried.ts'
import { isGraced, madeAt, type Stored } from './values/entry.ts'

/** A host that also hears when a backend on a network goes and comes back. */
export interface Watcher extends Host {
  down?(backend: string, error: unknown): void
  up?(backend: string, downFor: number, repaired: number): void
}

/** So long, in milliseconds, a claim is held to do the last thing under it. */
const LAST_HOLD = 1_000

const stores = new WeakMap<Backend, Store>()

/** The store of a backend object: the same for every alias over it, so that they share flights and claims. */
export function storeOf(backend: Backend, host: Watcher): Store {
  let store = stores.get(backend)
  if (store === undefined || store.closed) {
    store = new Store(backend, host.clock)
    stores.set(backend, store)
  }
  store.open(host)
  return store
}

export class Store {
  readonly backend: Backend
  /** Loads under way here, by storage key. */
  readonly flights = new Flights()
  /** What loads answered while the backend was down. */
  readonly held: OutageHold
  readonly #local: LocalClaims | undefined
  #guard: Guard | undefined
  readonly #watchers = new Set<Watcher>()
  /** Fills that a backend of ours alone has not answered yet, by storage key. Others' writes wait for them. */
  readonly #filling = new Map<string, Promise<void>>()
  #users = 0
  closed = false

  constructor(backend: Backend, clock: Clock) {
    this.held = new OutageHold(clock)
    this.#local = backend.shared ? undefined : new LocalClaims(clock)
    this.backend = this.#guarded(backend, clock)
    backend.compose?.((inner, recovered) => this.#guarded(inner, clock, recovered))
  }

  /** The backend is known to be down: asking it is no use. */
  get isDown(): boolean {
    return this.#guard?.isDown ?? false
  }

  open(host: Watcher): void {
    this.backend.open?.(host)
    this.#users++
    this.#watchers.add(host)
  }

  #guarded(backend: Backend, clock: Clock, recovered?: (wholly: boolean) => void): Backend {
    if (!backend.network) return backend
    this.#guard = new Guard(backend, backend.network, clock, this.#watch(backend.name, recovered))
    return this.#guard
  }

  /** One warning and one event for each alias, for every change of state. */
  #watch(name: string, recovered?: (wholly: boolean) => void): Watch {
    const warn = (message: string, code: string) =>
      process.emitWarning(message, { type: 'CacheBackendWarning', code })
    return {
      down: (error) => {
        warn(`The cache backend ${name} does not answer: until it does, every read is a miss`, 'BACKEND_DOWN')
        for (const watcher of this.#watchers) watcher.down?.(name, error)
      },
      up: (downFor, repaired) => {
        this.held.clear()
        warn(`The cache backend ${name} is back after ${(downFor / 1_000).toFixed(1)} s`, 'BACKEND_UP')
        for (const watcher of this.#watchers) watcher.up?.(name, downFor, repaired)
      },
      ...(recovered && { recovered }),
    }
  }

  /** Ends one alias's use; the last one closes the backend. */
  close(): Answer<void> {
    this.#users--
    if (this.#users > 0 || this.closed) return
    this.closed = true
    return this.backend.close()
  }

  get(space: Space, key: string): Answer<Stored | undefined> {
    return this.backend.get(space, key)
  }

  set(space: Space, key: string, what: Stored, expiresAt: number): Answer<boolean> {
    if (!this.backend.sync) {
      return this.#writing(space, key, () => this.backend.set(space, key, what, expiresAt))
    }
    this.#written(space, key)
    return this.backend.set(space, key, what, expiresAt)
  }

  add(space: Space, key: string, what: Stored, expiresAt: number): Answer<boolean> {
    // Even one that comes to nothing: a load that began before might overtake it and be stored after.
    const add = () => this.backend.add(space, key, what, expiresAt)
    if (!this.backend.sync) this.#written(space, key)
    return andThen(this.#afterFills(space, [key], add), (added) => {
      if (added) this.#written(space, key)
      return added
    })
  }

  touch(space: Space, key: string, expiresAt: number): Answer<boolean | 'graced'> {
    return this.backend.touch(space, key, expiresAt)
  }

  delete(space: Space, key: string): Answer<boolean> {
    return this.#writing(space, key, () => this.backend.delete(space, key))
  }

  incr(
    space: Space,
    key: string,
    by: number,
    made?: { initial: number; expiresAt: number },
  ): Answer<number | undefined> {
    const incr = () => this.backend.incr(space, key, by, made)
    if (!this.backend.sync) this.#written(space, key)
    return andThen(this.#afterFills(space, [key], incr), (sum) => {
      if (sum !== undefined) this.#written(space, key)
      return sum
    })
  }

  clear(what: Space | 'everything'): Answer<void> {
    const which = what === 'everything' ? () => true : (storageKey: string) => what.owns(storageKey)
    const broken = () => {
      this.#local?.breakAll(which)
      this.flights.detachAll(which)
      this.held.clear()
    }
    broken()
    const filled = this.#filling.size > 0 ? Promise.all(this.#filling.values()) : undefined
    return andThen(filled, () => andThen(this.backend.clear(what), broken))
  }

  getMany(space: Space, keys: readonly string[]): Answer<Map<string, Stored>> {
    if (this.backend.getMany) return this.backend.getMany(space, keys)
    const found = new Map<string, Stored>()
    return andThen(
      inTurn(keys, (key) =>
        andThen(this.backend.get(space, key), (what) => {
          if (what !== undefined) found.set(key, what)
        }),
      ),
      () => found,
    )
  }

  /** The keys that failed. */
  setMany(space: Space, entries: ReadonlyMap<string, Stored>, expiresAt: number): Answer<string[]> {
    if (this.backend.setMany) {
      const { setMany } = this.backend
      return this.#writing(space, [...entries.keys()], () =>
        setMany.call(this.backend, space, entries, expiresAt),
      )
    }
    const failed: string[] = []
    return andThen(
      inTurn(entries, ([key, what]) =>
        andThen(this.set(space, key, what, expiresAt), (stored) => {
          if (!stored) failed.push(key)
        }),
      ),
      () => failed,
    )
  }

  /** How many were there. */
  deleteMany(space: Space, keys: readonly string[]): Answer<number> {
    if (this.backend.deleteMany) {
      const { deleteMany } = this.backend
      return this.#writing(space, keys, () => deleteMany.call(this.backend, space, keys))
    }
    let found = 0
    return andThen(
      inTurn(keys, (key) =>
        andThen(this.delete(space, key), (there) => {
          if (there) found++
        }),
      ),
      () => found,
    )
  }

  has(space: Space, key: string): Answer<boolean | 'graced'> {
    if (this.backend.has) return this.backend.has(space, key)
    return andThen(this.peek(space, key), (kept) =>
      kept && isGraced(kept.stored) ? 'graced' : kept !== undefined,
    )
  }

  peek(space: Space, key: string): Answer<Kept | undefined> {
    if (this.backend.peek) return this.backend.peek(space, key)
    return andThen(this.backend.get(space, key), (stored) =>
      stored === undefined ? undefined : { stored, expiresAt: undefined, createdAt: undefined },
    )
  }

  /**
   * Compare and set. Derived over get and set it is atomic where the backend answers in the same turn; an asynchronous backend
   * that wants it atomic brings its own.
   */
  replace(space: Space, key: string, was: Stored, what: Stored, expiresAt: number): Answer<boolean> {
    if (this.backend.replace) return this.backend.replace(space, key, was, what, expiresAt)
    return andThen(
      this.backend.get(space, key),
      (now) => sameStored(now, was) && this.backend.set(space, key, what, expiresAt),
    )
  }

  prune(): Answer<number> {
    return this.backend.prune?.() ?? 0
  }

  claim(space: Space, key: string, ms: number): Answer<Claimed> {
    if (this.backend.claim) return this.backend.claim(space, key, ms)
    const claims = this.#claims()
    const storageKey = space.frame(key)
    const token = claims.claim(storageKey, ms)
    // Whoever could not look does not know its token, and would hold the claim for good.
    const failed = (error: unknown): never => {
      if (token) claims.end(storageKey, token)
      throw error
    }
    try {
      const looked = this.backend.get(space, key)
      if (!isPromise(looked)) return { stored: looked, token }
      return looked.then((stored) => ({ stored, token }), failed)
    } catch (error) {
      return failed(error)
    }
  }

  extend(space: Space, key: string, token: string, ms: number): Answer<boolean> {
    if (this.backend.extend) return this.backend.extend(space, key, token, ms)
    return this.#claims().extend(space.frame(key), token, ms)
  }

  fill(space: Space, key: string, token: string, what: Stored, expiresAt: number): Answer<boolean> {
    if (this.backend.fill) return this.backend.fill(space, key, token, what, expiresAt)
    const storageKey = space.frame(key)
    if (!this.#claims().end(storageKey, token)) return false
    const filled = this.#afterFills(space, [key], () => this.backend.set(space, key, what, expiresAt))
    if (!isPromise(filled)) return filled
    const ended = () => {
      if (this.#filling.get(storageKey) === filling) this.#filling.delete(storageKey)
    }
    const filling = filled.then(ended, ended)
    this.#filling.set(storageKey, filling)
    return filled
  }

  /** Removes what rests there, under an unbroken claim, and ends it. */
  drop(space: Space, key: string, token: string): Answer<void> {
    return andThen(this.extend(space, key, token, LAST_HOLD), (held) =>
      held ? andThen(this.delete(space, key), () => undefined) : undefined,
    )
  }

  release(space: Space, key: string, token?: string): Answer<void> {
    if (this.backend.release) return this.backend.release(space, key, token)
    if (token === undefined) this.#claims().break(space.frame(key))
    else this.#claims().end(space.frame(key), token)
  }

  /** Whoever is making the key has lost the right to; callers who come now start anew. */
  breakClaim(space: Space, key: string): Answer<void> {
    this.#written(space, key)
    return this.backend.release?.(space, key)
  }

  /**
   * A write of ours. Before it, so that callers who come now start anew; and after it, where it takes a while, so that a load which
   * began meanwhile, before the write was there to be seen, is too late as well.
   */
  #writing<T>(space: Space, key: string | readonly string[], write: () => Answer<T>): Answer<T> {
    this.#written(space, key)
    const written = this.#afterFills(space, typeof key === 'string' ? [key] : key, write)
    return andThen(written, (answer) => {
      this.#written(space, key)
      return answer
    })
  }

  /** A fill was under its claim when it began, and could still overtake a write that began after it. */
  #afterFills<T>(space: Space, keys: readonly string[], write: () => Answer<T>): Answer<T> {
    if (this.#filling.size === 0) return write()
    const filling = keys.map((key) => this.#filling.get(space.frame(key))).filter((one) => one !== undefined)
    return filling.length === 0 ? write() : Promise.all(filling).then(write)
  }

  #written(space: Space, key: string | readonly string[]): void {
    if (this.flights.none && this.held.none && (this.#local?.none ?? true)) return
    for (const one of typeof key === 'string' ? [key] : key) {
      const storageKey = space.frame(one)
      this.flights.detach(storageKey)
      this.held.break(storageKey)
      this.#local?.break(storageKey)
    }
  }

  #claims(): LocalClaims {
    if (this.#local) return this.#local
    throw new TypeError(
      `The backend ${this.backend.name} is shared and must have claim, extend, fill and release`,
    )
  }
}

/** One after the other; in the same turn as long as the answers are. */
function inTurn<T>(items: Iterable<T>, go: (item: T) => Answer<void>): Answer<void> {
  const iterator = items[Symbol.iterator]()
  for (let step = iterator.next(); !step.done; step = iterator.next()) {
    const answer = go(step.value)
    if (isPromise(answer)) return answer.then(() => inTurn({ [Symbol.iterator]: () => iterator }, go))
  }
}

/** The same value, or the same bytes; of bytes and what was read from them, made at the same instant. */
export function sameStored(a: Stored, b: Stored): boolean {
  const bytesA = bytesOf(a)
  const bytesB = bytesOf(b)
  if (bytesA && bytesB) return Buffer.compare(bytesA, bytesB) === 0
  if (a instanceof Carried || b instanceof Carried) {
    const made = madeAt(bytesA ?? a)
    return made !== undefined && made === madeAt(bytesB ?? b)
  }
  return Object.is(a, b)
}
