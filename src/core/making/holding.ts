/**
 * Holding the claim on a key: renewed while its load runs, given up when that ends, and asked after by others. Nobody waits
 * for most of this; a backend that fails is heard of by the policy.
 */
import { type Answer, andThen, isPromise } from '../answer.ts'
import type { Claimed } from '../backend.ts'
import type { FaultPolicy } from '../fault-policy.ts'
import type { Store } from '../store.ts'
import type { Flight } from './flight.ts'
import type { Making } from './making.ts'
import { markSpace } from './marks.ts'

/** So long, in milliseconds, waiters in other processes are told that an answer was not one to wait for. */
const UNKEPT = 2_000

export class Holding {
  readonly #store: Store
  readonly #policy: FaultPolicy

  constructor(store: Store, policy: FaultPolicy) {
    this.#store = store
    this.#policy = policy
  }

  /** Holds the claim while the load runs, for those in other processes who wait for it. */
  renew(making: Making, flight: Flight, token: string): NodeJS.Timeout | undefined {
    const { space, key, lease } = making
    if (!this.#store.backend.shared || lease === undefined) return undefined
    const timer = setInterval(() => {
      if (this.#store.flights.get(flight.storageKey) !== flight) return clearInterval(timer)
      this.quietly(() =>
        andThen(this.#store.extend(space, key, token, lease), (held) => {
          if (!held) clearInterval(timer)
        }),
      )
    }, lease / 3)
    timer.unref()
    return timer
  }

  /**
   * Does the claim of that flight still hold? Asked once this turn is over, for all who wanted to know until then; who comes later
   * asks anew.
   */
  stillHeld({ space, key, lease = 0 }: Making, flight: Flight): Promise<boolean> {
    const ask = () => this.#store.extend(space, key, flight.token ?? '', lease)
    flight.verdict ??= new Promise<void>((resolve) => setImmediate(resolve)).then(() => {
      flight.verdict = undefined
      return this.#policy.attempt('getOrSet', ask, true)
    })
    return flight.verdict
  }

  end({ space, key }: Making, token: string): void {
    this.quietly(() => this.#store.release(space, key, token))
  }

  /** Ends a claim that nothing was stored under, after a mark for those who wait in other processes. */
  endUnkept({ space, key }: Making, end: () => Answer<void>): void {
    this.quietly(() => {
      if (!this.#store.backend.shared) return end()
      const marked = this.#store.claim(markSpace(space, 'unkept'), key, UNKEPT)
      // Without a mark it ends as well: the lease may be long.
      return isPromise(marked) ? marked.then(end, end) : end()
    })
  }

  /** Is there such a mark? */
  isUnkept({ space, key }: Making): Answer<boolean> {
    const marks = markSpace(space, 'unkept')
    const looked: Answer<Claimed> = this.#policy.attempt(
      'getOrSet',
      () => this.#store.claim(marks, key, UNKEPT),
      {},
    )
    return andThen(looked, ({ token }) => {
      if (token !== undefined) this.quietly(() => this.#store.release(marks, key, token))
      return token === undefined
    })
  }

  /** Others may claim the key from now on; until one does, the load may still store. */
  lapse({ space, key }: Making, token: string): void {
    this.quietly(() => andThen(this.#store.extend(space, key, token, 0), () => undefined))
  }

  /** For what nobody waits for. */
  quietly(act: () => Answer<void>): void {
    try {
      const answer = this.#policy.attempt('getOrSet', act, undefined)
      if (isPromise(answer)) answer.catch(() => {})
    } catch {
      // Counted and told by the policy; there is nobody to throw it to.
    }
  }
}
