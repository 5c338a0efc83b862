/**
 * The order of ends: a hierarchical timing wheel (Varghese and Lauck, 1987) over typed arrays.
 * Each slot lies in the bucket of the highest digit (base 32, milliseconds) in which its end
 * differs from the wheel's own time; as that time comes near, the bucket is dealt out to finer
 * ones. Filing is O(1), nothing is sorted, and all work can stop after any step and go on later.
 *
 * A slot may lie too early, never too late: an entry whose end moves back is left where it is and
 * dealt with when the bucket's time comes, so overwriting with a later end costs nothing.
 */
import { lengthened } from './recency.ts'

const BITS = 5
const LEVELS = 6
/** Ticks that the levels can tell apart: 12.4 days. What ends later waits in one bucket until they have passed. */
const SPAN = 2 ** (BITS * LEVELS)

// Ring knots, by number: one for each bucket, then the far ones, then the nodes of the slots.
const BUCKETS = 1
const FAR = BUCKETS + LEVELS * 32
/** Far ones to be looked at again, since the span has passed. */
const NEARER = FAR + 1
/** Slots count from 1. */
const NODES = NEARER

export class Wheel {
  #next = new Uint32Array(NODES + 1)
  #prev = new Uint32Array(NODES + 1)
  /** For each level, which of its buckets may hold something. */
  readonly #marks = new Int32Array(LEVELS)
  #base: number
  /** The wheel's own time, in ticks after the base. */
  #tick = 0
  #soonest = Number.POSITIVE_INFINITY

  constructor(now: number) {
    this.#base = Math.floor(now)
    for (let knot = 0; knot <= NODES; knot++) this.#next[knot] = this.#prev[knot] = knot
  }

  /** Before this instant nothing can be over. `Infinity`: nothing is filed. */
  get soonest(): number {
    return this.#soonest
  }

  has(slot: number): boolean {
    return this.#next[slot + NODES] !== 0
  }

  /** Files a slot that is not filed under its end. */
  file(slot: number, expiresAt: number): void {
    const due = Math.ceil(expiresAt - this.#base)
    let knot = FAR
    let start = SPAN
    if (due <= this.#tick) {
      knot = BUCKETS + (this.#tick & 31)
      start = this.#tick
      this.#marks[0] = this.#marks[0]! | (1 << (this.#tick & 31))
    } else if (due < SPAN) {
      const level = ((31 - Math.clz32(due ^ this.#tick)) / BITS) | 0
      const shift = level * BITS
      const digit = (due >>> shift) & 31
      knot = BUCKETS + level * 32 + digit
      start = (due >>> shift) << shift
      this.#marks[level] = this.#marks[level]! | (1 << digit)
    }
    if (this.#base + start < this.#soonest) this.#soonest = this.#base + start
    const node = slot + NODES
    const last = this.#prev[knot]!
    this.#next[last] = node
    this.#prev[node] = last
    this.#next[node] = knot
    this.#prev[knot] = node
  }

  remove(slot: number): void {
    const node = slot + NODES
    const next = this.#next[node]!
    const prev = this.#prev[node]!
    this.#next[prev] = next
    this.#prev[next] = prev
    this.#next[node] = 0
  }

  /**
   * Takes out the next slot that lies in a bucket whose time has begun; 0 when there is none. It may not be over
   * yet: the caller files it again.
   */
  take(now: number): number {
    if (now < this.#soonest) return 0
    const until = Math.floor(now - this.#base)
    for (;;) {
      const node = this.#begun()
      if (node !== 0) {
        this.remove(node - NODES)
        return node - NODES
      }
      if (!this.#turn(until)) return 0
    }
  }

  grow(length: number): void {
    this.#next = lengthened(this.#next, length + NODES)
    this.#prev = lengthened(this.#prev, length + NODES)
  }

  /** A node in a bucket that the wheel's time lies in. */
  #begun(): number {
    const nearer = this.#next[NEARER]!
    if (nearer !== NEARER) return nearer
    for (let level = LEVELS - 1; level >= 0; level--) {
      const digit = (this.#tick >>> (level * BITS)) & 31
      if ((this.#marks[level]! & (1 << digit)) === 0) continue
      const knot = BUCKETS + level * 32 + digit
      const node = this.#next[knot]!
      if (node !== knot) return node
      this.#marks[level] = this.#marks[level]! & ~(1 << digit)
    }
    return 0
  }

  /** Moves the wheel's time on to the next bucket, when that begins by `until`. Only called when none has begun. */
  #turn(until: number): boolean {
    const tick = this.#nextTick()
    this.#soonest = this.#base + tick
    if (tick > until) {
      // No bucket lies between, so none changes its place.
      if (until > this.#tick && until < SPAN) this.#tick = until
      else if (until >= SPAN) this.#rebase(until)
      return false
    }
    if (tick < SPAN) this.#tick = tick
    else this.#rebase(SPAN)
    return true
  }

  #nextTick(): number {
    for (let level = 0; level < LEVELS; level++) {
      const shift = level * BITS
      const digit = (this.#tick >>> shift) & 31
      // The buckets after this digit; a shift by 32 would be one by none.
      for (let ahead = digit === 31 ? 0 : this.#marks[level]! & (-1 << (digit + 1)); ahead !== 0; ) {
        const found = 31 - Math.clz32(ahead & -ahead)
        const knot = BUCKETS + level * 32 + found
        if (this.#next[knot] !== knot) {
          return (((this.#tick >>> shift) & ~31) | found) << shift
        }
        ahead &= ~(1 << found)
        this.#marks[level] = this.#marks[level]! & ~(1 << found)
      }
    }
    return this.#next[FAR] === FAR ? Number.POSITIVE_INFINITY : SPAN
  }

  /** Begins a new span. All levels are empty then. */
  #rebase(ticks: number): void {
    this.#base += ticks
    this.#tick = 0
    const first = this.#next[FAR]!
    if (first === FAR) return
    const last = this.#prev[FAR]!
    this.#next[NEARER] = first
    this.#prev[first] = NEARER
    this.#prev[NEARER] = last
    this.#next[last] = NEARER
    this.#next[FAR] = this.#prev[FAR] = FAR
  }
}
