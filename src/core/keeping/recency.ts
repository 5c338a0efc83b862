/**
 * The order of use: a doubly linked list over two typed arrays, so that moving a slot to the
 * fresh end makes no object. Slot 0 is the ring's own knot: after it comes the freshest, before
 * it the one used longest ago.
 */
export class Recency {
  #next = new Uint32Array(1)
  #prev = new Uint32Array(1)

  /** The slot used longest ago; 0 when there is none. */
  get oldest(): number {
    return this.#prev[0]!
  }

  /** The one used longest ago but for the oldest. */
  get secondOldest(): number {
    return this.#prev[this.oldest]!
  }

  /** Puts a slot that is not in the ring at the fresh end. */
  add(slot: number): void {
    const first = this.#next[0]!
    this.#next[slot] = first
    this.#prev[slot] = 0
    this.#prev[first] = slot
    this.#next[0] = slot
  }

  remove(slot: number): void {
    const next = this.#next[slot]!
    const prev = this.#prev[slot]!
    this.#next[prev] = next
    this.#prev[next] = prev
  }

  /** Moves a slot of the ring to the fresh end. */
  use(slot: number): void {
    const prev = this.#prev[slot]!
    if (prev === 0) return
    const next = this.#next[slot]!
    this.#next[prev] = next
    this.#prev[next] = prev
    this.add(slot)
  }

  grow(length: number): void {
    this.#next = lengthened(this.#next, length)
    this.#prev = lengthened(this.#prev, length)
  }
}

/** The same numbers in a longer array. */
export function lengthened(numbers: Uint32Array<ArrayBuffer>, length: number): Uint32Array<ArrayBuffer> {
  const longer = new Uint32Array(length)
  longer.set(numbers)
  return longer
}
