/**
 * Sets of one turn leave together, in a microtask: a lone one as its own statement, more as one of many rows, so that a page that
 * stores fifty keys takes one connection and not fifty. What fails together is tried one by one, where a single row can be the reason.
 */
import type { Answer } from '../../core/answer.ts'
import type { Row } from './dialect.ts'
import { means } from './failure.ts'

/** So many rows a statement, and the row that goes beyond so many bytes: more would hold up everybody else's. */
const MOST_ROWS = 200
const MOST_BYTES = 2 ** 18

interface Waiting {
  readonly row: Row
  resolve(stored: boolean): void
  reject(error: unknown): void
}

/** Those of one key, in the order in which they came. */
type OfKey = [Waiting, ...Waiting[]]

export class Writes {
  readonly #store: (rows: readonly Row[]) => Answer<boolean>
  readonly #mostRows: number
  #waiting = new Map<string, OfKey>()

  /**
   * @param store stores rows of different keys; `false`: there was no room for them.
   * @param together so many of them at most.
   */
  constructor(store: (rows: readonly Row[]) => Answer<boolean>, together: number) {
    this.#store = store
    this.#mostRows = Math.min(MOST_ROWS, together)
  }

  /** `false`: there was no room. */
  set(row: Row): Promise<boolean> {
    return new Promise((resolve, reject) => {
      const one = { row, resolve, reject }
      if (this.#waiting.size === 0) queueMicrotask(this.leave)
      const earlier = this.#waiting.get(row.text)
      if (earlier) earlier.push(one)
      else this.#waiting.set(row.text, [one])
    })
  }

  /** What waits leaves now: each key in one statement alone, since these may overtake each other. */
  readonly leave = (): void => {
    if (this.#waiting.size === 0) return
    const waiting = this.#waiting
    this.#waiting = new Map()
    let together: OfKey[] = []
    let bytes = 0
    for (const sets of waiting.values()) {
      if (together.length === this.#mostRows || bytes > MOST_BYTES) {
        void this.#send(together)
        together = []
        bytes = 0
      }
      together.push(sets)
      bytes += lastOf(sets).value?.length ?? 0
    }
    void this.#send(together)
  }

  async #send(together: readonly OfKey[]): Promise<void> {
    const sets = together.flat()
    try {
      // Of several for one key the last counts: a statement may touch a row once.
      const stored = await this.#store(together.map(lastOf))
      for (const { resolve } of sets) resolve(stored)
    } catch (error) {
      const mayBeOne = means(error, 'too-large') || means(error, 'refused')
      if (sets.length > 1 && mayBeOne) for (const one of sets) await this.#send([[one]])
      else for (const { reject } of sets) reject(error)
    }
  }
}

function lastOf(sets: OfKey): Row {
  return (sets.at(-1) ?? sets[0]).row
}
