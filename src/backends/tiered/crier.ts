/**
 * Tells the others, and forgets nothing: keys of one moment leave in one message, the next ones while it is under way in the next. What the bus
 * would not take is kept and said again, and beyond so many keys it becomes the one message that anything may have changed.
 */
import type { Bus } from '../../core/bus.ts'
import { encodeNews, type News } from './message.ts'

/** Keys kept to be said at most. */
const MOST_KEYS = 10_000

/** So long after a failure it is tried again, in milliseconds. */
const AGAIN = 250

export class Crier {
  readonly #bus: Bus
  readonly #self: Uint8Array
  readonly #failed: (error: unknown) => void
  #unsaid = new Set<string>()
  #everything = false
  /** The round that runs now, and the one that will take what has come since. */
  #saying: Promise<void> | undefined
  #next: Promise<void> | undefined
  #failing = false
  #timer: NodeJS.Timeout | undefined
  #closed = false
  /** Messages that the bus has taken. */
  said = 0

  /** @param failed told of the first of the failures that follow each other */
  constructor(bus: Bus, self: Uint8Array, failed: (error: unknown) => void) {
    this.#bus = bus
    this.#self = self
    this.#failed = failed
  }

  /** Keeps it until it is said; does not say it yet. */
  keep(news: News): void {
    if (news === 'everything') this.#everything = true
    else for (const key of news.keys) this.#unsaid.add(key)
    if (this.#unsaid.size > MOST_KEYS) this.#everything = true
    if (this.#everything) this.#unsaid.clear()
  }

  /** Resolves when it was said, or will be as soon as the bus is back. Never rejects. */
  say(news: News): Promise<void> {
    this.keep(news)
    if (this.#failing || this.#closed) return Promise.resolve()
    return this.flush()
  }

  /** Says all that was kept. */
  flush(): Promise<void> {
    if (this.#closed) return Promise.resolve()
    if (this.#saying) {
      this.#next ??= this.#saying.then(() => {
        this.#next = undefined
        return this.flush()
      })
      return this.#next
    }
    this.#saying = this.#round().finally(() => {
      this.#saying = undefined
    })
    return this.#saying
  }

  close(): void {
    this.#closed = true
    clearTimeout(this.#timer)
  }

  async #round(): Promise<void> {
    const news: News = this.#everything ? 'everything' : { keys: [...this.#unsaid] }
    this.#everything = false
    this.#unsaid = new Set()
    try {
      const messages = encodeNews(this.#self, news)
      await Promise.all(messages.map((message) => this.#bus.publish(message)))
      this.said += messages.length
      this.#failing = false
    } catch (error) {
      this.keep(news)
      if (!this.#failing && !this.#closed) this.#failed(error)
      this.#failing = true
      clearTimeout(this.#timer)
      if (!this.#closed) this.#timer = setTimeout(() => this.flush(), AGAIN).unref()
    }
  }
}
