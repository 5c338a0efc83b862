/**
 * The one fill, of values and jobs alike: flight → claim, which looks again → load → store under the claim.
 *
 * Why it looks again: A reads a miss; B loads, stores and ends; A then starts a flight. Without a second look A would load
 * what was stored a moment ago. Why it stores under the claim: A's load reads the source; somebody changes the source and deletes
 * the key; A stores what is now old, and nobody ever removes it. The delete breaks the claim, and A's fill comes to nothing.
 */
import { type Answer, andThen, isPromise } from '../answer.ts'
import type { Claimed } from '../backend.ts'
import type { Clock } from '../clock.ts'
import { ClosedError, LoadTimeoutError } from '../errors.ts'
import type { FaultPolicy } from '../fault-policy.ts'
import type { Inside } from '../inside.ts'
import type { Reader } from '../reader.ts'
import type { Observer } from '../seeing/observe.ts'
import { type Store, sameStored } from '../store.ts'
import type { Stored } from '../values/entry.ts'
import type { Found } from '../values/form.ts'
import { Background } from './background.ts'
import { type Fate, Flight, type Outcome } from './flight.ts'
import { Holding } from './holding.ts'
import { Loader } from './loader.ts'
import type { Making, Old } from './making.ts'
import { nextPoll, pause, withDeadline } from './waiting.ts'

export class Filler {
  readonly #store: Store
  readonly #reader: Reader
  readonly #observer: Observer
  readonly #clock: Clock
  readonly #policy: FaultPolicy
  readonly #holding: Holding
  readonly #loader: Loader
  readonly #background = new Background()

  constructor(inside: Inside) {
    this.#store = inside.store
    this.#reader = inside.reader
    this.#observer = inside.observer
    this.#clock = inside.clock
    this.#policy = inside.policy
    this.#holding = new Holding(inside.store, inside.policy)
    this.#loader = new Loader(inside, this.#holding)
  }

  /** The value, made here or by whoever is making it already. */
  fill(making: Making, old?: Old): Answer<unknown> {
    return this.#make(making, old, valueFor)
  }

  /**
   * Makes the value for nobody who waits for it, and says what became of it: a worker's part. Unlike `refresh` it goes on until the value
   * is there, whoever makes it; and it rejects with what the load threw.
   */
  make(making: Making, old?: Old): Promise<Fate> {
    return this.#background.soon(() => this.#make({ ...making, background: true }, old, fateOf))
  }

  #make<T>(making: Making, old: Old | undefined, take: Take<T>): Answer<T> {
    const flights = this.#store.flights
    const storageKey = making.space.frame(making.key)
    const running = flights.get(storageKey)
    if (running && !making.fresh && !making.inTurn) {
      return this.#mayBeOld(making, running)
        ? this.#joinIfHeld(making, running, old, take)
        : this.#join(making, running, old, take)
    }
    const held = this.#store.isDown && !making.fresh ? this.#store.held.get(storageKey) : undefined
    if (held) return take(held, false)
    if (running && !making.background) Flight.await(running)?.() // only to find out whether it waits for us
    const flight = running && making.inTurn ? new Flight(storageKey) : flights.start(storageKey)
    const awaited = making.background ? undefined : Flight.await(flight)
    let lead: Answer<Outcome>
    try {
      lead = this.#lead(making, flight, old)
    } catch (error) {
      awaited?.()
      throw error
    }
    if (!isPromise(lead)) {
      awaited?.()
      return take(lead, true)
    }
    const made = lead.finally(awaited).then((outcome) => take(outcome, true))
    return this.#withDeadline(making, made, () => this.#abandon(making, flight))
  }

  /** Makes the value behind the caller's back. Never throws; does nothing while somebody else is at it. */
  refresh(making: Making, old: Old): void {
    const flights = this.#store.flights
    const storageKey = making.space.frame(making.key)
    if (flights.get(storageKey) || !flights.mayRefresh(storageKey, this.#clock.now())) return
    const flight = flights.start(storageKey)
    const behind = { ...making, background: true }
    // Not in this turn: a load that computes would keep the caller from the stale value that is there to spare it the wait.
    const lead = this.#background.soon(() => this.#lead(behind, flight, old, true))
    this.#withDeadline(behind, lead, () => this.#abandon(behind, flight)).catch(() => {})
  }

  // Thousands may join one flight: each costs two promises.
  #join<T>(making: Making, flight: Flight, old: Old | undefined, take: Take<T>): Promise<T> {
    this.#observer.joined(making.key)
    const awaited = making.background ? undefined : Flight.await(flight)
    // What it found was asked for before we came, and may have been removed before we came: then we look ourselves.
    const shared = flight
      .join()
      .then((outcome) =>
        flight.foundAt !== undefined && flight.foundAt <= making.came
          ? this.#make(making, old, take)
          : take(outcome, false),
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

  #joinIfHeld<T>(making: Making, flight: Flight, old: Old | undefined, take: Take<T>): Promise<T> {
    return this.#holding.stillHeld(making, flight).then((held) => {
      if (held) return this.#join(making, flight, old, take)
      this.#store.flights.end(flight)
      return this.#make(making, old, take)
    })
  }

  /**
   * Leads a flight to its end, whatever that is.
   *
   * @param yields leaves it to another process that is making the key already, where an old value is there to go on with.
   */
  #lead(making: Making, flight: Flight, old: Old | undefined, yields = false): Answer<Outcome> {
    const done = (outcome: Outcome) => {
      this.#store.flights.end(flight)
      flight.succeed(outcome)
      return outcome
    }
    const failed = (error: unknown): never => {
      this.#store.flights.end(flight)
      if (making.background) this.#store.flights.refreshFailed(flight.storageKey, this.#clock.now())
      flight.fail(error)
      throw error
    }
    try {
      const answer = this.#claim(making, flight, old, yields)
      return isPromise(answer) ? answer.then(done, failed) : done(answer)
    } catch (error) {
      return failed(error)
    }
  }

  #claim(making: Making, flight: Flight, old: Old | undefined, yields: boolean, wait = 0): Answer<Outcome> {
    const { space, key, lease } = making
    const store = this.#store
    if (lease === undefined) return this.#loader.load(making, flight, undefined, old)
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
      if (token !== '' && making.isDue && !making.isDue(this.#reader.usable(key, stored))) {
        if (token) this.#holding.end(making, token)
        // Who joined us is not answered by this.
        flight.foundAt = 0
        return this.#loader.outcomeOf(undefined, undefined, 'found')
      }
      const newer = making.fresh ? undefined : this.#newer(key, stored, old)
      if (newer) {
        if (token) this.#holding.end(making, token)
        flight.foundAt = asked
        return this.#loader.outcomeOf(newer.value, stored, 'found')
      }
      // What was removed since the caller read it must not come back by a keep().
      const gone = old !== undefined && token !== '' && !sameStored(stored, old.stored)
      const still = gone ? undefined : old
      if (token && wait > 0) return this.#loadAfterWaiting(making, flight, token, still)
      if (token !== undefined) return this.#loader.load(making, flight, token, still)
      if (making.inTurn) return this.#loader.load(making, flight, '', old)
      if (yields && old) {
        flight.foundAt = 0
        return this.#loader.outcomeOf(old.found.value, old.stored, 'found')
      }
      return pause(nextPoll(wait)).then(() => this.#claim(making, flight, old, yields, wait + 1))
    })
  }

  /**
   * We waited for another process, and it left nothing. Did it die, or was its answer none to be kept? Then the next one's will hardly
   * be, and those who wait must not do so one after the other: each loads for itself.
   */
  #loadAfterWaiting(making: Making, flight: Flight, token: string, old: Old | undefined): Answer<Outcome> {
    return andThen(this.#holding.isUnkept(making), (unkept) => {
      if (unkept) this.#holding.end(making, token)
      return this.#loader.load(making, flight, unkept ? '' : token, old)
    })
  }

  /** The load has used up its time: callers go on without it, and the next one starts anew. Should it still end well, it is kept. */
  #abandon(making: Making, flight: Flight): void {
    this.#store.flights.end(flight)
    flight.abort(timedOut(making))
    if (flight.token && !this.#store.backend.shared) this.#holding.lapse(making, flight.token)
  }

  #withDeadline<T>(making: Making, answer: Promise<T>, expired: () => void): Promise<T> {
    const { hardTimeout } = making
    if (hardTimeout === undefined) return answer
    const late = () => {
      expired()
      return timedOut(making)
    }
    return withDeadline(hardTimeout, answer, late, making.background)
  }

  /** A newer value than the one to be replaced, made by another meanwhile. */
  #newer(key: string, stored: Stored | undefined, old: Old | undefined): Found | undefined {
    if (stored === undefined || (old && sameStored(stored, old.stored))) return undefined
    const found = this.#reader.read(key, stored)
    return found && this.#reader.freshness(found) === 'fresh' ? found : undefined
  }

  /** Tells running loads to give up, and waits a moment for what runs behind. */
  close(): Promise<void> {
    this.#loader.abort(new ClosedError())
    return this.#background.drain()
  }
}

/** What a caller wants of an outcome; `own`: it is its load's. */
type Take<T> = (outcome: Outcome, own: boolean) => T

const valueFor: Take<unknown> = (outcome, own) => (own ? outcome.value : outcome.share())
const fateOf: Take<Fate> = (outcome) => outcome.fate

function timedOut(making: Making): LoadTimeoutError {
  return new LoadTimeoutError(
    'LOAD_TIMEOUT',
    `The load of ${JSON.stringify(making.key)} took longer than its hardTimeout of ${making.hardTimeout} ms`,
  )
}
