/**
 * The breaker: closed while the server answers; open from the first sign that it does not, and then every call fails at once.
 * Behind it one probe at a time tries a fresh connection; when that answers and the repairs are done, it closes.
 *
 * The first probe comes at any moment of the first second, so that a fleet that lost its server does not return in one wave; the next
 * ones about a second apart, so that nobody knocks more often than that.
 */

/** Milliseconds. */
const FIRST_WITHIN = 900
const EVERY = 1_000
const JITTER = 100

export class Breaker {
  readonly #probe: () => Promise<void>
  readonly #changed: (open: boolean, error: unknown) => void
  #open = false
  #closed = false
  #timer: NodeJS.Timeout | undefined

  /**
   * @param probe resolves when the server can be believed again.
   * @param changed told of every change of state, once.
   */
  constructor(probe: () => Promise<void>, changed: (open: boolean, error: unknown) => void) {
    this.#probe = probe
    this.#changed = changed
  }

  get isOpen(): boolean {
    return this.#open
  }

  trip(error: unknown): void {
    if (this.#open || this.#closed) return
    this.#open = true
    this.#try(Math.random() * FIRST_WITHIN)
    this.#changed(true, error)
  }

  close(): void {
    this.#closed = true
    clearTimeout(this.#timer)
  }

  #try(after: number): void {
    this.#timer = setTimeout(() => {
      this.#probe().then(
        () => this.#recovered(),
        () => {
          if (!this.#closed) this.#try(EVERY + Math.random() * JITTER)
        },
      )
    }, after).unref()
  }

  #recovered(): void {
    if (this.#closed) return
    this.#open = false
    this.#changed(false, undefined)
  }
}
