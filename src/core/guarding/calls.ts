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
import { Deadlines, TimeoutError, timedOut, Waiting, withinDeadline } from './deadline.ts'

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

/** A call under way. */
class Call extends Waiting<Call> {
  readonly #late: (call: Call) => void
  readonly reject: (error: unknown) => void
  readonly failed: Failed | undefined
  readonly verb: string
  /** What `Calls` had counted when it began. */
  readonly answers: number
  readonly connection: number

  constructor(
    ms: number,
    late: (call: Call) => void,
    reject: (error: unknown) => void,
    failed: Failed | undefined,
    verb: string,
    answers: number,
    connection: number,
  ) {
    super(ms)
    this.#late = late
    this.reject = reject
    this.failed = failed
    this.verb = verb
    this.answers = answers
    this.connection = connection
  }

  override expire(): void {
    this.#late(this)
  }
}

/** Told first how a call failed. `asked`: the backend was, and may have done it. */
type Failed = (error: unknown, asked: boolean) => void

export class Calls {
  readonly #backend: Backend
  readonly #network: Network
  readonly #hearer: Hearer
  readonly #deadlines = new Deadlines<Call>()
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

  /** A call for somebody: refused where there is nobody to ask (`down`), or too many are under way. */
  ask<T>(verb: string, ask: () => Answer<T>, down: boolean, failed?: Failed): Promise<T> {
    if (!down && this.#underWay < this.#network.maxInFlight) return this.attempt(verb, ask, failed)
    const error = down
      ? this.unavailable()
      : new UnavailableError(
          'BACKEND_BUSY',
          `${this.#backend.name}: ${this.#underWay} operations are under way already`,
        )
    failed?.(error, false)
    return Promise.reject(error)
  }

  /** A call, within its deadline. */
  attempt<T>(verb: string, ask: () => Answer<T>, failed?: Failed): Promise<T> {
    return new Promise((resolve, reject) => {
      const { opTimeout } = this.#network
      const call = new Call(opTimeout, this.#late, reject, failed, verb, this.#answers, this.#connection)
      this.#underWay++
      this.#deadlines.begin(call)
      let answer: Answer<T>
      try {
        answer = ask()
      } catch (error) {
        this.#failed(call, error)
        return
      }
      if (!isPromise(answer)) {
        if (this.#ended(call)) resolve(answer)
        return
      }
      answer.then(
        (value) => {
          if (this.#ended(call)) resolve(value)
        },
        (error: unknown) => this.#failed(call, error),
      )
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
      await withinDeadline(within, this.#network.reconnect(), `${this.#backend.name}: reconnect`)
    } finally {
      this.#connecting = false
    }
  }

  /** A frozen server must not keep the process: what it holds ends with the process. */
  async close(): Promise<void> {
    try {
      await withinDeadline(CLOSING, this.#backend.close(), `${this.#backend.name}: close`)
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

  /** It was answered. `false`: too late. */
  #ended(call: Call): boolean {
    if (!this.#deadlines.end(call)) return false
    this.#underWay--
    this.#answers++
    return true
  }

  #failed(call: Call, error: unknown): void {
    if (this.#deadlines.end(call)) this.#fail(call, error)
  }

  readonly #late = (call: Call): void => {
    this.#fail(call, timedOut(call.patience, `${this.#backend.name}: ${call.verb}`))
  }

  #fail({ answers, connection, failed, reject }: Call, error: unknown): void {
    this.#underWay--
    if (connection === this.#connection) this.#heed(error, answers)
    const told = this.#network.noAnswer(error) ? this.unavailable(error) : error
    failed?.(told, true)
    reject(told)
  }

  #heed(error: unknown, before: number): void {
    if (this.isSilence(error, before)) this.#hearer.unanswered(error)
    else if (error instanceof TimeoutError) this.#hearer.late()
    else this.#answers++
  }
}
