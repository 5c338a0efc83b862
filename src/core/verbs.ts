/**
 * The verbs, once, over answers: `cache` makes promises of them, `cache.sync` is them. Options, key and
 * time are settled here; inwards go spaces, instants and what rests. A fault of the backend becomes here, and nowhere else, what
 * `onBackendError` says.
 */
import { type Answer, andThen, isPromise } from './answer.ts'
import type { Kept, Space } from './backend.ts'
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
import {
  argumentError,
  BackendError,
  ClosedError,
  isDeliberate,
  KeyNotFoundError,
  NotSupportedError,
  SerializeError,
} from './errors.ts'
import { Filler, type Making, type Old } from './making/fill.ts'
import type { Load } from './making/load.ts'
import { checkInteger, checkOptions, kindOf } from './options.ts'
import type { Observer } from './seeing/observe.ts'
import { MAKE_OPTION_NAMES, type MakeSettings, type Settings, settleMake } from './settings.ts'
import { type Store, storeOf } from './store.ts'
import { Entry, type Stored } from './values/entry.ts'
import { durationToMs, freshness, instant, type Ttl, ttlToMs } from './values/expiry.ts'
import type { Form, Found } from './values/form.ts'
import { checkKey, KeyCheck } from './values/key.ts'
import { checkVersion } from './values/space.ts'

const VERSION = ['version']
const GET = ['version', 'default', 'stale']
const GET_MANY = ['version', 'stale']
const WRITE = ['ttl', 'version']
const SET = ['ttl', 'version', 'staleFor']
const GET_OR_SET = ['ttl', 'version', 'fresh', ...MAKE_OPTION_NAMES]
const INCR = ['ttl', 'version', 'initial']
const CLEAR = ['everything']

/** Spaces of other versions than the cache's own are made anew beyond so many. */
const MOST_SPACES = 100

/** `expire` and `touch` give up after losing so many races; the key is then being written all the time. */
const MOST_RACES = 10

/** The backend is down: not the same as missing. */
const DOWN = Symbol('down')

/** Where a write goes and until when, settled. */
interface Write {
  readonly space: Space
  readonly ttl: number
  readonly staleFor: number
}

export class CacheVerbs {
  readonly #settings: Settings
  readonly #observer: Observer
  readonly #clock: Clock
  readonly #makeForm: () => Form
  readonly #space: Space
  readonly #spaces = new Map<number, Space>()
  readonly #plainWrite: Write
  readonly #keys: KeyCheck
  #store: Store | undefined
  #form: Form | undefined
  #filler: Filler | undefined
  #closed = false

  constructor(settings: Settings, observer: Observer, clock: Clock, makeForm: () => Form) {
    this.#settings = settings
    this.#observer = observer
    this.#clock = clock
    this.#makeForm = makeForm
    this.#space = settings.space(settings.version)
    this.#plainWrite = { space: this.#space, ttl: settings.ttl, staleFor: settings.make.staleFor }
    this.#keys = new KeyCheck(settings.keys)
  }

  get(key: string, options?: GetOptions & { default?: unknown }): Answer<unknown> {
    const store = this.#store ?? this.#open()
    if (typeof key !== 'string') checkKey(key)
    const space = options === undefined ? this.#space : this.#readSpace('get()', options, GET)
    let what: Answer<Stored | undefined>
    try {
      what = store.get(space, key)
    } catch (error) {
      what = this.#fault('get', error, undefined)
    }
    if (!isPromise(what)) return this.#got(space, key, what, options)
    return what.then(
      (stored) => this.#got(space, key, stored, options),
      (error: unknown) => this.#got(space, key, this.#fault('get', error, undefined), options),
    )
  }

  #got(
    space: Space,
    key: string,
    what: Stored | undefined,
    options?: GetOptions & { default?: unknown },
  ): unknown {
    const value = what === undefined ? undefined : this.#value(key, what, options?.stale === true)
    if (value !== undefined) return value
    this.#checkKey(space, key)
    this.#observer.miss(key)
    return options?.default
  }

  set(key: string, value: unknown, third?: Ttl | SetOptions): Answer<boolean> {
    const store = this.#store ?? this.#open()
    const write = this.#write('set()', third, SET)
    this.#checkKey(write.space, key)
    const packed = this.#pack(value, write)
    if (packed === undefined || write.ttl <= 0) {
      return andThen(
        this.#attempt('set', () => store.delete(write.space, key), DOWN),
        (done) => (packed === undefined ? this.#dropped(key, 'too-large') : done !== DOWN),
      )
    }
    const answer = this.#attempt('set', () => store.set(write.space, key, packed, this.#end(write)), false)
    return isPromise(answer) ? answer.then((stored) => this.#stored(key, stored)) : this.#stored(key, answer)
  }

  add(key: string, value: unknown, third?: Ttl | SetOptions): Answer<boolean> {
    const store = this.#store ?? this.#open()
    const write = this.#write('add()', third, SET)
    this.#checkKey(write.space, key)
    const { space } = write
    const packed = this.#pack(value, write)
    if (packed === undefined) return this.#dropped(key, 'too-large')
    if (write.ttl <= 0)
      return andThen(this.#has('add', space, key), (there) => (there === DOWN ? false : !there))
    const expiresAt = this.#end(write)
    const added = this.#attempt('add', () => store.add(space, key, packed, expiresAt), DOWN)
    return andThen(added, (stored) => {
      if (stored === DOWN) return false
      if (stored) return this.#stored(key, true)
      // What is stale is not there, for every plain verb: an add takes its place, unless another was first.
      return andThen(this.#peek('add', space, key), (kept) => {
        if (kept === DOWN || kept === undefined || this.#isFresh(key, kept.stored)) return false
        const replaced = this.#attempt(
          'add',
          () => store.replace(space, key, kept.stored, packed, expiresAt),
          false,
        )
        return andThen(replaced, (done) => done && this.#stored(key, true))
      })
    })
  }

  getOrSet(key: string, load: unknown, third?: Ttl | GetOrSetOptions): Answer<unknown> {
    return this.#getOrSet(key, load, third, false)
  }

  /** The same, with a load that answers in this turn. */
  getOrSetInTurn(key: string, load: unknown, third?: Ttl | GetOrSetOptions): Answer<unknown> {
    return this.#getOrSet(key, load, third, true)
  }

  #getOrSet(
    key: string,
    load: unknown,
    third: Ttl | GetOrSetOptions | undefined,
    inTurn: boolean,
  ): Answer<unknown> {
    const store = this.#store ?? this.#open()
    if (typeof key !== 'string') checkKey(key)
    const write = this.#write('getOrSet()', third, GET_OR_SET)
    if (typeof load !== 'function') checkValue(load)
    const options = typeof third === 'object' && third !== null ? third : undefined
    const make = options ? settleMake(options, this.#settings.make) : this.#settings.make
    const fresh = options?.fresh
    if (fresh !== undefined && typeof fresh !== 'boolean') throw notBoolean('fresh', fresh)
    const { space } = write
    const making = () => this.#making(key, load, write, make, fresh === true, inTurn)
    if (fresh) {
      this.#checkKey(space, key)
      return this.#filler!.fill(making())
    }
    const what = this.#attempt('getOrSet', () => store.get(space, key), undefined)
    if (isPromise(what)) return what.then((stored) => this.#serve(space, key, stored, make, making))
    return this.#serve(space, key, what, make, making)
  }

  /** The one table: what each state of an entry leads to. */
  #serve(
    space: Space,
    key: string,
    stored: Stored | undefined,
    make: MakeSettings,
    making: () => Making,
  ): Answer<unknown> {
    if (stored !== undefined && !this.#carriesTimes(stored)) {
      const value = this.#value(key, stored, false)
      if (value !== undefined) return value
    }
    const found = stored === undefined ? undefined : this.#read(key, stored)
    switch (found ? this.#freshness(found) : 'missing') {
      case 'fresh':
        this.#observer.hit(key)
        if (this.#dueAhead(found!, make)) this.#filler!.refresh(making(), { stored, found: found! })
        return found!.value
      case 'stale':
        return this.#serveStale(key, { stored, found: found! }, make, making())
      default:
        this.#checkKey(space, key)
        this.#observer.miss(key)
        return this.#filler!.fill(making())
    }
  }

  /** The stale value, or a new one that is there within `softTimeout`. Never an error while a stale value is allowed. */
  #serveStale(key: string, old: Old, make: MakeSettings, making: Making): Answer<unknown> {
    const stale = () => {
      this.#observer.stale(key)
      return old.found.value
    }
    if (make.softTimeout <= 0 && !making.inTurn) {
      this.#filler!.refresh(making, old)
      return stale()
    }
    try {
      const made = this.#filler!.fill(making, old)
      if (!isPromise(made)) return made
      return new Promise((resolve) => {
        const timer = setTimeout(() => resolve(stale()), make.softTimeout)
        made.then(resolve, () => resolve(stale())).finally(() => clearTimeout(timer))
      })
    } catch {
      return stale()
    }
  }

  inspect(key: string, options?: VersionOption): Answer<Inspection<unknown>> {
    this.#store ?? this.#open()
    const space = this.#keyed('inspect()', key, options, VERSION)
    return andThen(this.#peek('inspect', space, key), (kept) => {
      const found = kept === undefined || kept === DOWN ? undefined : this.#read(key, kept.stored)
      if (kept === undefined || kept === DOWN || found === undefined) {
        return {
          value: undefined,
          status: 'missing',
          age: undefined,
          createdAt: undefined,
          staleAt: undefined,
          expiresAt: undefined,
        }
      }
      const createdAt = found.createdAt ?? kept.createdAt
      const expiresAt = found.grace ? found.grace.staleAt + found.grace.staleFor : kept.expiresAt
      return {
        value: found.value,
        status: this.#freshness(found),
        age: createdAt === undefined ? undefined : Math.max(0, this.#clock.now() - createdAt) / 1_000,
        createdAt,
        staleAt: nullForNever(found.grace ? found.grace.staleAt : expiresAt),
        expiresAt: nullForNever(expiresAt),
      }
    })
  }

  expire(key: string, options?: VersionOption): Answer<boolean> {
    const store = this.#store ?? this.#open()
    const space = this.#keyed('expire()', key, options, VERSION)
    // First the claim: a load that began before now read what is stale from now on, and must not make it fresh again.
    const broken = this.#attempt('expire', () => store.breakClaim(space, key), undefined)
    return andThen(broken, () => this.#expire(store, space, key, 0))
  }

  #expire(store: Store, space: Space, key: string, races: number): Answer<boolean> {
    return andThen(this.#peek('expire', space, key), (kept) => {
      if (kept === DOWN || kept === undefined) return false
      const found = this.#read(key, kept.stored)
      if (found === undefined) return false
      if (found.grace === undefined || found.grace.staleFor === 0)
        return this.delete(key, { version: space.version })
      const now = this.#clock.now()
      if (now >= found.grace.staleAt) return this.#freshness(found) === 'stale'
      return this.#retime(
        store,
        'expire',
        space,
        key,
        kept.stored,
        found,
        now,
        found.grace.staleFor,
        (done) => (done || races === MOST_RACES ? done : this.#expire(store, space, key, races + 1)),
      )
    })
  }

  getMany(keys: Iterable<string>, options?: GetOptions): Answer<Map<string, unknown>> {
    const store = this.#store ?? this.#open()
    const wanted = checkKeys('getMany()', keys)
    const space = options === undefined ? this.#space : this.#readSpace('getMany()', options, GET_MANY)
    const none = new Map<string, Stored>()
    if (wanted.length === 0) return none
    return andThen(
      this.#attempt('getMany', () => store.getMany(space, wanted), none),
      (stored) => {
        const found = new Map<string, unknown>()
        for (const key of wanted) {
          const what = stored.get(key)
          const value = what === undefined ? undefined : this.#value(key, what, options?.stale === true)
          if (value !== undefined) {
            found.set(key, value)
          } else {
            this.#checkKey(space, key)
            this.#observer.miss(key)
          }
        }
        return found
      },
    )
  }

  setMany(entries: Entries<unknown>, third?: Ttl | SetOptions): Answer<string[]> {
    const store = this.#store ?? this.#open()
    const write = this.#write('setMany()', third, SET)
    const packed = new Map<string, Stored>()
    const failed: string[] = []
    for (const [key, value] of checkEntries(entries)) {
      this.#checkKey(write.space, key)
      const what = this.#pack(value, write)
      packed.set(key, what)
    }
    for (const [key, what] of packed) {
      if (what !== undefined) continue
      packed.delete(key)
      failed.push(key)
      this.#dropped(key, 'too-large')
    }
    const tooLarge =
      failed.length > 0 ? this.#attempt('setMany', () => store.deleteMany(write.space, failed), 0) : 0
    return andThen(tooLarge, () => {
      if (packed.size === 0) return failed
      const keys = [...packed.keys()]
      if (write.ttl <= 0) {
        const removed = this.#attempt('setMany', () => store.deleteMany(write.space, keys), DOWN)
        return andThen(removed, (done) => (done === DOWN ? [...failed, ...keys] : failed))
      }
      const refused = this.#attempt(
        'setMany',
        () => store.setMany(write.space, packed, this.#end(write)),
        keys,
      )
      return andThen(refused, (more) => {
        for (const key of keys) this.#stored(key, !more.includes(key))
        return [...failed, ...more]
      })
    })
  }

  delete(key: string, options?: VersionOption): Answer<boolean> {
    const store = this.#store ?? this.#open()
    const space = this.#keyed('delete()', key, options, VERSION)
    return andThen(
      this.#attempt('delete', () => store.delete(space, key), false),
      (found) => {
        this.#observer.see({ type: 'delete', key, found })
        return found
      },
    )
  }

  deleteMany(keys: Iterable<string>, options?: VersionOption): Answer<number> {
    const store = this.#store ?? this.#open()
    const unwanted = checkKeys('deleteMany()', keys)
    const space = options === undefined ? this.#space : this.#readSpace('deleteMany()', options, VERSION)
    for (const key of unwanted) this.#checkKey(space, key)
    if (unwanted.length === 0) return 0
    return andThen(
      this.#attempt('deleteMany', () => store.deleteMany(space, unwanted), 0),
      (found) => {
        for (const key of unwanted)
          this.#observer.see({ type: 'delete', key, found: found === unwanted.length })
        return found
      },
    )
  }

  has(key: string, options?: VersionOption): Answer<boolean> {
    this.#store ?? this.#open()
    const space = this.#keyed('has()', key, options, VERSION)
    return andThen(this.#has('has', space, key), (there) => there === true)
  }

  touch(key: string, third?: Ttl | WriteOptions): Answer<boolean> {
    const store = this.#store ?? this.#open()
    const write = this.#write('touch()', third, WRITE)
    this.#checkKey(write.space, key)
    const { space } = write
    if (write.ttl <= 0) {
      // Gone at once, and true only of what was there for the plain verbs.
      return andThen(this.#has('touch', space, key), (there) =>
        there === true ? this.#attempt('touch', () => store.delete(space, key), false) : false,
      )
    }
    const expiresAt = instant(this.#clock.now(), write.ttl)
    const touched = this.#attempt('touch', () => store.touch(space, key, expiresAt), false)
    return andThen(touched, (done) =>
      done === 'graced' ? this.#touchGraced(store, space, key, write.ttl, 0) : done,
    )
  }

  /** Times of its own move with it: fresh for the new ttl, and stale after that for as long as it was to be. */
  #touchGraced(store: Store, space: Space, key: string, ttl: number, races: number): Answer<boolean> {
    return andThen(this.#peek('touch', space, key), (kept) => {
      if (kept === DOWN || kept === undefined) return false
      const found = this.#read(key, kept.stored)
      if (found === undefined || this.#freshness(found) !== 'fresh') return false
      const staleAt = instant(this.#clock.now(), ttl)
      const staleFor = found.grace?.staleFor ?? 0
      return this.#retime(store, 'touch', space, key, kept.stored, found, staleAt, staleFor, (done) =>
        done || races === MOST_RACES ? done : this.#touchGraced(store, space, key, ttl, races + 1),
      )
    })
  }

  #retime(
    store: Store,
    verb: string,
    space: Space,
    key: string,
    was: Stored,
    found: Found,
    staleAt: number,
    staleFor: number,
    go: (done: boolean) => Answer<boolean>,
  ): Answer<boolean> {
    const what = this.#form!.retime(was, found.createdAt ?? this.#clock.now(), { staleAt, staleFor })
    if (what === undefined) return false
    return andThen(
      this.#attempt(verb, () => store.replace(space, key, was, what, instant(staleAt, staleFor)), false),
      go,
    )
  }

  incr(key: string, by = 1, options?: IncrOptions): Answer<number | undefined> {
    return this.#count('incr()', key, by, 1, options)
  }

  decr(key: string, by = 1, options?: IncrOptions): Answer<number | undefined> {
    return this.#count('decr()', key, by, -1, options)
  }

  #count(
    where: string,
    key: string,
    by: number,
    sign: 1 | -1,
    options?: IncrOptions,
  ): Answer<number | undefined> {
    const store = this.#store ?? this.#open()
    const step = checkInteger(`${where}: by`, by, -Number.MAX_SAFE_INTEGER) * sign
    const write = this.#write(where, options === undefined ? undefined : checkedObject(where, options), INCR)
    this.#checkKey(write.space, key)
    const initial =
      options?.initial === undefined
        ? undefined
        : checkInteger(`${where}: initial`, options.initial, -Number.MAX_SAFE_INTEGER)
    if (initial !== undefined && !Number.isSafeInteger(initial + step)) {
      throw argumentError(RangeError, 'OUT_OF_RANGE', `${where}: initial and by add up to more than 2^53 - 1`)
    }
    const kept = initial !== undefined && write.ttl > 0
    const made = kept ? { initial, expiresAt: instant(this.#clock.now(), write.ttl) } : undefined
    const sum = this.#attempt('incr', () => store.incr(write.space, key, step, made), DOWN)
    return andThen(sum, (total) => {
      if (total === DOWN) return undefined
      if (total !== undefined) return total
      if (initial !== undefined) return initial + step
      throw new KeyNotFoundError(key)
    })
  }

  incrVersion(key: string, by = 1, options?: VersionOption): Answer<number | undefined> {
    return this.#moveVersion('incrVersion()', key, by, 1, options)
  }

  decrVersion(key: string, by = 1, options?: VersionOption): Answer<number | undefined> {
    return this.#moveVersion('decrVersion()', key, by, -1, options)
  }

  #moveVersion(
    where: string,
    key: string,
    by: number,
    sign: 1 | -1,
    options?: VersionOption,
  ): Answer<number | undefined> {
    const store = this.#store ?? this.#open()
    const step = checkInteger(`${where}: by`, by, -Number.MAX_SAFE_INTEGER) * sign
    const from = this.#keyed(where, key, options, VERSION)
    const version = checkVersion(from.version + step)
    const to = this.#spaceOf(version)
    return andThen(this.#peek('incrVersion', from, key), (kept) => {
      if (kept === DOWN) return undefined
      if (kept === undefined || !this.#isFresh(key, kept.stored)) throw new KeyNotFoundError(key)
      if (step === 0) return version
      const expiresAt = kept.expiresAt ?? instant(this.#clock.now(), this.#settings.ttl)
      const moved = this.#attempt('incrVersion', () => store.set(to, key, kept.stored, expiresAt), false)
      return andThen(moved, (stored) => {
        if (!stored) return undefined
        return andThen(
          this.#attempt('incrVersion', () => store.delete(from, key), false),
          () => version,
        )
      })
    })
  }

  clear(options?: ClearOptions): Answer<boolean> {
    const store = this.#store ?? this.#open()
    if (options !== undefined) checkOptions('clear()', options, CLEAR)
    const everything = options?.everything ?? false
    if (typeof everything !== 'boolean') throw notBoolean('everything', everything)
    if (!everything && this.#space.start === undefined) {
      throw new NotSupportedError(
        'NOT_SUPPORTED',
        'clear(): this keyFunction does not say how its keys begin: give it an ownPrefix, or clear({ everything: true })',
      )
    }
    const cleared = this.#attempt('clear', () => store.clear(everything ? 'everything' : this.#space), DOWN)
    return andThen(cleared, (done) => {
      this.#observer.see({ type: 'clear', everything })
      return done !== DOWN
    })
  }

  prune(): Answer<number> {
    const store = this.#store ?? this.#open()
    return this.#attempt('prune', () => store.prune(), 0)
  }

  /** Ends this cache. The second time it does nothing. */
  close(): Answer<void> {
    if (this.#closed) return
    this.#closed = true
    const store = this.#store
    this.#store = undefined
    if (store === undefined || this.#filler === undefined) return
    return this.#filler.close().then(() => store.close())
  }

  get opened(): boolean {
    return this.#form !== undefined
  }

  get unnamedKeys(): number {
    return this.#keys.unnamed
  }

  #open(): Store {
    if (this.#closed) throw new ClosedError()
    this.#store = storeOf(this.#settings.backend, this.#observer)
    this.#form = this.#makeForm()
    this.#filler = new Filler(this.#store, this.#form, this.#observer, this.#clock, this.#attempt)
    return this.#store
  }

  // Reading

  /** The value of what rests, for a plain verb, counted as a hit or as stale; `undefined` where it has none to give. */
  #value(key: string, what: Stored, staleToo: boolean): unknown {
    const found = this.#read(key, what)
    if (found === undefined) return undefined
    const state = this.#freshness(found)
    if (state === 'fresh') this.#observer.hit(key)
    else if (state === 'stale' && staleToo) this.#observer.stale(key)
    else return undefined
    return found.value
  }

  #read(key: string, what: Stored): Found | undefined {
    const found = this.#form!.read(what)
    if (typeof found !== 'string') return found
    this.#observer.corrupt(key, found)
    return undefined
  }

  #freshness(found: Found): 'fresh' | 'stale' | 'expired' {
    return found.grace ? freshness(this.#clock.now(), found.grace.staleAt, found.grace.staleFor) : 'fresh'
  }

  #isFresh(key: string, what: Stored): boolean {
    const found = this.#read(key, what)
    return found !== undefined && this.#freshness(found) === 'fresh'
  }

  #carriesTimes(what: Stored): boolean {
    return what instanceof Entry || what instanceof Uint8Array
  }

  #dueAhead(found: Found, make: MakeSettings): boolean {
    const { refreshAhead } = make
    if (refreshAhead === undefined || found.grace === undefined || found.createdAt === undefined) return false
    const { staleAt } = found.grace
    const due =
      refreshAhead < 0 ? staleAt + refreshAhead : found.createdAt + (staleAt - found.createdAt) * refreshAhead
    return this.#clock.now() >= due
  }

  #has(verb: string, space: Space, key: string): Answer<boolean | typeof DOWN> {
    const there = this.#attempt<boolean | 'graced' | typeof DOWN>(
      verb,
      () => this.#store!.has(space, key),
      DOWN,
    )
    return andThen(there, (answer) => {
      if (answer !== 'graced') return answer
      return andThen(this.#peek(verb, space, key), (kept) =>
        kept === DOWN ? DOWN : kept !== undefined && this.#isFresh(key, kept.stored),
      )
    })
  }

  #peek(verb: string, space: Space, key: string): Answer<Kept | undefined | typeof DOWN> {
    return this.#attempt(verb, () => this.#store!.peek(space, key), DOWN)
  }

  // Writing

  #pack(value: unknown, write: Write): Stored | undefined {
    checkValue(value)
    const now = this.#clock.now()
    const grace =
      write.staleFor > 0 ? { staleAt: instant(now, write.ttl), staleFor: write.staleFor } : undefined
    return this.#form!.pack(value, now, grace)
  }

  #end(write: Write): number {
    return instant(this.#clock.now(), write.ttl + write.staleFor)
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

  #making(
    key: string,
    load: unknown,
    write: Write,
    make: MakeSettings,
    fresh: boolean,
    inTurn: boolean,
  ): Making {
    return {
      space: write.space,
      key,
      load: typeof load === 'function' ? (load as Load<unknown>) : () => load,
      ttl: write.ttl,
      staleFor: make.staleFor,
      timed: make.refreshAhead !== undefined,
      hardTimeout: make.hardTimeout,
      // A claim within the process costs nothing; only one over the network can be switched off.
      lease: make.lease ?? (this.#settings.backend.shared ? undefined : Number.POSITIVE_INFINITY),
      fresh,
      inTurn,
    }
  }

  // The door

  #checkKey(space: Space, key: string): void {
    checkKey(key)
    this.#keys.check(space, key)
  }

  #keyed(where: string, key: string, options: VersionOption | undefined, known: readonly string[]): Space {
    checkKey(key)
    const space = options === undefined ? this.#space : this.#readSpace(where, options, known)
    this.#keys.check(space, key)
    return space
  }

  #readSpace(where: string, options: GetOptions, known: readonly string[]): Space {
    if (known === GET && (typeof options !== 'object' || options === null)) {
      throw argumentError(
        TypeError,
        'INVALID_OPTIONS',
        `get(): the second argument is an object of options, not ${kindOf(options)}: a default is { default: … }`,
      )
    }
    checkOptions(where, options, known)
    const { stale } = options
    if (stale !== undefined && typeof stale !== 'boolean') throw notBoolean('stale', stale)
    return options.version === undefined ? this.#space : this.#spaceOf(options.version)
  }

  #write(where: string, third: Ttl | SetOptions | undefined, known: readonly string[]): Write {
    if (third === undefined) return this.#plainWrite
    if (typeof third !== 'object' || third === null) {
      return { space: this.#space, ttl: ttlToMs(`${where}: ttl`, third), staleFor: this.#plainWrite.staleFor }
    }
    checkOptions(where, third, known)
    const { ttl, version, staleFor } = third
    return {
      space: version === undefined ? this.#space : this.#spaceOf(version),
      ttl: ttl === undefined ? this.#settings.ttl : ttlToMs(`${where}: ttl`, ttl),
      staleFor:
        staleFor === undefined ? this.#plainWrite.staleFor : durationToMs(`${where}: staleFor`, staleFor),
    }
  }

  #spaceOf(version: number): Space {
    const known = version === this.#space.version ? this.#space : this.#spaces.get(version)
    if (known) return known
    const space = this.#settings.space(checkVersion(version))
    if (this.#spaces.size < MOST_SPACES) this.#spaces.set(version, space)
    return space
  }

  // The policy for a backend that fails

  readonly #attempt = <T, F = T>(verb: string, act: () => Answer<T>, fallback: F): Answer<T | F> => {
    try {
      const answer = act()
      return isPromise(answer) ? answer.catch((error: unknown) => this.#fault(verb, error, fallback)) : answer
    } catch (error) {
      return this.#fault(verb, error, fallback)
    }
  }

  #fault<T>(verb: string, error: unknown, fallback: T): T {
    if (isDeliberate(error)) throw error
    this.#observer.see({ type: 'backend-failed', verb, error })
    if (this.#settings.onBackendError === 'miss') return fallback
    const { alias, backend } = this.#settings
    throw new BackendError(
      'BACKEND_FAILED',
      `${verb} failed: the backend ${backend.name} of cache ${JSON.stringify(alias)} did not answer`,
      {
        cause: error,
      },
    )
  }
}

function checkValue(value: unknown): void {
  if (value === undefined) {
    throw argumentError(
      TypeError,
      'INVALID_VALUE',
      'value must not be undefined: undefined means missing; null is a value',
    )
  }
  if ((typeof value !== 'object' && typeof value !== 'function') || value === null) return
  let thenable: boolean
  try {
    thenable = typeof (value as { then?: unknown }).then === 'function'
  } catch (cause) {
    throw new SerializeError('value', 'an object that cannot be read', { cause })
  }
  if (thenable) {
    throw argumentError(
      TypeError,
      'INVALID_VALUE',
      'value is a promise: await it, or pass a function to getOrSet()',
    )
  }
}

function checkKeys(where: string, keys: unknown): string[] {
  const iterable = typeof keys === 'object' && keys !== null && Symbol.iterator in keys
  if (!iterable) {
    throw argumentError(
      TypeError,
      'INVALID_KEYS',
      `${where}: keys must be an array or another iterable of keys, not ${kindOf(keys)}`,
    )
  }
  const all = new Set<string>()
  for (const key of keys as Iterable<unknown>) {
    checkKey(key)
    all.add(key)
  }
  return [...all]
}

function checkEntries(entries: unknown): Iterable<readonly [string, unknown]> {
  if (typeof entries !== 'object' || entries === null) {
    throw argumentError(
      TypeError,
      'INVALID_ENTRIES',
      `setMany(): entries must be an object, a Map or pairs, not ${kindOf(entries)}`,
    )
  }
  if (!(Symbol.iterator in entries)) return Object.entries(entries)
  const pairs: [string, unknown][] = []
  for (const pair of entries as Iterable<unknown>) {
    if (!Array.isArray(pair) || pair.length !== 2) {
      throw argumentError(TypeError, 'INVALID_ENTRIES', 'setMany(): every entry must be a pair [key, value]')
    }
    pairs.push([pair[0], pair[1]])
  }
  return pairs
}

function checkedObject<T extends object>(where: string, options: T): T {
  if (typeof options === 'object' && options !== null) return options
  throw argumentError(
    TypeError,
    'INVALID_OPTIONS',
    `${where}: options must be an object, not ${kindOf(options)}`,
  )
}

function notBoolean(name: string, value: unknown): Error {
  return argumentError(TypeError, 'INVALID_OPTION', `${name} must be true or false, not ${kindOf(value)}`)
}

function nullForNever(at: number | undefined): number | null | undefined {
  return at === Number.POSITIVE_INFINITY ? null : at
}
