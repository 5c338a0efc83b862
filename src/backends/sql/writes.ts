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
  resolve(): void
  reject(error: unknown): void
}

export class Writes {
  readonly #put: (rows: readonly Row[], coming: number) => Answer<void>
  #waiting: Waiting[] = []
  #bytes = 0

  /** @param put stores rows of different keys, for so many sets. */
  constructor(put: (rows: readonly Row[], coming: number) => Answer<void>) {
    this.#put = put
  }

  set(row: Row): Promise<void> {
    if (this.#waiting.length === MOST_ROWS || this.#bytes > MOST_BYTES) this.leave()
    return new Promise((resolve, reject) => {
      this.#waiting.push({ row, resolve, reject })
      this.#bytes += row.value?.length ?? 0
      if (this.#waiting.length === 1) queueMicrotask(this.leave)
    })
  }

  /** What waits leaves now. */
  readonly leave = (): void => {
    const sets = this.#waiting
    if (sets.length === 0) return
    this.#waiting = []
    this.#bytes = 0
    void this.#send(sets)
  }

  async #send(sets: readonly Waiting[]): Promise<void> {
    // Of several for one key the last counts: a statement may touch a row once.
    const rows = new Map(sets.map(({ row }) => [row.text, row]))
    try {
      await this.#put([...rows.values()], sets.length)
      for (const { resolve } of sets) resolve()
    } catch (error) {
      const mayBeOne = means(error, 'too-large') || means(error, 'refused')
      if (sets.length > 1 && mayBeOne) for (const one of sets) await this.#send([one])
      else for (const { reject } of sets) reject(error)
    }
  }
}
