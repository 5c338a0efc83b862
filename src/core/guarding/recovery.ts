/**
 * What an outage lost. A delete or an overwrite that did not come through leaves an old value behind, and that is a wrong answer, not a
 * miss; so its key is remembered, is a miss here until it is repaired, and is repaired by a delete before any read is believed. A write
 * that timed out is unknown, not lost: it counts the same. Where the entry says that it was made after the loss (another process was luckier),
 * it is left alone.
 *
 * It is bounded: beyond so many keys it no longer remembers which, and every entry made before that moment is ignored.
 */
import type { Space } from '../backend.ts'
import { madeAt, type Stored } from '../values/entry.ts'

/** Keys remembered at most. */
const MOST_KEYS = 10_000

export interface Loss {
  readonly space: Space
  readonly key: string
  readonly at: number
}

export class Recovery {
  readonly #lost = new Map<string, Loss>()
  /** Spaces whose `clear` was lost. */
  readonly #cleared = new Map<string, { what: Space | 'everything'; at: number }>()
  /** Entries made before this are ignored: there were too many losses to remember. */
  #ignoreBefore = Number.NEGATIVE_INFINITY

  get none(): boolean {
    return (
      this.#lost.size === 0 && this.#cleared.size === 0 && this.#ignoreBefore === Number.NEGATIVE_INFINITY
    )
  }

  lose(space: Space, key: string, at: number): void {
    if (at < this.#ignoreBefore) return
    const storageKey = space.frame(key)
    this.#lost.delete(storageKey)
    if (this.#lost.size >= MOST_KEYS) {
      this.#lost.clear()
      this.#ignoreBefore = at
      return
    }
    this.#lost.set(storageKey, { space, key, at })
  }

  loseClear(what: Space | 'everything', at: number): void {
    this.#cleared.set(what === 'everything' ? '' : `${what.version}:${what.frame('*')}`, { what, at })
  }

  /** May what a read answered be believed? */
  believes(space: Space, key: string, stored: Stored): boolean {
    if (this.none) return true
    const storageKey = space.frame(key)
    const age = madeAt(stored)
    if (age !== undefined ? age < this.#ignoreBefore : this.#ignoreBefore > Number.NEGATIVE_INFINITY)
      return false
    if (this.#lost.has(storageKey)) return false
    for (const { what } of this.#cleared.values())
      if (what === 'everything' || what.owns(storageKey)) return false
    return true
  }

  /** A later write of the key came through: there is nothing left to repair. */
  repaired(space: Space, key: string): void {
    if (this.#lost.size > 0) this.#lost.delete(space.frame(key))
  }

  losses(): Loss[] {
    return [...this.#lost.values()]
  }

  clears(): { what: Space | 'everything'; at: number }[] {
    return [...this.#cleared.values()]
  }

  /** That loss has been made good, unless the key was lost again since. */
  settle(loss: Loss): void {
    const storageKey = loss.space.frame(loss.key)
    if (this.#lost.get(storageKey) === loss) this.#lost.delete(storageKey)
  }

  settleClear(at: number): void {
    for (const [name, cleared] of this.#cleared) if (cleared.at === at) this.#cleared.delete(name)
  }
}
