/**
 * Time for the hot path. A look at the system clock costs as much as a lookup, so its answer is kept
 * for a thousand reads or a millisecond, whichever is over first; only what has more than a minute
 * left may be judged by it. Any other clock is read each time.
 */
import { type Clock, systemClock } from './clock.ts'

/** Only what has longer left than this, in milliseconds, may be judged by the coarse clock. */
export const NEAR = 60_000

const READS = 1000

export class CoarseClock {
  #clock: Clock = systemClock
  #value = 0
  #left = 0
  #timer: NodeJS.Timeout | undefined

  /** The instant itself. */
  now(): number {
    return this.#clock.now()
  }

  /** An instant that has been, lately. */
  lately(): number {
    return this.#left-- > 0 ? this.#value : this.#renew()
  }

  use(clock: Clock): void {
    this.#clock = clock
    this.#left = 0
  }

  close(): void {
    clearTimeout(this.#timer)
    this.#timer = undefined
    this.#left = 0
  }

  #renew(): number {
    this.#value = this.#clock.now()
    this.#left = 0
    if (this.#clock !== systemClock) return this.#value
    this.#left = READS
    this.#timer ??= setTimeout(() => {
      this.#timer = undefined
      this.#left = 0
    }, 1).unref()
    return this.#value
  }
}
