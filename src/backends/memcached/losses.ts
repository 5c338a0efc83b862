/**
 * Keys of a `setMany` or `deleteMany` that did not reach one server while others were reached: the call itself succeeded, and the cache's own
 * recovery, which knows calls that fail, hears nothing of them. What rests there may be old, so it is looked at before it is read again,
 * and removed unless it says that it was made since.
 */
import { madeAt } from '../../core/values/entry.ts'
import type { MemcachedClient, MemcachedError } from './client/index.ts'
import { readRest } from './resting.ts'

/** Keys remembered at most; beyond, the call fails as a whole. */
const MOST = 10_000

export class Losses {
  /** Key → when it was lost; an object, so that a later loss is another. */
  readonly #keys = new Map<string, { at: number }>()

  /** `false`: there are too many to remember. */
  add(wireKey: string, error: MemcachedError, at: number): boolean {
    // The server has answered: nothing rests there.
    if (error.code === 'VALUE_TOO_LARGE' || error.code === 'OUT_OF_MEMORY') return true
    if (this.#keys.size >= MOST && !this.#keys.has(wireKey)) return false
    this.#keys.set(wireKey, { at })
    return true
  }

  has(wireKey: string): boolean {
    return this.#keys.size > 0 && this.#keys.has(wireKey)
  }

  /** Which of these may be old. */
  among(wireKeys: Iterable<string>): Set<string> {
    const found = new Set<string>()
    if (this.#keys.size > 0) for (const key of wireKeys) if (this.#keys.has(key)) found.add(key)
    return found
  }

  /** A later write came through. */
  settle(wireKey: string): void {
    if (this.#keys.size > 0) this.#keys.delete(wireKey)
  }

  async mend(client: MemcachedClient, wireKey: string): Promise<void> {
    const loss = this.#keys.get(wireKey)
    if (loss === undefined) return
    const item = await client.get(wireKey)
    const made = item && madeAt(readRest(item).entry)
    if (item !== undefined && (made === undefined || made <= loss.at)) await client.delete(wireKey)
    // Lost again meanwhile: that is another loss.
    if (this.#keys.get(wireKey) === loss) this.#keys.delete(wireKey)
  }

  /** Called when a server answers again. */
  mendAll(client: MemcachedClient, server: string): void {
    for (const wireKey of this.#keys.keys()) {
      if (client.serverOf(wireKey) === server) this.mend(client, wireKey).catch(() => {})
    }
  }
}
