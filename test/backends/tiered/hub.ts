/** A bus within the process, whose deliveries a test holds back, loses and forges. */
import type { Bus, BusListener } from '../../../src/core/bus.ts'

export class Hub {
  readonly #listeners = new Set<BusListener>()
  /** Delivers at once; otherwise what is published waits for `deliver`. */
  prompt = true
  #waiting: Uint8Array[] = []
  away = false
  published: Uint8Array[] = []

  bus(): Bus {
    let mine: BusListener | undefined
    return {
      name: 'hub',
      open: (listener) => {
        mine = listener
        this.#listeners.add(listener)
        if (!this.away) listener.up()
      },
      publish: async (bytes) => {
        if (this.away) throw new Error('away')
        this.published.push(bytes)
        this.#waiting.push(bytes)
        if (this.prompt) this.deliver()
      },
      close: () => {
        if (mine) this.#listeners.delete(mine)
      },
    }
  }

  deliver(): void {
    const waiting = this.#waiting
    this.#waiting = []
    for (const bytes of waiting) this.send(bytes)
  }

  /** To everybody, whatever it is. */
  send(bytes: Uint8Array): void {
    for (const listener of this.#listeners) listener.message(bytes)
  }

  leave(): void {
    this.away = true
    for (const listener of this.#listeners) listener.down()
  }

  comeBack(): void {
    this.away = false
    for (const listener of this.#listeners) listener.up()
  }
}
