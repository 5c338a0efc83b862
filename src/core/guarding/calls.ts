/**
 * Calls to a server: each has a deadline, only so many are under way, and whoever asked is told how they end, so that a server that
 * does not answer is told from one that refuses, from one that is slow once, and from a connection that we ended ourselves.
 *
 * Every read of a cache passes here: a call costs a promise and a few small objects, no timer and no look at a clock.
 */
import { type Answer, isPromise } from '../answer.ts'
import type { Backend, Network } from '../backend.ts'
import { UnavailableError } from '../errors.ts'
import { makeSpace } from '../values/space.ts'
import { Deadline, Deadlines, TimeoutError, timedOut } from './deadline.ts'

/** How long closing waits for the backend to let go, in milliseconds. */
const CLOSING = 500

/** Asked for, beside a long call, to see whether anybody answers. */
const PULSE = makeSpace('stillwarm', 0)

/** Told how calls fail. */
export interface Hearer {
  /** Nobody answered, though that call was the only one or no other was answered meanwhile. */
  unanswered(error: unknown): void
  /** One call was late while others were answered: its connection may still bring the answer, and then for another. */
  late(): void
}

export class Calls {
  readonly #backend: Backend
  readonly #network: Network
  readonly #hearer: Hearer
  readonly #deadlines = new Deadlines<Deadline>()
  #underWay = 0
  /** How often anything was answered: whether another was answered since a call began is whether this has moved. */
  #answers = 0
  /** Which connection it is. How calls fare that began on one that we ended says nothing of the server. */
  #connection = 0
  #connecting = false

  constructor(backend: Backend, network: Network, hearer: Hearer) {
    this.#backend = backend
    this.#network = network
    this.#hearer = hearer
  }

  /** A fresh connection is waited for: calls fail at once. */
  get connecting(): boolean {
    return this.#connecting
  }

  /** A call for somebody: refused where too many are under way. */
  ask<T>(verb: string, ask: () => Answer<T>): Promise<T> {
    if (this.#underWay < this.#network.maxInFlight) return this.attempt(verb, ask)
    const message = `${this.#backend.name}: ${this.#underWay} operations are under way already`
    return Promise.reject(new UnavailableError('BACKEND_BUSY', message))
  }

  /** A call, within its deadline. */
  attempt<T>(verb: string, ask: () => Answer<T>): Promise<T> {
    const answersBefore = this.#answers
    const connection = this.#connection
    this.#underWay++
    return this.#within(this.#network.opTimeout, verb, ask, (failed, error) => {
      this.#underWay--
      if (!failed) {
        this.#answers++
        return undefined
      }
      if (connection === this.#connection) this.#heed(error, answersBefore)
      return this.#network.noAnswer(error) ? this.unavailable(error) : error
    })
  }

  /** A call that takes as long as it takes, but only while the server answers others. */
  async whileAlive<T>(act: () => Answer<T>): Promise<T> {
    let pulse: NodeJS.Timeout | undefined
    const silence = new Promise<never>((_, reject) => {
      pulse = setInterval(() => {
        const before = this.#answers
        this.attempt('pulse', () => this.#backend.get(PULSE, 'pulse')).catch((error: unknown) => {
          if (this.isSilence(error, before)) reject(error)
        })
      }, this.#network.opTimeout).unref()
    })
    try {
      return await Promise.race([act(), silence])
    } finally {
      clearInterval(pulse)
    }
  }

  /** A fresh connection, within so many milliseconds. What was under way on the old one is over. */
  async connect(within: number): Promise<void> {
    this.#connecting = true
    this.#connection++
    try {
      await this.#within(within, 'reconnect', () => this.#network.reconnect(), asItIs)
    } finally {
      this.#connecting = false
    }
  }

  /** A frozen server must not keep the process: what it holds ends with the process. */
  async close(): Promise<void> {
    try {
      await this.#within(CLOSING, 'close', () => this.#backend.close(), asItIs)
    } catch {
      // It is over all the same.
    }
    this.#deadlines.rest()
  }

  /** Notes that the server answers, whatever calls that are under way will say. */
  answered(): void {
    this.#answers++
  }

  /** How often anything was answered, for `isSilence`. */
  get answers(): number {
    return this.#answers
  }

  /** Does it say that no server answers? `before`: `answers`, when what failed began. */
  isSilence(error: unknown, before: number): boolean {
    if (error instanceof TimeoutError) return this.#answers === before && !this.#network.inParts
    return error instanceof UnavailableError || this.#network.noAnswer(error)
  }

  unavailable(cause?: unknown): UnavailableError {
    const message = `${this.#backend.name} does not answer: it is tried again behind`
    return new UnavailableError('BACKEND_DOWN', message, { cause })
  }

  #heed(error: unknown, before: number): void {
    if (this.isSilence(error, before)) this.#hearer.unanswered(error)
    else if (error instanceof TimeoutError) this.#hearer.late()
    else this.#answers++
  }

  /** `ended` is told how it ended, and gives the error to reject with. */
  #within<T>(
    ms: number,
    verb: string,
    ask: () => Answer<T>,
    ended: (failed: boolean, error: unknown) => unknown,
  ): Promise<T> {
    return new Promise((resolve, reject) => {
      let answer: Answer<T>
      try {
        answer = ask()
      } catch (error) {
        reject(ended(true, error))
        return
      }
      if (!isPromise(answer)) {
        ended(false, undefined)
        resolve(answer)
        return
      }
      const deadlines = this.#deadlines
      const call = new Deadline(ms, () => reject(ended(true, timedOut(ms, `${this.#backend.name}: ${verb}`))))
      deadlines.begin(call)
      answer.then(
        (value) => {
          if (!deadlines.end(call)) return
          ended(false, undefined)
          resolve(value)
        },
        (error: unknown) => {
          if (deadlines.end(call)) reject(ended(true, error))
        },
      )
    })
  }
}

function asItIs(_failed: boolean, error: unknown): unknown {
  return error
}
