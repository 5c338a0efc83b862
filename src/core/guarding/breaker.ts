/**
 * The breaker: closed while the server answers; open from the first sign that it does not, and then every call fails at once.
 * Behind it one probe at a time, jittered, tries a fresh connection; when that answers and the repairs are done, it closes.
 */

/** When the next probe comes, in milliseconds: soon at first, since most outages are short; at most about one a second. */
const FIRST_PROBE = 100
const LAST_PROBE = 900

export class Breaker {
  readonly #probe: () => Promise<void>
  readonly #changed: (open: boolean, error: unknown) => void
  #open = false
  #closed = false
  #probes = 0
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
    this.#probes = 0
    this.#changed(true, error)
    this.#soon()
  }

  close(): void {
    this.#closed = true
    clearTimeout(this.#timer)
  }

  #soon(): void {
    if (this.#closed) return
    const pause = Math.min(LAST_PROBE, FIRST_PROBE * 2 ** this.#probes++)
    this.#timer = setTimeout(() => this.#try(), pause * (0.6 + 0.4 * Math.random())).unref()
  }

  async #try(): Promise<void> {
    try {
      await this.#probe()
    } catch {
      this.#soon()
      return
    }
    if (this.#closed) return
    this.#open = false
    this.#changed(false, undefined)
  }
}
