/**
 * A cache as people hold it: every verb as a promise that never throws in the caller's turn. A hit in the process costs the
 * one promise and nothing else. `sync` are the verbs themselves.
 */
import type { Answer } from './answer.ts'
import type { GetOrSetOptions, SetOptions } from './cache.ts'
import type { Clock } from './clock.ts'
import { argumentError } from './errors.ts'
import type { Inside } from './inside.ts'
import { kindOf } from './options.ts'
import type { ReadThrough } from './read-through.ts'
import type { EventType, Listener } from './seeing/events.ts'
import type { Observer, Stats } from './seeing/observe.ts'
import type { Settings } from './settings.ts'
import type { Ttl } from './values/expiry.ts'
import type { Form } from './values/form.ts'
import { CacheVerbs, type GetWithDefault } from './verbs.ts'

type Args<K extends keyof CacheVerbs> = CacheVerbs[K] extends (...args: infer A) => unknown ? A : never

export class Handle {
  readonly alias: string
  readonly #verbs: CacheVerbs
  readonly #observer: Observer
  readonly #settings: Settings
  #sync: object | undefined

  constructor(settings: Settings, observer: Observer, clock: Clock, makeForm: () => Form) {
    this.alias = settings.alias
    this.#settings = settings
    this.#observer = observer
    this.#verbs = new CacheVerbs(settings, observer, clock, makeForm)
  }

  /** Its verbs, unopened. */
  static verbs(cache: unknown): CacheVerbs {
    if (typeof cache === 'object' && cache !== null && #verbs in cache) return cache.#verbs
    throw argumentError(
      TypeError,
      'INVALID_CACHE',
      `expected a cache made by createCaches(), not ${kindOf(cache)}`,
    )
  }

  // The hot path. An async function makes its promise quicker than `Promise.resolve` does, unless it is to follow another one:
  // those who wait for a server or a load are given theirs as it is.
  get(key: string, options?: GetWithDefault): Promise<unknown> {
    return this.#settings.backend.sync ? this.#getNow(key, options) : this.#getLater(key, options)
  }

  set(key: string, value: unknown, ttl?: Ttl | SetOptions): Promise<boolean> {
    return this.#settings.backend.sync ? this.#setNow(key, value, ttl) : this.#setLater(key, value, ttl)
  }

  async #getNow(key: string, options: GetWithDefault | undefined): Promise<unknown> {
    return this.#verbs.get(key, options)
  }

  #getLater(key: string, options: GetWithDefault | undefined): Promise<unknown> {
    return promised(() => this.#verbs.get(key, options))
  }

  async #setNow(key: string, value: unknown, ttl: Ttl | SetOptions | undefined): Promise<boolean> {
    return this.#verbs.set(key, value, ttl)
  }

  #setLater(key: string, value: unknown, ttl: Ttl | SetOptions | undefined): Promise<boolean> {
    return promised(() => this.#verbs.set(key, value, ttl))
  }

  getOrSet(key: string, load: unknown, ttl?: Ttl | GetOrSetOptions): Promise<unknown> {
    try {
      return Promise.resolve(this.#verbs.getOrSet(key, load, ttl))
    } catch (error) {
      return Promise.reject(error)
    }
  }

  add(...args: Args<'add'>) {
    return promised(() => this.#verbs.add(...args))
  }

  inspect(...args: Args<'inspect'>) {
    return promised(() => this.#verbs.inspect(...args))
  }

  expire(...args: Args<'expire'>) {
    return promised(() => this.#verbs.expire(...args))
  }

  getMany(...args: Args<'getMany'>) {
    return promised(() => this.#verbs.getMany(...args))
  }

  setMany(...args: Args<'setMany'>) {
    return promised(() => this.#verbs.setMany(...args))
  }

  delete(...args: Args<'delete'>) {
    return promised(() => this.#verbs.delete(...args))
  }

  deleteMany(...args: Args<'deleteMany'>) {
    return promised(() => this.#verbs.deleteMany(...args))
  }

  has(...args: Args<'has'>) {
    return promised(() => this.#verbs.has(...args))
  }

  touch(...args: Args<'touch'>) {
    return promised(() => this.#verbs.touch(...args))
  }

  incr(...args: Args<'incr'>) {
    return promised(() => this.#verbs.incr(...args))
  }

  decr(...args: Args<'decr'>) {
    return promised(() => this.#verbs.decr(...args))
  }

  incrVersion(...args: Args<'incrVersion'>) {
    return promised(() => this.#verbs.incrVersion(...args))
  }

  decrVersion(...args: Args<'decrVersion'>) {
    return promised(() => this.#verbs.decrVersion(...args))
  }

  clear(...args: Args<'clear'>) {
    return promised(() => this.#verbs.clear(...args))
  }

  prune() {
    return promised(() => this.#verbs.prune())
  }

  close() {
    return promised(() => this.#verbs.close())
  }

  get opened(): boolean {
    return this.#verbs.opened
  }

  /** The same verbs in the same turn; `undefined` on backends that answer later. */
  get sync(): object | undefined {
    if (!this.#settings.backend.sync) return undefined
    this.#sync ??= inTurn(this.#verbs)
    return this.#sync
  }

  on<T extends EventType | '*'>(type: T, listener: Listener<T>): () => void {
    return this.#observer.own.on(type, listener)
  }

  stats(): Stats {
    return { ...this.#observer.counts, unnamedKeys: this.#verbs.unnamedKeys }
  }
}

/** Refuses what is no cache of ours; opens nothing. */
export function checkCache(cache: unknown): void {
  Handle.verbs(cache)
}

/**
 * What is inside a cache: its store, space, clock, observer and policy for faults. For what rests in an alias but is no value
 * (pages). Opens the cache; throws `ClosedError` once it is closed, a TypeError for what is no cache of ours.
 */
export function insideOf(cache: object): Inside {
  return Handle.verbs(cache).inside
}

/** The one read-through of a cache, for what settles its own calls (jobs). Opens it, and throws, as `insideOf` does. */
export function readThroughOf(cache: object): ReadThrough {
  return Handle.verbs(cache).readThrough
}

function promised<T>(verb: () => Answer<T>): Promise<T> {
  try {
    return Promise.resolve(verb())
  } catch (error) {
    return Promise.reject(error)
  }
}

const SAME_TURN = [
  'get',
  'set',
  'add',
  'inspect',
  'expire',
  'getMany',
  'setMany',
  'delete',
  'deleteMany',
  'has',
  'touch',
  'incr',
  'decr',
  'incrVersion',
  'decrVersion',
  'clear',
] as const

function inTurn(verbs: CacheVerbs): object {
  const bound = SAME_TURN.map((name) => [name, verbs[name].bind(verbs)] as const)
  return Object.freeze({ ...Object.fromEntries(bound), getOrSet: verbs.getOrSetInTurn.bind(verbs) })
}
