/** Work that outlives the call that asked for it: begun after this turn, known until it ends, so that close can wait. */
import type { Answer } from '../answer.ts'

/** How long closing waits for what runs behind, in milliseconds. */
const DRAIN = 1_000

export class Background {
  readonly #running = new Set<Promise<unknown>>()

  /** Runs it once this turn of the event loop is done. */
  soon<T>(act: () => Answer<T>): Promise<T> {
    const work = new Promise<void>((resolve) => setImmediate(resolve)).then(act)
    const ended = () => {
      this.#running.delete(work)
    }
    work.then(ended, ended)
    this.#running.add(work)
    return work
  }

  /** Waits for all of it, but no longer than a moment. */
  async drain(): Promise<void> {
    if (this.#running.size === 0) return
    let timer: NodeJS.Timeout | undefined
    const enough = new Promise((resolve) => {
      timer = setTimeout(resolve, DRAIN)
    })
    await Promise.race([Promise.allSettled(this.#running), enough])
    clearTimeout(timer)
  }
}
