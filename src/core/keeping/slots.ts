/**
 * From key to slot: a Map, or in a store that may grow big a few of them. A Map doubles and halves its
 * table in one go; with a million keys that would stop the process for tens of milliseconds.
 */
const PARTS = 32

/** The engine needs about a millisecond to move so many. */
const MOST_IN_ONE = 2 ** 17

export class Slots {
  readonly #whole: Map<string, number> | undefined
  readonly #parts: (Map<string, number> | undefined)[] = []
  #size = 0

  /** @param maxEntries how many there may be. */
  constructor(maxEntries: number) {
    if (maxEntries <= MOST_IN_ONE) this.#whole = new Map()
  }

  get size(): number {
    return this.#size
  }

  get(key: string): number | undefined {
    return this.#whole === undefined ? this.#parts[partOf(key)]?.get(key) : this.#whole.get(key)
  }

  /** Puts in a key that is not there. */
  add(key: string, slot: number): void {
    this.#size++
    if (this.#whole !== undefined) {
      this.#whole.set(key, slot)
      return
    }
    const part = partOf(key)
    const map = this.#parts[part]
    if (map === undefined) this.#parts[part] = new Map([[key, slot]])
    else map.set(key, slot)
  }

  /** Takes out a key that is there. */
  remove(key: string): void {
    this.#size--
    const map = this.#whole ?? this.#parts[partOf(key)]
    map?.delete(key)
  }

  clear(): void {
    this.#size = 0
    this.#whole?.clear()
    this.#parts.length = 0
  }

  *[Symbol.iterator](): Generator<[string, number]> {
    if (this.#whole !== undefined) yield* this.#whole
    for (const part of this.#parts) if (part !== undefined) yield* part
  }
}

/** By some ten of its characters. If all keys fell into one part, it would be as if there were no others. */
function partOf(key: string): number {
  const stride = (key.length >>> 3) + 1
  let mixed = key.length
  for (let i = key.length - 1; i >= 0; i -= stride) mixed = Math.imul(mixed ^ key.charCodeAt(i), 0x01000193)
  return (mixed ^ (mixed >>> 15)) & (PARTS - 1)
}
