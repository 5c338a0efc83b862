/**
 * The one fill, of values and jobs alike: flight → claim, which looks again → load → store under the claim.
 *
 * Why it looks again: A reads a miss; B loads, stores and ends; A then starts a flight. Without a second look A would load
 * what was stored a moment ago. Why it stores under the claim: A's load reads the source; somebody changes the source and deletes
 * the key; A stores what is now old, and nobody ever removes it. The delete breaks the claim, and A's fill comes to nothing.
 */
import { type Answer, andThen, isPromise } from '../answer.ts'
import type { Claimed, Space } from '../backend.ts'
import type { Clock } from '../clock.ts'
import { argumentError, CacheError, ClosedError, LoadTimeoutError } from '../errors.ts'
import type { Observer } from '../seeing/observe.ts'
import { type Store, sameStored } from '../store.ts'
import type { Stored } from '../values/entry.ts'
import { durationToMs, freshness, instant, ttlToMs } from '../values/expiry.ts'
import type { Form, Found } from '../values/form.ts'
import { Background } from './background.ts'
import { Flight, type Outcome } from './flight.ts'
import { Kept, type Load, Skipped } from './load.ts'

/** What is to be made, settled at the door. */
export interface Making {
  readonly space: Space
  readonly key: string
  readonly load: Load<unknown>
  readonly ttl: number
  readonly staleFor: number
  /** Stored with times of its own even without `staleFor`: early refresh needs to know its age. */
  readonly timed: boolean
  readonly hardTimeout: number | undefined
  /** How long a claim holds without renewal; `undefined`: no claim, one load a process. */
  readonly lease: number | undefined
  /** Load without looking again, and without joining a load that began earlier. */
  readonly fresh: boolean
  /** Everything happens in this turn: a promise from the load is refused. */
  readonly inTurn: boolean
}

/** What lies under the key now and may be kept or served. */
export interface Old {
  stored: Stored
  found: Found
}

/** Turns a fault of the backend into what the policy says: a fallback, or an error. */
export type Attempt = <T, F = T>(verb: string, act: () => Answer<T>, fallback: F) => Answer<T | F>

/** A caller is not kept waiting longer than this, in milliseconds, for its value to be stored. */
const STORE_PATIENCE = 250

/** How often a waiter looks, in milliseconds: at first, and at most. */
const FIRST_POLL = 5
const LAST_POLL = 100

export class Filler {
  readonly #store: Store
  readonly #form: Form
  readonly #observer: Observer
  readonly #attempt: Attempt
  readonly #clock: Clock
  readonly #background = new Background()
  /** Flights whose load runs. */
  readonly #loading = new Set<Flight>()

  constructor(store: Store, form: Form, observer: Observer, clock: Clock, attempt: Attempt) {
    this.#store = store
    this.#form = form
    this.#observer = observer
    this.#clock = clock
    this.#attempt = attempt
  }

  /** The value, made here or by whoever is making it already. */
  fill(making: Making, old?: Old): Answer<unknown> {
    const flights = this.#store.flights
    const storageKey = making.space.frame(making.key)
    const running = flights.get(storageKey)
    if (running && !making.fresh && !making.inTurn) return this.#join(making, running)
    if (running) Flight.await(running)() // only to find out whether it waits for us
    const flight = running && making.inTurn ? new Flight(storageKey) : flights.start(storageKey)
    const awaited = Flight.await(flight)
    const answer = this.#lead(making, flight, old, false)
    if (!isPromise(answer)) {
      awaited()
      return answer.value
    }
    const lead = answer.finally(awaited)
    return this.#withDeadline(making, lead, () => this.#abandon(making, flight)).then(
      (outcome) => outcome.value,
    )
  }

  /** Makes the value behind the caller's back. Never throws; does nothing while somebody else is at it. */
  refresh(making: Making, old: Old): void {
    const flights = this.#store.flights
    const storageKey = making.space.frame(making.key)
    if (flights.get(storageKey) || !flights.mayRefresh(storageKey, this.#clock.now())) return
    const flight = flights.start(storageKey)
    // Not in this turn: a load that computes would keep the caller from the stale value that is there to spare it the wait.
    const lead = this.#background.soon(() => this.#lead(making, flight, old, true))
    this.#withDeadline(making, lead, () => this.#abandon(making, flight)).catch(() => {})
  }

  #join(making: Making, flight: Flight): Promise<unknown> {
    this.#observer.see({ type: 'joined', key: making.key })
    const awaited = Flight.await(flight)
    const shared = flight.join().then((outcome) => outcome.share())
    return this.#withDeadline(making, shared, () => {}).finally(awaited)
  }

  /** Leads a flight to its end, whatever that is. */
  #lead(making: Making, flight: Flight, old: Old | undefined, background: boolean): Answer<Outcome> {
    const done = (outcome: Outcome) => {
      this.#store.flights.end(flight)
      flight.succeed(outcome)
      return outcome
    }
    const failed = (error: unknown): never => {
      this.#store.flights.end(flight)
      flight.fail(error)
      throw error
    }
    try {
      const answer = this.#claim(making, flight, old, background)
      return isPromise(answer) ? answer.then(done, failed) : done(answer)
    } catch (error) {
      return failed(error)
    }
  }

  #claim(
    making: Making,
    flight: Flight,
    old: Old | undefined,
    background: boolean,
    wait = 0,
  ): Answer<Outcome> {
    const { space, key, lease } = making
    const store = this.#store
    if (lease === undefined) return this.#load(making, flight, undefined, old, background)
    const force =
      making.fresh && wait === 0
        ? this.#attempt('getOrSet', () => store.release(space, key), undefined)
        : undefined
    const claimed: Answer<Claimed> = andThen(force, () =>
      this.#attempt<Claimed>(
        'getOrSet',
        () => store.claim(space, key, store.backend.shared ? lease : Number.POSITIVE_INFINITY),
        {
          token: '',
        },
      ),
    )
    return andThen(claimed, ({ stored, token }) => {
      const now = making.fresh ? undefined : this.#usable(key, stored)
      if (now?.state === 'fresh' && !(old && sameStored(now.old.stored, old.stored))) {
        if (token) this.#end(making, token)
        return this.#outcomeOf(now.old.found.value, now.old.stored)
      }
      if (token !== undefined) return this.#load(making, flight, token, now?.old ?? old, background)
      if (making.inTurn) return this.#load(making, flight, '', now?.old ?? old, background)
      if (background && old) return this.#outcomeOf(old.found.value, old.stored)
      return pause(nextPoll(wait)).then(() => this.#claim(making, flight, old, background, wait + 1))
    })
  }

  /** `token` `''`: load, and keep nothing (the backend is down, or another holds the claim). `undefined`: no claims here. */
  #load(
    making: Making,
    flight: Flight,
    token: string | undefined,
    old: Old | undefined,
    background: boolean,
  ): Answer<Outcome> {
    const { key } = making
    const began = performance.now()
    const times = { ttl: making.ttl, staleFor: making.staleFor }
    this.#observer.see({ type: 'load', key, background })
    flight.token = token
    this.#loading.add(flight)
    const renewal = token ? this.#renew(making, flight, token) : undefined
    const landed = () => {
      clearInterval(renewal)
      this.#loading.delete(flight)
      flight.landed()
    }
    const loaded = (made: unknown): Answer<Outcome> => {
      landed()
      this.#observer.see({ type: 'loaded', key, background, ms: performance.now() - began })
      this.#store.flights.refreshed(flight.storageKey)
      return this.#keep(making, flight, token, made, old, times)
    }
    const failed = (error: unknown): never => {
      landed()
      if (token) this.#end(making, token)
      if (background) this.#store.flights.refreshFailed(flight.storageKey, this.#clock.now())
      this.#observer.see({ type: 'load-failed', key, background, ms: performance.now() - began, error })
      throw error
    }
    let made: unknown
    try {
      const context = {
        key,
        get signal() {
          return flight.signal
        },
        background,
        stale: old?.found.value,
        ttl: (ttl: unknown) => {
          times.ttl = ttlToMs('ttl', ttl)
        },
        staleFor: (staleFor: unknown) => {
          times.staleFor = durationToMs('staleFor', staleFor)
        },
        keep: () => new Kept(),
        skip: <T>(value: T) => new Skipped(value),
      }
      made = flight.run(() => making.load(context))
    } catch (error) {
      return failed(error)
    }
    if (!isPromise(made)) return loaded(made)
    if (making.inTurn) {
      made.catch(() => {})
      return failed(
        argumentError(
          TypeError,
          'INVALID_VALUE',
          'sync.getOrSet(): the load returned a promise: use the cache itself, not its sync',
        ),
      )
    }
    return made.then(loaded, failed)
  }

  /** Stores what a load returned, under its claim. */
  #keep(
    making: Making,
    flight: Flight,
    token: string | undefined,
    made: unknown,
    old: Old | undefined,
    times: { ttl: number; staleFor: number },
  ): Answer<Outcome> {
    const { key } = making
    if (made instanceof Skipped) return this.#unkept(making, token, made.value)
    if (made === undefined) return this.#unkept(making, token, undefined)
    if (made instanceof Kept && old === undefined) {
      if (token) this.#end(making, token)
      throw argumentError(
        TypeError,
        'NOTHING_TO_KEEP',
        'keep(): there is no stale value to keep: return a value',
      )
    }
    const value = made instanceof Kept ? old!.found.value : made
    const now = this.#clock.now()
    if (times.ttl <= 0) return this.#unkept(making, token, value, old)
    const graced = times.staleFor > 0 || making.timed
    const grace = graced ? { staleAt: instant(now, times.ttl), staleFor: times.staleFor } : undefined
    let what: Stored | undefined
    try {
      what =
        made instanceof Kept && grace
          ? this.#form.retime(old!.stored, now, grace)
          : this.#form.pack(value, now, grace)
    } catch (error) {
      if (token) this.#end(making, token)
      throw error
    }
    if (what === undefined) {
      this.#observer.see({ type: 'dropped', key, reason: 'too-large' })
      return this.#unkept(making, token, value, old)
    }
    const outcome = this.#outcomeOf(value, what)
    if (token === '') return outcome
    const kept = this.#attempt(
      'getOrSet',
      () => this.#put(making, flight, token, what, instant(now, times.ttl + times.staleFor)),
      false,
    )
    return isPromise(kept) ? this.#stored(kept).then(() => outcome) : outcome
  }

  /** `onBackendError: 'throw'` wants the error of a write that fails while the caller still waits. */
  #stored(kept: Promise<boolean>): Promise<void> {
    let patient = true
    const watched = kept.then(
      () => {},
      (error: unknown) => {
        if (patient) throw error
      },
    )
    return atMost(STORE_PATIENCE, watched).finally(() => {
      patient = false
    })
  }

  #put(
    making: Making,
    flight: Flight,
    token: string | undefined,
    what: Stored,
    expiresAt: number,
  ): Answer<boolean> {
    const { space, key } = making
    const late = () => {
      this.#observer.see({ type: 'late', key })
      return false
    }
    if (token === undefined && this.#store.flights.get(flight.storageKey) !== flight) return late()
    const put =
      token === undefined
        ? this.#store.backend.set(space, key, what, expiresAt)
        : this.#store.fill(space, key, token, what, expiresAt)
    return andThen(put, (stored) => {
      if (!stored) return late()
      this.#observer.set(key)
      return true
    })
  }

  /** An answer that is not stored. What it was to replace goes too, when the answer itself says that nothing may be kept. */
  #unkept(making: Making, token: string | undefined, value: unknown, replaced?: Old): Answer<Outcome> {
    const { space, key } = making
    const gone = replaced && token !== ''
    if (gone) this.#quietly(() => andThen(this.#store.delete(space, key), () => undefined))
    else if (token) this.#end(making, token)
    return { value, share: () => this.#copyOf(value) }
  }

  #copyOf(value: unknown): unknown {
    if (typeof value !== 'object' || value === null) return value
    try {
      return this.#outcomeOf(value, this.#form.pack(value, 0)).share()
    } catch (error) {
      // What cannot be kept cannot be copied either: a skipped value is then the same for all.
      if (error instanceof CacheError) return value
      throw error
    }
  }

  #outcomeOf(value: unknown, stored: Stored): Outcome {
    return {
      value,
      share: () => {
        const found = stored === undefined ? 'too-large' : this.#form.read(stored)
        return typeof found === 'string' ? value : found.value
      },
    }
  }

  /** Holds the claim while the load runs, for those in other processes who wait for it. */
  #renew(making: Making, flight: Flight, token: string): NodeJS.Timeout | undefined {
    const { space, key, lease } = making
    if (!this.#store.backend.shared || lease === undefined) return undefined
    const timer = setInterval(() => {
      if (this.#store.flights.get(flight.storageKey) !== flight) return clearInterval(timer)
      this.#quietly(() =>
        andThen(this.#store.extend(space, key, token, lease), (held) => {
          if (!held) clearInterval(timer)
        }),
      )
    }, lease / 3)
    timer.unref()
    return timer
  }

  #end(making: Making, token: string): void {
    this.#quietly(() => this.#store.release(making.space, making.key, token))
  }

  /** The load has used up its time: callers go on without it, and the next one starts anew. Should it still end well, it is kept. */
  #abandon(making: Making, flight: Flight): void {
    this.#store.flights.end(flight)
    flight.abort(timedOut(making))
    if (flight.token && !this.#store.backend.shared) this.#quietly(() => this.#lapse(making, flight.token))
  }

  /** Others may claim the key from now on; until one does, the load may still store. */
  #lapse(making: Making, token = ''): Answer<void> {
    return andThen(this.#store.extend(making.space, making.key, token, 0), () => undefined)
  }

  #withDeadline<T>(making: Making, answer: Promise<T>, expired: () => void): Promise<T> {
    const { hardTimeout } = making
    if (hardTimeout === undefined) return answer
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        expired()
        reject(timedOut(making))
      }, hardTimeout)
      answer.finally(() => clearTimeout(timer)).then(resolve, reject)
    })
  }

  /** For what nobody waits for. */
  #quietly(act: () => Answer<void>): void {
    const answer = this.#attempt('getOrSet', act, undefined)
    if (isPromise(answer)) answer.catch(() => {})
  }

  #usable(key: string, stored: Stored | undefined): { old: Old; state: 'fresh' | 'stale' } | undefined {
    if (stored === undefined) return undefined
    const found = this.#form.read(stored)
    if (typeof found === 'string') {
      this.#observer.corrupt(key, found)
      return undefined
    }
    const state = found.grace
      ? freshness(this.#clock.now(), found.grace.staleAt, found.grace.staleFor)
      : 'fresh'
    return state === 'expired' ? undefined : { old: { stored, found }, state }
  }

  /** Tells running loads to give up, and waits a moment for what runs behind. */
  close(): Promise<void> {
    for (const flight of this.#loading) flight.abort(new ClosedError())
    return this.#background.drain()
  }
}

function timedOut(making: Making): LoadTimeoutError {
  return new LoadTimeoutError(
    'LOAD_TIMEOUT',
    `The load of ${JSON.stringify(making.key)} took longer than its hardTimeout of ${making.hardTimeout} ms`,
  )
}

/** 5 → 100 ms, jittered so that waiters of one key do not march in step. */
function nextPoll(turn: number): number {
  return Math.min(LAST_POLL, FIRST_POLL * 1.6 ** turn) * (0.5 + Math.random())
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms))
}

/** Waits for a promise, but no longer than that. */
function atMost(ms: number, promise: Promise<void>): Promise<void> {
  let timer: NodeJS.Timeout | undefined
  const enough = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, ms)
  })
  return Promise.race([promise, enough]).finally(() => clearTimeout(timer))
}
