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
import type { FaultPolicy } from '../fault-policy.ts'
import type { Inside } from '../inside.ts'
import type { Reader } from '../reader.ts'
import type { Observer } from '../seeing/observe.ts'
import { type Store, sameStored } from '../store.ts'
import type { Stored } from '../values/entry.ts'
import { durationToMs, instant, ttlToMs } from '../values/expiry.ts'
import type { Found } from '../values/form.ts'
import { Background } from './background.ts'
import { Flight, type Outcome } from './flight.ts'
import { Kept, type Load, Skipped } from './load.ts'
import { atMost, nextPoll, pause, withDeadline } from './waiting.ts'

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
  /** How long the answer is held in the process while the backend is down. */
  readonly outageHold: number
  /** Load without looking again, and without joining a load that began earlier. */
  readonly fresh: boolean
  /** Everything happens in this turn: a promise from the load is refused. */
  readonly inTurn: boolean
  /** The count of the store's flights when the caller came. */
  readonly came: number
}

/** What lies under the key now and may be kept or served. */
export interface Old {
  stored: Stored
  found: Found
}

/** A caller is not kept waiting longer than this, in milliseconds, for its value to be stored. */
const STORE_PATIENCE = 250

/** So long, in milliseconds, waiters in other processes are told that an answer was not one to wait for. */
const UNKEPT = 2_000

export class Filler {
  readonly #store: Store
  readonly #reader: Reader
  readonly #observer: Observer
  readonly #clock: Clock
  readonly #policy: FaultPolicy
  readonly #background = new Background()
  /** Flights whose load runs. */
  readonly #loading = new Set<Flight>()

  constructor({ store, reader, observer, clock, policy }: Inside) {
    this.#store = store
    this.#reader = reader
    this.#observer = observer
    this.#clock = clock
    this.#policy = policy
  }

  /** The value, made here or by whoever is making it already. */
  fill(making: Making, old?: Old): Answer<unknown> {
    const flights = this.#store.flights
    const storageKey = making.space.frame(making.key)
    const running = flights.get(storageKey)
    if (running && !making.fresh && !making.inTurn) {
      return this.#mayBeOld(making, running)
        ? this.#joinIfHeld(making, running, old)
        : this.#join(making, running, old)
    }
    const held = this.#store.isDown && !making.fresh ? this.#store.held.get(storageKey) : undefined
    if (held) return held.share()
    if (running) Flight.await(running)?.() // only to find out whether it waits for us
    const flight = running && making.inTurn ? new Flight(storageKey) : flights.start(storageKey)
    const awaited = Flight.await(flight)
    let lead: Answer<Outcome>
    try {
      lead = this.#lead(making, flight, old, false)
    } catch (error) {
      awaited?.()
      throw error
    }
    if (!isPromise(lead)) {
      awaited?.()
      return lead.value
    }
    const made = lead.finally(awaited).then((outcome) => outcome.value)
    return this.#withDeadline(making, made, () => this.#abandon(making, flight))
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

  // Thousands may join one flight: each costs two promises.
  #join(making: Making, flight: Flight, old: Old | undefined): Promise<unknown> {
    this.#observer.joined(making.key)
    const awaited = Flight.await(flight)
    // What it found was asked for before we came, and may have been removed before we came: then we look ourselves.
    const shared = flight
      .join()
      .then((outcome) =>
        flight.foundAt !== undefined && flight.foundAt <= making.came
          ? this.fill(making, old)
          : outcome.share(),
      )
    const inTime = this.#withDeadline(making, shared, () => {})
    return awaited ? inTime.finally(awaited) : inTime
  }

  /**
   * Its load began before the caller came, and another process may have removed the key in between: nobody told us. A
   * claim that still holds says that none did. (Without a claim nothing is promised beyond this process.)
   */
  #mayBeOld(making: Making, { loadedAt = Number.POSITIVE_INFINITY, token }: Flight): boolean {
    return this.#store.backend.shared && !!token && loadedAt <= making.came
  }

  #joinIfHeld(making: Making, flight: Flight, old: Old | undefined): Promise<unknown> {
    const { space, key, lease = 0 } = making
    // Asked once this turn is over, for all who came until then; who comes later asks anew.
    flight.verdict ??= new Promise<void>((resolve) => setImmediate(resolve)).then(() => {
      flight.verdict = undefined
      return this.#policy.attempt(
        'getOrSet',
        () => this.#store.extend(space, key, flight.token ?? '', lease),
        true,
      )
    })
    return flight.verdict.then((held) => {
      if (held) return this.#join(making, flight, old)
      this.#store.flights.end(flight)
      return this.fill(making, old)
    })
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
      if (background) this.#store.flights.refreshFailed(flight.storageKey, this.#clock.now())
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
        ? this.#policy.attempt('getOrSet', () => store.release(space, key), undefined)
        : undefined
    const asked = ++store.flights.count
    const claimed: Answer<Claimed> = andThen(force, () =>
      this.#policy.attempt<Claimed>(
        'getOrSet',
        () => store.claim(space, key, store.backend.shared ? lease : Number.POSITIVE_INFINITY),
        {
          token: '',
        },
      ),
    )
    return andThen(claimed, ({ stored, token }) => {
      const newer = making.fresh ? undefined : this.#newer(key, stored, old)
      if (newer) {
        if (token) this.#end(making, token)
        flight.foundAt = asked
        return this.#outcomeOf(newer.value, stored)
      }
      // What was removed since the caller read it must not come back by a keep().
      const gone = old !== undefined && token !== '' && !sameStored(stored, old.stored)
      const still = gone ? undefined : old
      if (token && wait > 0) return this.#loadAfterWaiting(making, flight, token, still, background)
      if (token !== undefined) return this.#load(making, flight, token, still, background)
      if (making.inTurn) return this.#load(making, flight, '', old, background)
      if (background && old) {
        flight.foundAt = 0
        return this.#outcomeOf(old.found.value, old.stored)
      }
      return pause(nextPoll(wait)).then(() => this.#claim(making, flight, old, background, wait + 1))
    })
  }

  /**
   * We waited for another process, and it left nothing. Did it die, or was its answer none to be kept? Then the next one's will hardly
   * be, and those who wait must not do so one after the other: each loads for itself.
   */
  #loadAfterWaiting(
    making: Making,
    flight: Flight,
    token: string,
    old: Old | undefined,
    background: boolean,
  ): Answer<Outcome> {
    const { space, key } = making
    const store = this.#store
    const mark = unkeptMark(key)
    const looked: Answer<Claimed> = this.#policy.attempt(
      'getOrSet',
      () => store.claim(space, mark, UNKEPT),
      {},
    )
    return andThen(looked, ({ token: unmarked }) => {
      if (unmarked === undefined) this.#end(making, token)
      else this.#quietly(() => store.release(space, mark, unmarked))
      return this.#load(making, flight, unmarked === undefined ? '' : token, old, background)
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
    flight.loadedAt = ++this.#store.flights.count
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
      if (token) this.#endUnkept(making, () => this.#store.release(making.space, key, token))
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
      made = flight.run(() => making.load(context))
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
      if (token) this.#end(making, token)
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
      if (token) this.#end(making, token)
      throw error
    }
    if (what === undefined) {
      this.#observer.see({ type: 'dropped', key, reason: 'too-large' })
      return this.#unkept(making, flight, value, old)
    }
    const outcome = this.#outcomeOf(value, what)
    if (token === '') {
      if (this.#store.isDown && !flight.broken) {
        this.#store.held.hold(flight.storageKey, outcome, Math.min(making.outageHold, times.ttl))
      }
      return outcome
    }
    const kept = this.#policy.attempt(
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
    if (flight.broken) {
      // Our own write may not have reached the backend, and not have broken the claim there.
      if (token) this.#end(making, token)
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
      return true
    })
  }

  /** An answer that is not stored. What it was to replace goes too, when the answer itself says that nothing may be kept. */
  #unkept(making: Making, flight: Flight, value: unknown, replaced?: Old): Answer<Outcome> {
    const { space, key } = making
    const { token, storageKey } = flight
    if (replaced === undefined || token === '') {
      if (token) this.#endUnkept(making, () => this.#store.release(space, key, token))
    } else if (token !== undefined) {
      this.#endUnkept(making, () => this.#store.drop(space, key, token))
    } else if (this.#store.flights.get(storageKey) === flight) {
      this.#quietly(() => andThen(this.#store.delete(space, key), () => undefined))
    }
    return { value, share: () => this.#copyOf(value) }
  }

  #copyOf(value: unknown): unknown {
    if (typeof value !== 'object' || value === null) return value
    try {
      return this.#outcomeOf(value, this.#reader.form.pack(value, 0)).share()
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
        const found = stored === undefined ? 'too-large' : this.#reader.form.read(stored)
        return typeof found === 'string' ? value : found.value
      },
    }
  }

  #valueOf(old: Old): unknown {
    const found = this.#reader.form.read(old.stored)
    return typeof found === 'string' ? undefined : found.value
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

  /** Ends a claim that nothing was stored under, after a mark for those who wait in other processes. */
  #endUnkept(making: Making, end: () => Answer<void>): void {
    const { space, key } = making
    const mark = () => this.#store.claim(space, unkeptMark(key), UNKEPT)
    this.#quietly(() => (this.#store.backend.shared ? andThen(mark(), end) : end()))
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
    return withDeadline(hardTimeout, answer, () => {
      expired()
      return timedOut(making)
    })
  }

  /** For what nobody waits for. */
  #quietly(act: () => Answer<void>): void {
    try {
      const answer = this.#policy.attempt('getOrSet', act, undefined)
      if (isPromise(answer)) answer.catch(() => {})
    } catch {
      // Counted and told by the policy; there is nobody to throw it to.
    }
  }

  /** A newer value than the one to be replaced, made by another meanwhile. */
  #newer(key: string, stored: Stored | undefined, old: Old | undefined): Found | undefined {
    if (stored === undefined || (old && sameStored(stored, old.stored))) return undefined
    const found = this.#reader.read(key, stored)
    return found && this.#reader.freshness(found) === 'fresh' ? found : undefined
  }

  /** Tells running loads to give up, and waits a moment for what runs behind. */
  close(): Promise<void> {
    for (const flight of this.#loading) flight.abort(new ClosedError())
    return this.#background.drain()
  }
}

/** The mark is a claim, which no verb sees, on a name beside the key. */
function unkeptMark(key: string): string {
  return `${key} (unkept)`
}

function timedOut(making: Making): LoadTimeoutError {
  return new LoadTimeoutError(
    'LOAD_TIMEOUT',
    `The load of ${JSON.stringify(making.key)} took longer than its hardTimeout of ${making.hardTimeout} ms`,
  )
}
