/**
 * Work that is done behind the callers' backs, in slices short enough that nobody waits for
 * them. Its timer exists only while there may be something to do, and never keeps the process alive.
 */
import { systemClock } from '../clock.ts'

/** Milliseconds between two looks. */
const PAUSE = 1000
/** Milliseconds a slice may take. */
const SLICE = 0.8
/** Steps between two looks at the clock. */
const STEPS = 32

export class Sweeper {
  readonly #work: (steps: number) => boolean
  readonly #idle: () => boolean
  #timer: NodeJS.Timeout | undefined

  /**
   * @param work does so many steps; `false` when there is nothing left to do now.
   * @param idle tells that there will be nothing to do until `arm` is called again.
   */
  constructor(work: (steps: number) => boolean, idle: () => boolean) {
    this.#work = work
    this.#idle = idle
  }

  /** There may be something to do, a while from now. */
  arm(): void {
    if (this.#timer === undefined) this.#wait(PAUSE)
  }

  /** There is something to do now. */
  hurry(): void {
    this.close()
    this.#wait(1)
  }

  close(): void {
    clearTimeout(this.#timer)
    this.#timer = undefined
  }

  #wait(ms: number): void {
    this.#timer = setTimeout(() => this.#slice(), ms).unref()
  }

  #slice(): void {
    this.#timer = undefined
    const end = systemClock.now() + SLICE
    let more = true
    while (more && systemClock.now() < end) more = this.#work(STEPS)
    if (more) this.#wait(1)
    else if (!this.#idle()) this.#wait(PAUSE)
  }
}
