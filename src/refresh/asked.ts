/**
 * The refreshes that this process knows to be asked for, so that of all stale reads one asks the store and the queue. Of a value
 * made since (`replaces` tells it by when it was made) nothing is known.
 */

/** Keys remembered at most; the oldest goes, and is asked for again. */
const MOST_KEYS = 10_000

export class Asked {
  readonly #asked = new Map<string, { replaces: number | null; until: number }>()

  has(key: string, replaces: number | null, now: number): boolean {
    const asked = this.#asked.get(key)
    return asked !== undefined && asked.replaces === replaces && now < asked.until
  }

  note(key: string, replaces: number | null, until: number): void {
    this.#asked.delete(key)
    if (this.#asked.size >= MOST_KEYS) this.#asked.delete(this.#asked.keys().next().value ?? '')
    this.#asked.set(key, { replaces, until })
  }

  forget(key: string): void {
    this.#asked.delete(key)
  }
}
