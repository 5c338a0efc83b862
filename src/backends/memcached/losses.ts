/**
 * Writes that did not reach one server while the others answer. Their keys may hold what is old, so they are removed
 * before they are read again: it is the first thing sent when that server answers.
 */
import { type MemcachedClient, MemcachedError } from './client/index.ts'

/** Keys remembered at most; beyond, a call of many keys fails as a whole and the cache's own recovery takes over. */
const MOST = 10_000

/** Nothing is known of a write that failed so, or it is known not to have been done. */
const UNDONE = new Set([
  'TIMEOUT',
  'CONNECTION_LOST',
  'SERVER_DOWN',
  'QUEUE_FULL',
  'PROTOCOL',
  'SERVER_ERROR',
])

export class Losses {
  readonly #keys = new Map<string, symbol>()

  /** Remembers what a write left behind. `false`: there are too many. */
  add(wireKey: string, error: unknown): boolean {
    if (!(error instanceof MemcachedError) || !UNDONE.has(error.code)) return true
    if (this.#keys.size >= MOST && !this.#keys.has(wireKey)) return false
    this.#keys.set(wireKey, Symbol())
    return true
  }

  has(wireKey: string): boolean {
    return this.#keys.size > 0 && this.#keys.has(wireKey)
  }

  /** A later write came through. */
  settle(wireKey: string): void {
    if (this.#keys.size > 0) this.#keys.delete(wireKey)
  }

  /** Removes what a lost write may have left, before it is read. */
  async mend(client: MemcachedClient, wireKey: string): Promise<void> {
    const loss = this.#keys.get(wireKey)
    if (loss === undefined) return
    await client.delete(wireKey)
    // Lost again meanwhile: that is another loss.
    if (this.#keys.get(wireKey) === loss) this.#keys.delete(wireKey)
  }

  /** Called when a server answers again, before anything else is sent there. */
  repair(client: MemcachedClient, server: string): void {
    for (const wireKey of this.#keys.keys()) {
      if (client.serverOf(wireKey) === server) this.mend(client, wireKey).catch(() => {})
    }
  }
}
