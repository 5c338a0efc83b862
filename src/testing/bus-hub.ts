/** A bus within the process, for tests: it can go away and come back, hold messages back, and carry what nobody meant. */
import type { Bus, BusListener } from '../core/bus.ts'

export class BusHub {
  readonly #listeners = new Set<BusListener>()
  /** What was published, by anybody, in that order. */
  readonly published: Uint8Array[] = []
  #held: Uint8Array[] | undefined
  #away = false

  /** One process's end of it. */
  bus(): Bus {
    let mine: BusListener | undefined
    let closed = false
    return {
      name: 'hub',
      open: (listener) => {
        mine = listener
        this.#listeners.add(listener)
        if (!this.#away) listener.up()
      },
      publish: async (bytes) => {
        if (this.#away || closed) throw new Error('The hub is away')
        this.published.push(bytes)
        if (this.#held) this.#held.push(bytes)
        else this.send(bytes)
      },
      close: () => {
        closed = true
        if (mine) this.#listeners.delete(mine)
      },
    }
  }

  /** To everybody, whatever it is, as if somebody had published it. */
  send(bytes: Uint8Array): void {
    for (const listener of this.#listeners) listener.message(bytes)
  }

  /** From now on what is published waits. */
  hold(): void {
    this.#held ??= []
  }

  /** Delivers what waits, and holds nothing back any more. */
  deliver(): void {
    const held = this.#held ?? []
    this.#held = undefined
    for (const bytes of held) this.send(bytes)
  }

  /** The bus is gone: nobody hears, and nothing can be published. */
  leave(): void {
    this.#away = true
    for (const listener of this.#listeners) listener.down()
  }

  comeBack(): void {
    this.#away = false
    for (const listener of this.#listeners) listener.up()
  }
}

/**
 * @example
 * const hub = busHub()
 * const node = () => tiered({ near: memory(), far: file({ directory }), bus: hub.bus() })
 */
export function busHub(): BusHub {
  return new BusHub()
}
