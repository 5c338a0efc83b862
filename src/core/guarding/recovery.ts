/**
 * What an outage lost. A delete or an overwrite that did not come through leaves an old value behind, and that is a wrong answer, not a
 * miss. So its key is remembered: until it is repaired, by a delete, what is older than the loss is a miss here. What says that it
 * was made after the loss (another process was luckier) is believed and left alone; a number at rest says nothing, and is not.
 *
 * A write that timed out is unknown, not lost: a server that wakes up may still do it, after the repair. Its key is repaired twice.
 *
 * It is bounded: beyond so many keys it no longer remembers which, and every entry made before that moment is ignored.
 */
import type { Space } from '../backend.ts'
import { madeAt, type Stored } from '../values/entry.ts'

/** Keys remembered at most, some 200 bytes each. */
const MOST_KEYS = 100_000

export interface Loss {
  readonly space: Space
  readonly key: string
  /** When the write began, in milliseconds since 1970. */
  readonly at: number
  /** It may still be done: one repair is not enough. */
  unknown: boolean
  repaired: boolean
}

export interface LostClear {
  readonly what: Space | 'everything'
  readonly at: number
}

export class Recovery {
  readonly #lost = new Map<string, Loss>()
  readonly #clears = new Set<LostClear>()
  /** Entries made before this are ignored: there were too many losses to remember. */
  #ignoreBefore = Number.NEGATIVE_INFINITY
  /** Since then, and since a clear was lost, these keys were written by us: a number under them may be believed. */
  readonly #since = new Set<string>()

  /** Everything may be believed. */
  get none(): boolean {
    return !this.pending && this.#ignoreBefore === Number.NEGATIVE_INFINITY
  }

  /** There is something to repair. */
  get pending(): boolean {
    return this.#lost.size > 0 || this.#clears.size > 0
  }

  /** Some of it for the first time. */
  get unrepaired(): boolean {
    for (const loss of this.#lost.values()) if (!loss.repaired) return true
    return this.#clears.size > 0
  }

  lose(space: Space, key: string, at: number, unknown: boolean): void {
    const storageKey = space.frame(key)
    const before = this.#lost.get(storageKey)
    if (before === undefined && this.#lost.size >= MOST_KEYS) {
      this.#lost.clear()
      this.#since.clear()
      this.#ignoreBefore = at
      return
    }
    this.#since.delete(storageKey)
    this.#lost.set(storageKey, {
      space,
      key,
      at: Math.max(at, before?.at ?? at),
      unknown: unknown || before?.unknown === true,
      repaired: false,
    })
  }

  loseClear(what: Space | 'everything', at: number): void {
    this.cleared(what)
    this.#since.clear()
    this.#clears.add({ what, at })
  }

  /** A write of the key came through. */
  wrote(space: Space, key: string, what: Stored): void {
    // An entry says itself that it is newer. A number cannot; what rests there now is ours, once the old was repaired.
    if (this.none || madeAt(what) !== undefined) return
    const storageKey = space.frame(key)
    if (this.#lost.get(storageKey)?.repaired) this.#lost.delete(storageKey)
    if (this.#clears.size === 0 && this.#ignoreBefore === Number.NEGATIVE_INFINITY) return
    if (this.#since.size >= MOST_KEYS) this.#since.clear()
    this.#since.add(storageKey)
  }

  /** A clear asked for then came through: what was lost before is made good. */
  cleared(what: Space | 'everything', at = Number.POSITIVE_INFINITY): void {
    for (const lost of this.#clears) {
      if (lost.at > at) continue
      const same =
        what === lost.what || (what !== 'everything' && lost.what !== 'everything' && alike(what, lost.what))
      if (what === 'everything' || same) this.#clears.delete(lost)
    }
  }

  /**
   * Judges what a read that begins now will answer: may it be believed? By what is lost now, since a repair may come between the look
   * at the server and the answer.
   */
  judge(space: Space, key: string): (stored: Stored) => boolean {
    const storageKey = space.frame(key)
    const lost = this.#lost.get(storageKey)
    let newerThan = this.#ignoreBefore
    for (const { what, at } of this.#clears) {
      if (what === 'everything' || what.owns(storageKey)) newerThan = Math.max(newerThan, at)
    }
    const bare = !lost && (newerThan === Number.NEGATIVE_INFINITY || this.#since.has(storageKey))
    if (lost) newerThan = Math.max(newerThan, lost.at)
    return (stored) => {
      const age = madeAt(stored)
      return age === undefined ? bare : age > newerThan
    }
  }

  /** What is to be repaired and was not tried yet, in parts of one space and at most so many keys. */
  batches(size: number, tried: ReadonlySet<Loss>): Loss[][] {
    const bySpace = new Map<Space, Loss[][]>()
    for (const loss of this.#lost.values()) {
      if (tried.has(loss)) continue
      const batches = bySpace.get(loss.space) ?? [[]]
      bySpace.set(loss.space, batches)
      const last = batches.at(-1)!
      if (last.length < size) last.push(loss)
      else batches.push([loss])
    }
    return [...bySpace.values()].flat()
  }

  clears(): LostClear[] {
    return [...this.#clears]
  }

  /** That loss has been made good, unless the key was lost again since. `true` the first time. */
  settle(loss: Loss): boolean {
    const first = !loss.repaired
    const storageKey = loss.space.frame(loss.key)
    loss.repaired = true
    if (loss.unknown) loss.unknown = false
    else if (this.#lost.get(storageKey) === loss) this.#lost.delete(storageKey)
    return first
  }
}

/** Was it made after that moment? What does not say is taken for old. */
export function isNewer(age: number | undefined, than: number): boolean {
  return age !== undefined && age > than
}

/** Do they clear the same keys? */
function alike(a: Space, b: Space): boolean {
  return a.start === b.start && a.prefix === b.prefix
}
