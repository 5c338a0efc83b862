/**
 * The load itself: run within its flight, under its claim, and what it answers stored, or not.
 */
import { type Answer, andThen, isPromise } from '../answer.ts'
import type { Clock } from '../clock.ts'
import { argumentError, CacheError } from '../errors.ts'
import type { FaultPolicy } from '../fault-policy.ts'
import type { Inside } from '../inside.ts'
import type { Reader } from '../reader.ts'
import type { Observer } from '../seeing/observe.ts'
import type { Store } from '../store.ts'
import type { Stored } from '../values/entry.ts'
import { durationToMs, instant, ttlToMs } from '../values/expiry.ts'
import type { Fate, Flight, Outcome } from './flight.ts'
import type { Holding } from './holding.ts'
import { Kept, Skipped } from './load.ts'
import type { Making, Old } from './making.ts'
import { atMost } from './waiting.ts'

/** A caller is not kept waiting longer than this, in milliseconds, for its value to be stored. */
const STORE_PATIENCE = 250

export class Loader {
  readonly #store: Store
  readonly #reader: Reader
  readonly #observer: Observer
  readonly #clock: Clock
  readonly #policy: FaultPolicy
  readonly #holding: Holding
  /** Flights whose load runs. */
  readonly #loading = new Set<Flight>()

  constructor({ store, reader, observer, clock, policy }: Inside, holding: Holding) {
    this.#store = store
    this.#reader = reader
    this.#observer = observer
    this.#clock = clock
    this.#policy = policy
    this.#holding = holding
  }

  /** Tells running loads to give up. */
  abort(reason: Error): void {
    for (const flight of this.#loading) flight.abort(reason)
  }

  /** `token` `''`: load, and keep nothing (the backend is down, or another holds the claim). `undefined`: no claims here. */
  load(making: Making, flight: Flight, token: string | undefined, old: Old | undefined): Answer<Outcome> {
    const { background, key } = making
    const began = performance.now()
    const times = { ttl: making.ttl, staleFor: making.staleFor }
    this.#observer.see({ type: 'load', key, background })
    flight.token = token
    flight.loadedAt = ++this.#store.flights.count
    this.#loading.add(flight)
    const renewal = token ? this.#holding.renew(making, flight, token) : undefined
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
      if (token) this.#holding.endUnkept(making, () => this.#store.release(making.space, key, token))
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
        // Read anew: the caller was handed the other copy, and may be changing it.
        stale: old && this.#valueOf(old),
        ttl: (ttl: unknown) => {
          times.ttl = ttlToMs('ttl', ttl)
        },
        staleFor: (staleFor: unknown) => {
          times.staleFor = durationToMs('staleFor', staleFor)
        },
        keep: () => new Kept(),
        skip: <T>(value: T) => new Skipped(value),
      }
      // Behind a stale value, which it would be served itself, and within a time limit: it holds up nobody.
      const endsAnyway = background && old !== undefined && making.hardTimeout !== undefined
      made = flight.run(() => making.load(context), endsAnyway)
    } catch (error) {
      return failed(error)
    }
    if (!isPromise(made)) return loaded(made)
    const later = Promise.resolve(made)
    if (making.inTurn) {
      later.catch(() => {})
      return failed(
        argumentError(
          TypeError,
          'INVALID_VALUE',
          'sync.getOrSet(): the load returned a promise: use the cache itself, not its sync',
        ),
      )
    }
    return later.then(loaded, failed)
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
    if (made instanceof Skipped) return this.#unkept(making, flight, made.value)
    if (made === undefined) return this.#unkept(making, flight, undefined)
    if (made instanceof Kept && old === undefined) {
      if (token) this.#holding.end(making, token)
      throw argumentError(
        TypeError,
        'NOTHING_TO_KEEP',
        'keep(): there is no stale value to keep: return a value',
      )
    }
    const value = made instanceof Kept ? this.#valueOf(old!) : made
    const now = this.#clock.now()
    if (times.ttl <= 0) return this.#unkept(making, flight, value, old)
    const graced = times.staleFor > 0 || making.timed
    const grace = graced ? { staleAt: instant(now, times.ttl), staleFor: times.staleFor } : undefined
    let what: Stored | undefined
    try {
      what =
        made instanceof Kept && grace
          ? this.#reader.form.retime(old!.stored, now, grace)
          : this.#reader.form.pack(value, now, grace)
    } catch (error) {
      if (token) this.#holding.end(making, token)
      throw error
    }
    if (what === undefined) {
      this.#observer.see({ type: 'dropped', key, reason: 'too-large' })
      return this.#unkept(making, flight, value, old)
    }
    const outcome = this.outcomeOf(value, what, token === '' ? 'unkept' : 'kept')
    if (token === '') {
      if (this.#store.isDown && !flight.broken) {
        this.#store.held.hold(flight.storageKey, outcome, Math.min(making.outageHold, times.ttl))
      }
      return outcome
    }
    const fate = this.#policy.attempt<Fate>(
      'getOrSet',
      () => this.#put(making, flight, token, what, instant(now, times.ttl + times.staleFor)),
      'unkept',
    )
    const told = andThen(fate, (known) => {
      outcome.fate = known
    })
    if (!isPromise(told)) return outcome
    return (making.background ? told : this.#patiently(told)).then(() => outcome)
  }

  /** `onBackendError: 'throw'` wants the error of a write that fails while the caller still waits. */
  #patiently(stored: Promise<void>): Promise<void> {
    let patient = true
    const watched = stored.catch((error: unknown) => {
      if (patient) throw error
    })
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
  ): Answer<Fate> {
    const { space, key } = making
    const late = (): Fate => {
      this.#observer.see({ type: 'late', key })
      return 'late'
    }
    if (flight.broken) {
      // Our own write may not have reached the backend, and not have broken the claim there.
      if (token) this.#holding.end(making, token)
      return late()
    }
    if (token === undefined && this.#store.flights.get(flight.storageKey) !== flight) return late()
    const put =
      token === undefined
        ? this.#store.backend.set(space, key, what, expiresAt)
        : this.#store.fill(space, key, token, what, expiresAt)
    return andThen(put, (stored) => {
      if (!stored) return late()
      this.#observer.set(key)
      return 'kept'
    })
  }

  /** An answer that is not stored. What it was to replace goes too, when the answer itself says that nothing may be kept. */
  #unkept(making: Making, flight: Flight, value: unknown, replaced?: Old): Answer<Outcome> {
    const { space, key } = making
    const { token, storageKey } = flight
    if (replaced === undefined || token === '') {
      if (token) this.#holding.endUnkept(making, () => this.#store.release(space, key, token))
    } else if (token !== undefined) {
      this.#holding.endUnkept(making, () => this.#store.drop(space, key, token))
    } else if (this.#store.flights.get(storageKey) === flight) {
      this.#holding.quietly(() => andThen(this.#store.delete(space, key), () => undefined))
    }
    return { value, fate: 'unkept', share: () => this.#copyOf(value) }
  }

  #copyOf(value: unknown): unknown {
    if (typeof value !== 'object' || value === null) return value
    try {
      return this.outcomeOf(value, this.#reader.form.pack(value, 0), 'unkept').share()
    } catch (error) {
      // What cannot be kept cannot be copied either: a skipped value is then the same for all.
      if (error instanceof CacheError) return value
      throw error
    }
  }

  outcomeOf(value: unknown, stored: Stored, fate: Fate): Outcome {
    return {
      value,
      fate,
      share: () => {
        const found = stored === undefined ? 'too-large' : this.#reader.form.read(stored)
        return typeof found === 'string' ? value : found.value
      },
    }
  }

  #valueOf(old: Old): unknown {
    const found = this.#reader.form.read(old.stored)
    return typeof found === 'string' ? undefined : found.value
  }
}
