/**
 * While the backend is down, what a load answered is held in the process for a moment, so that the end of each flight does not start the
 * next load: the source, too, has to live through the outage.
 */
import type { Clock } from '../clock.ts'
import type { Outcome } from './flight.ts'

/** Keys held at most; the oldest goes. */
const MOST_KEYS = 1_000

export class OutageHold {
  readonly #held = new Map<string, { outcome: Outcome; until: number }>()
  readonly #clock: Clock

  constructor(clock: Clock) {
    this.#clock = clock
  }

  get none(): boolean {
    return this.#held.size === 0
  }

  get(storageKey: string): Outcome | undefined {
    const held = this.#held.get(storageKey)
    if (held && held.until > this.#clock.now()) return held.outcome
    this.#held.delete(storageKey)
    return undefined
  }

  hold(storageKey: string, outcome: Outcome, ms: number): void {
    if (ms <= 0) return
    this.#held.delete(storageKey)
    const oldest = this.#held.size >= MOST_KEYS ? this.#held.keys().next().value : undefined
    if (oldest !== undefined) this.#held.delete(oldest)
    this.#held.set(storageKey, { outcome, until: this.#clock.now() + ms })
  }

  /** The key was written. */
  break(storageKey: string): void {
    this.#held.delete(storageKey)
  }

  clear(): void {
    this.#held.clear()
  }
}
