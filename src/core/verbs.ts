/**
 * The verbs, once, over answers: `cache` makes promises of them, `cache.sync` is them. What comes in is settled at the door; inwards go
 * spaces, instants and what rests.
 */
import { type Answer, andThen, isPromise } from './answer.ts'
import type { Space } from './backend.ts'
import type {
  ClearOptions,
  Entries,
  GetOptions,
  GetOrSetOptions,
  IncrOptions,
  Inspection,
  SetOptions,
  VersionOption,
  WriteOptions,
} from './cache.ts'
import type { Clock } from './clock.ts'
import { CoarseClock, NEAR } from './coarse-clock.ts'
import { Counting } from './counting.ts'
import { checkEntries, checkKeys, checkValue, Door, notBoolean, type Write } from './door.ts'
import { ClosedError, NotSupportedError } from './errors.ts'
import { FaultPolicy } from './fault-policy.ts'
import { DOWN, Inside } from './inside.ts'
import { checkOptions } from './options.ts'
import { ReadThrough } from './read-through.ts'
import { Reader } from './reader.ts'
import type { Observer } from './seeing/observe.ts'
import type { Settings } from './settings.ts'
import { storeOf } from './store.ts'
import { Times } from './times.ts'
import type { Stored } from './values/entry.ts'
import { instant, type Ttl } from './values/expiry.ts'
import type { Form } from './values/form.ts'
import { checkKey } from './values/key.ts'

const VERSION = ['version']
const GET = ['version', 'default', 'stale']
const GET_MANY = ['version', 'stale']
const SET = ['ttl', 'version', 'staleFor']
const CLEAR = ['everything']

export type GetWithDefault = GetOptions & { default?: unknown }

export class CacheVerbs {
  readonly #settings: Settings
  readonly #observer: Observer
  readonly #clock: Clock
  readonly #coarse = new CoarseClock()
  readonly #makeForm: () => Form
  readonly #door: Door
  #inside: Inside | undefined
  #parts: { times: Times; counting: Counting; readThrough: ReadThrough } | undefined
  #closed = false

  constructor(settings: Settings, observer: Observer, clock: Clock, makeForm: () => Form) {
    this.#settings = settings
    this.#observer = observer
    this.#clock = clock
    this.#makeForm = makeForm
    this.#door = new Door(settings)
    this.#coarse.use(clock)
  }

  get(key: string, options?: GetWithDefault): Answer<unknown> {
    const inside = this.#inside ?? this.#open()
    if (typeof key !== 'string' || key === '') checkKey(key)
    const space = options === undefined ? this.#door.space : this.#door.readSpace('get()', options, GET)
    this.#door.asked(space, key)
    let what: Answer<Stored | undefined>
    try {
      what = inside.store.get(space, key)
    } catch (error) {
      what = inside.policy.fault('get', error, undefined)
    }
    if (!isPromise(what)) return this.#got(inside, space, key, what, options)
    return what.then(
      (stored) => this.#got(inside, space, key, stored, options),
      (error: unknown) =>
        this.#got(inside, space, key, inside.policy.fault('get', error, undefined), options),
    )
  }

  #got(
    inside: Inside,
    space: Space,
    key: string,
    what: Stored | undefined,
    options?: GetWithDefault,
  ): unknown {
    const value = what === undefined ? undefined : inside.reader.value(key, what, options?.stale === true)
    if (value !== undefined) return value
    this.#door.missed(space, key)
    this.#observer.miss(key)
    return options?.default
  }

  set(key: string, value: unknown, third?: Ttl | SetOptions): Answer<boolean> {
    const inside = this.#inside ?? this.#open()
    const write = this.#door.write('set()', third, SET)
    this.#door.checkKey(write.space, key)
    // The hot path in the process: an end more than a minute away may come a millisecond early.
    const hot = this.#settings.backend.sync && write.ttl > NEAR && write.staleFor === 0
    const now = hot ? this.#coarse.lately() : this.#clock.now()
    const packed = this.#pack(inside, value, write, now)
    if (packed === undefined || write.ttl <= 0)
      return this.#setNothing(inside, key, write, packed === undefined)
    let stored: Answer<boolean>
    try {
      stored = inside.store.set(write.space, key, packed, instant(now, write.ttl + write.staleFor))
    } catch (error) {
      stored = inside.policy.fault('set', error, false)
    }
    if (!isPromise(stored)) return this.#stored(key, stored)
    return stored.then(
      (done) => this.#stored(key, done),
      (error: unknown) => this.#stored(key, inside.policy.fault('set', error, false)),
    )
  }

  /** Too large to be kept, or over at once: what was there goes, since missing is better than old. */
  #setNothing({ policy, store }: Inside, key: string, { space }: Write, tooLarge: boolean): Answer<boolean> {
    const removed = policy.attempt('set', () => store.delete(space, key), DOWN)
    return andThen(removed, (done) => (tooLarge ? this.#dropped(key, 'too-large') : done !== DOWN))
  }

  add(key: string, value: unknown, third?: Ttl | SetOptions): Answer<boolean> {
    const inside = this.#inside ?? this.#open()
    const { policy, reader, store } = inside
    const write = this.#door.write('add()', third, SET)
    const { space } = write
    this.#door.checkKey(space, key)
    const now = this.#clock.now()
    const packed = this.#pack(inside, value, write, now)
    if (packed === undefined) return this.#dropped(key, 'too-large')
    if (write.ttl <= 0) return andThen(inside.has('add', space, key), (there) => there === false)
    const expiresAt = instant(now, write.ttl + write.staleFor)
    const added = policy.attempt('add', () => store.add(space, key, packed, expiresAt), DOWN)
    return andThen(added, (stored) => {
      if (stored === DOWN) return false
      if (stored) return this.#stored(key, true)
      // What is stale is not there, for every plain verb: an add takes its place, unless another was first.
      return andThen(inside.peek('add', space, key), (kept) => {
        if (kept === DOWN || kept === undefined || reader.isFresh(key, kept.stored)) return false
        const replaced = policy.attempt(
          'add',
          () =>
            andThen(store.breakClaim(space, key), () =>
              store.replace(space, key, kept.stored, packed, expiresAt),
            ),
          false,
        )
        return andThen(replaced, (done) => done && this.#stored(key, true))
      })
    })
  }

  getOrSet(key: string, load: unknown, third?: Ttl | GetOrSetOptions): Answer<unknown> {
    return this.#opened().readThrough.getOrSet(key, load, third, false)
  }

  /** The same, with a load that answers in this turn. */
  getOrSetInTurn(key: string, load: unknown, third?: Ttl | GetOrSetOptions): Answer<unknown> {
    return this.#opened().readThrough.getOrSet(key, load, third, true)
  }

  getMany(keys: Iterable<string>, options?: GetOptions): Answer<Map<string, unknown>> {
    const { store, door, policy, observer, reader } = this.#inside ?? this.#open()
    const wanted = checkKeys('getMany()', keys)
    const space = options === undefined ? door.space : door.readSpace('getMany()', options, GET_MANY)
    for (const key of wanted) door.asked(space, key)
    const none = new Map<string, Stored>()
    if (wanted.length === 0) return none
    return andThen(
      policy.attempt('getMany', () => store.getMany(space, wanted), none),
      (stored) => {
        const found = new Map<string, unknown>()
        for (const key of wanted) {
          const what = stored.get(key)
          const value = what === undefined ? undefined : reader.value(key, what, options?.stale === true)
          if (value !== undefined) {
            found.set(key, value)
          } else {
            door.missed(space, key)
            observer.miss(key)
          }
        }
        return found
      },
    )
  }

  setMany(entries: Entries<unknown>, third?: Ttl | SetOptions): Answer<string[]> {
    const inside = this.#inside ?? this.#open()
    const { store, door, policy } = inside
    const write = door.write('setMany()', third, SET)
    const now = this.#clock.now()
    const packed = new Map<string, Stored>()
    const failed: string[] = []
    for (const [key, value] of checkEntries(entries)) {
      door.checkKey(write.space, key)
      packed.set(key, this.#pack(inside, value, write, now))
    }
    for (const [key, what] of packed) {
      if (what !== undefined) continue
      packed.delete(key)
      failed.push(key)
      this.#dropped(key, 'too-large')
    }
    const tooLarge =
      failed.length > 0 ? policy.attempt('setMany', () => store.deleteMany(write.space, failed), 0) : 0
    return andThen(tooLarge, () => {
      if (packed.size === 0) return failed
      const keys = [...packed.keys()]
      if (write.ttl <= 0) {
        const removed = policy.attempt('setMany', () => store.deleteMany(write.space, keys), DOWN)
        return andThen(removed, (done) => (done === DOWN ? [...failed, ...keys] : failed))
      }
      const refused = policy.attempt(
        'setMany',
        () => store.setMany(write.space, packed, instant(now, write.ttl + write.staleFor)),
        keys,
      )
      return andThen(refused, (more) => {
        for (const key of keys) this.#stored(key, !more.includes(key))
        return [...failed, ...more]
      })
    })
  }

  delete(key: string, options?: VersionOption): Answer<boolean> {
    const { store, door, policy, observer } = this.#inside ?? this.#open()
    const space = door.keyed('delete()', key, options, VERSION)
    return andThen(
      policy.attempt('delete', () => store.delete(space, key), false),
      (found) => {
        observer.see({ type: 'delete', key, found })
        return found
      },
    )
  }

  deleteMany(keys: Iterable<string>, options?: VersionOption): Answer<number> {
    const { store, door, policy, observer } = this.#inside ?? this.#open()
    const unwanted = checkKeys('deleteMany()', keys)
    const space = options === undefined ? door.space : door.readSpace('deleteMany()', options, VERSION)
    for (const key of unwanted) door.checkKey(space, key)
    if (unwanted.length === 0) return 0
    return andThen(
      policy.attempt('deleteMany', () => store.deleteMany(space, unwanted), 0),
      (found) => {
        for (const key of unwanted) observer.see({ type: 'delete', key })
        return found
      },
    )
  }

  has(key: string, options?: VersionOption): Answer<boolean> {
    const inside = this.#inside ?? this.#open()
    const space = this.#door.keyed('has()', key, options, VERSION)
    return andThen(inside.has('has', space, key), (there) => there === true)
  }

  inspect(key: string, options?: VersionOption): Answer<Inspection<unknown>> {
    return this.#opened().times.inspect(key, options)
  }

  expire(key: string, options?: VersionOption): Answer<boolean> {
    return this.#opened().times.expire(key, options)
  }

  touch(key: string, ttl?: Ttl | WriteOptions): Answer<boolean> {
    return this.#opened().times.touch(key, ttl)
  }

  incr(key: string, by?: number, options?: IncrOptions): Answer<number | undefined> {
    return this.#opened().counting.incr(key, by, options)
  }

  decr(key: string, by?: number, options?: IncrOptions): Answer<number | undefined> {
    return this.#opened().counting.decr(key, by, options)
  }

  incrVersion(key: string, by?: number, options?: VersionOption): Answer<number | undefined> {
    return this.#opened().counting.incrVersion(key, by, options)
  }

  decrVersion(key: string, by?: number, options?: VersionOption): Answer<number | undefined> {
    return this.#opened().counting.decrVersion(key, by, options)
  }

  clear(options?: ClearOptions): Answer<boolean> {
    const { store, door, policy, observer } = this.#inside ?? this.#open()
    if (options !== undefined) checkOptions('clear()', options, CLEAR)
    const everything = options?.everything ?? false
    if (typeof everything !== 'boolean') throw notBoolean('everything', everything)
    if (!everything && door.space.start === undefined) {
      throw new NotSupportedError(
        'NOT_SUPPORTED',
        'clear(): this keyFunction does not say how its keys begin: give it an ownPrefix, or clear({ everything: true })',
      )
    }
    const cleared = policy.attempt('clear', () => store.clear(everything ? 'everything' : door.space), DOWN)
    return andThen(cleared, (done) => {
      observer.see({ type: 'clear', everything })
      return done !== DOWN
    })
  }

  prune(): Answer<number> {
    const { policy, store } = this.#inside ?? this.#open()
    return policy.attempt('prune', () => store.prune(), 0)
  }

  /** Ends this cache. The second time it does nothing. */
  close(): Answer<void> {
    if (this.#closed) return
    this.#closed = true
    const inside = this.#inside
    const parts = this.#parts
    this.#inside = undefined
    this.#parts = undefined
    this.#coarse.close()
    if (inside && parts) return parts.readThrough.close().then(() => inside.store.close())
  }

  get opened(): boolean {
    return this.#inside !== undefined
  }

  /** What it is made of, opened by this if by nothing before. */
  get inside(): Inside {
    return this.#inside ?? this.#open()
  }

  get readThrough(): ReadThrough {
    return this.#opened().readThrough
  }

  get unnamedKeys(): number {
    return this.#door.unnamedKeys
  }

  #open(): Inside {
    if (this.#closed) throw new ClosedError()
    const inside = new Inside({
      settings: this.#settings,
      door: this.#door,
      store: storeOf(this.#settings.backend, this.#observer),
      reader: new Reader(this.#makeForm(), this.#observer, this.#clock),
      observer: this.#observer,
      clock: this.#clock,
      policy: new FaultPolicy(this.#settings, this.#observer),
    })
    this.#inside = inside
    this.#parts = {
      times: new Times(inside),
      counting: new Counting(inside),
      readThrough: new ReadThrough(inside),
    }
    return inside
  }

  #opened() {
    if (this.#parts === undefined) this.#open()
    return this.#parts!
  }

  #pack({ reader }: Inside, value: unknown, { ttl, staleFor }: Write, now: number): Stored | undefined {
    checkValue(value)
    return reader.form.pack(value, now, staleFor > 0 ? { staleAt: instant(now, ttl), staleFor } : undefined)
  }

  #stored(key: string, stored: boolean): boolean {
    if (!stored) return this.#dropped(key, 'refused')
    this.#observer.set(key)
    return true
  }

  #dropped(key: string, reason: 'too-large' | 'refused'): false {
    this.#observer.see({ type: 'dropped', key, reason })
    return false
  }
}
