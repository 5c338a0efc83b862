/**
 * A producer's line to its queue: opened when first needed, given up when it fails, and opened anew a moment later. Who
 * queues a refresh is often answering a visitor, so an answer takes its time and no longer, and while the queue is down nobody
 * waits for it at all.
 */
import { withinDeadline } from '../core/guarding/deadline.ts'
import { Places } from './places.ts'

/** After a failure so long nothing is asked, in milliseconds. */
const REST = 1_000

/** Loading the driver and connecting have time of their own, in milliseconds. */
const OPENING = 4_000

/** A burst waits in turn, and the time of each is its own: a queue that takes thousands in a second is not down. */
const AT_ONCE = 64

/** How one library's line is opened and let go. */
export interface LinkKind<T> {
  open(): Promise<T>
  /** Lets go at once, without waiting for a server that may be dead. Never throws. */
  drop(line: T): void
  /** Lets go in good order. */
  close(line: T): Promise<unknown>
}

export class QueueLink<T> {
  readonly #kind: LinkKind<T>
  readonly #what: string
  readonly #timeout: number
  readonly #asking = new Places(AT_ONCE)
  #line: Promise<T> | undefined
  #opened = false
  #restUntil = 0
  #failure: unknown

  /**
   * @param what for messages: `'bullmq()'`.
   * @param timeout how long one answer may take, in milliseconds.
   */
  constructor(what: string, timeout: number, kind: LinkKind<T>) {
    this.#what = what
    this.#timeout = timeout
    this.#kind = kind
  }

  /** Asks within its time. Rejects with what failed; at once, while it rests from a failure. */
  ask<R>(act: (line: T) => Promise<R>): Promise<R> {
    return this.#asking.in(() => this.#ask(act))
  }

  async #ask<R>(act: (line: T) => Promise<R>): Promise<R> {
    if (performance.now() < this.#restUntil) throw this.#failure
    this.#line ??= this.#open()
    const line = this.#line
    try {
      const time = this.#opened ? this.#timeout : this.#timeout + OPENING
      return await withinDeadline(time, line.then(act), this.#what)
    } catch (error) {
      if (this.#line === line) {
        this.#failure = error
        this.#restUntil = performance.now() + REST
        this.#giveUp()
      }
      throw error
    }
  }

  /** Lets go: in good order where the server still answers. */
  async close(): Promise<void> {
    const line = this.#line
    if (!line) return
    try {
      await withinDeadline(
        this.#timeout,
        line.then((one) => this.#kind.close(one)),
        this.#what,
      )
    } catch {
      this.#giveUp()
    }
    this.#line = undefined
  }

  async #open(): Promise<T> {
    const line = await this.#kind.open()
    this.#opened = true
    return line
  }

  /** What cannot be asked may be stuck for good, and one that was never opened may open yet: both are let go. */
  #giveUp(): void {
    this.#line?.then((line) => this.#kind.drop(line)).catch(() => {})
    this.#line = undefined
    this.#opened = false
  }
}
