/**
 * Entries in the memory of this process: the verbs of a Backend over slots. An entry is a number;
 * what it holds lies in arrays at that number, so that it costs no object, no joined string and no
 * timer. The order of use is `Recency`, the order of ends is `Wheel`.
 *
 * Every method runs to its end in one turn, which is what makes it atomic.
 */
import type { Host, Kept, Space } from '../backend.ts'
import { CoarseClock, NEAR } from '../coarse-clock.ts'
import { argumentError, notANumber } from '../errors.ts'
import { Entry, type Stored } from '../values/entry.ts'
import { weighString } from '../values/weight.ts'
import type { Limits } from './limits.ts'
import { lengthened, Recency } from './recency.ts'
import { Spaces, type Table } from './spaces.ts'
import { Sweeper } from './sweeper.ts'
import { Wheel } from './wheel.ts'

/** Steps of cleaning that one call may take upon itself: well under a millisecond. */
const STEPS = 4096
/** Bytes of an entry besides key and value: its place in the Map and in the arrays, measured. */
const OVERHEAD = 150
/** Slots to begin with, and to go back to when a store that held more is empty. */
const FEW = 16
/** Up to here the arrays double; beyond they grow by a quarter, since what they hold in reserve begins to count. */
const MANY = 2 ** 16

export class Store {
  readonly limits: Limits
  readonly #weigh: ((what: Stored) => number) | undefined
  readonly #clock = new CoarseClock()
  readonly #hosts: Host[] = []
  readonly #sweeper: Sweeper

  readonly #spaces: Spaces
  #recency = new Recency()
  #wheel = new Wheel(0)
  #keys: string[] = []
  #values: Stored[] = []
  /** The number of the slot's table; 0 for a vacant slot. */
  #homes = new Uint32Array(0)
  /** A vacant slot keeps its last end: it may still be filed, and by that the next one knows where. */
  #expiresAt = new Float64Array(0)
  #createdAt = new Float64Array(0)
  #weights: Float64Array<ArrayBuffer> | undefined
  #vacant: number[] = []
  /** Slots that have ever been taken. */
  #used = 0
  #count = 0
  #bytes = 0

  /** @param weigh bytes of what rests; asked only where there is a limit of bytes. */
  constructor(limits: Limits, weigh?: (what: Stored) => number) {
    this.limits = limits
    this.#spaces = new Spaces(limits.maxEntries)
    this.#weigh = limits.maxBytes === Number.POSITIVE_INFINITY ? undefined : weigh
    this.#sweeper = new Sweeper(
      (steps) => this.#clean(steps),
      () => this.#count === 0 || this.#wheel.soonest === Number.POSITIVE_INFINITY,
    )
    this.#reset()
  }

  /** The first host's clock counts; the last one that opened is told of evictions. */
  open(host: Host): void {
    if (this.#hosts.push(host) > 1) return
    this.#clock.use(host.clock)
    // The wheel counts from now, by this clock.
    if (this.#count === 0) this.#reset()
  }

  /** Lets go of the timers with the last host. */
  close(host: Host | undefined): void {
    const index = host === undefined ? -1 : this.#hosts.lastIndexOf(host)
    if (index !== -1) this.#hosts.splice(index, 1)
    if (this.#hosts.length > 0) return
    this.#sweeper.close()
    this.#clock.close()
  }

  get(space: Space, key: string): Stored | undefined {
    const slot = this.#find(space, key)
    if (slot === 0) return undefined
    this.#recency.use(slot)
    return this.#values[slot]
  }

  has(space: Space, key: string): boolean | 'graced' {
    const slot = this.#find(space, key)
    return slot !== 0 && this.#values[slot] instanceof Entry ? 'graced' : slot !== 0
  }

  peek(space: Space, key: string): Kept | undefined {
    const slot = this.#find(space, key)
    if (slot === 0) return undefined
    const stored = this.#values[slot]
    return {
      stored,
      expiresAt: this.#expiresAt[slot],
      createdAt: stored instanceof Entry ? stored.createdAt : this.#createdAt[slot],
    }
  }

  set(space: Space, key: string, what: Stored, expiresAt: number): boolean {
    const table = this.#spaces.find(space, key)
    const id = this.#spaces.key
    const slot = table.slots.get(id)
    if (slot === undefined) return this.#insert(table, id, what, expiresAt)
    if (!this.#fill(slot, id, what, expiresAt)) return false
    this.#recency.use(slot)
    return true
  }

  add(space: Space, key: string, what: Stored, expiresAt: number): boolean {
    if (this.#find(space, key) !== 0) return false
    return this.set(space, key, what, expiresAt)
  }

  replace(space: Space, key: string, was: Stored, what: Stored, expiresAt: number): boolean {
    const slot = this.#find(space, key)
    if (slot === 0 || !Object.is(this.#values[slot], was)) return false
    return this.#fill(slot, this.#keys[slot]!, what, expiresAt)
  }

  touch(space: Space, key: string, expiresAt: number): boolean | 'graced' {
    const slot = this.#find(space, key)
    if (slot === 0) return false
    if (this.#values[slot] instanceof Entry) return 'graced'
    this.#schedule(slot, expiresAt)
    return true
  }

  delete(space: Space, key: string): boolean {
    const slot = this.#find(space, key)
    if (slot === 0) return false
    this.#drop(slot)
    return true
  }

  incr(
    space: Space,
    key: string,
    by: number,
    made?: { initial: number; expiresAt: number },
  ): number | undefined {
    const slot = this.#find(space, key)
    if (slot === 0) {
      if (made === undefined) return undefined
      const first = sum(key, made.initial, by)
      this.set(space, key, first, made.expiresAt)
      return first
    }
    const value = this.#values[slot]
    if (!Number.isSafeInteger(value)) throw notANumber(key)
    const total = sum(key, value as number, by)
    this.#values[slot] = total
    this.#recency.use(slot)
    return total
  }

  clear(space: Space | 'everything'): void {
    if (space === 'everything') {
      this.#reset()
      return
    }
    for (const table of [...this.#spaces.tables()]) {
      // The recipe says of a whole table whose it is, and of the last one left nothing need be looked at.
      const whole = space.plain && table.prefix === space.prefix
      if (whole && table.slots.size === this.#count) {
        this.#reset()
        return
      }
      for (const [key, slot] of table.slots) {
        if (whole || table.owned(space, key)) this.#drop(slot)
      }
    }
  }

  prune(): number {
    return this.#dropOver(this.#clock.now(), Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY)
  }

  size(): { entries: number; bytes?: number } {
    return this.#weights ? { entries: this.#count, bytes: this.#bytes } : { entries: this.#count }
  }

  /** The slot where the key lives; 0 for none. What is over is dropped on the way. */
  #find(space: Space, key: string): number {
    const slot = this.#spaces.find(space, key).slots.get(this.#spaces.key)
    if (slot === undefined) return 0
    const end = this.#expiresAt[slot]!
    if (end - this.#clock.lately() > NEAR || end > this.#clock.now()) return slot
    this.#drop(slot, 'expired')
    return 0
  }

  #insert(table: Table, key: string, what: Stored, expiresAt: number): boolean {
    const weight = this.#weightOf(key, what)
    if (weight > this.limits.maxBytes) return false
    if (this.#count >= this.limits.maxEntries) this.#makeRoom()
    const slot = this.#take()
    if (table.id === 0) this.#spaces.keep(table)
    table.slots.add(key, slot)
    this.#keys[slot] = key
    this.#homes[slot] = table.id
    this.#count++
    this.#recency.add(slot)
    this.#put(slot, what, expiresAt, weight)
    return true
  }

  /** Stores over what rests in a slot; where it is too large, nothing rests there afterwards. */
  #fill(slot: number, key: string, what: Stored, expiresAt: number): boolean {
    const weight = this.#weightOf(key, what)
    if (weight > this.limits.maxBytes) {
      this.#drop(slot)
      return false
    }
    this.#put(slot, what, expiresAt, weight)
    return true
  }

  #put(slot: number, what: Stored, expiresAt: number, weight: number): void {
    this.#values[slot] = what
    this.#createdAt[slot] = this.#clock.lately()
    this.#schedule(slot, expiresAt)
    if (this.#weights === undefined) return
    this.#bytes += weight - this.#weights[slot]!
    this.#weights[slot] = weight
    if (this.#bytes > this.limits.maxBytes) this.#lighten(slot, weight)
  }

  #schedule(slot: number, expiresAt: number): void {
    const before = this.#expiresAt[slot]!
    this.#expiresAt[slot] = expiresAt
    if (this.#wheel.has(slot)) {
      if (expiresAt >= before) return
      this.#wheel.remove(slot)
    }
    if (expiresAt === Number.POSITIVE_INFINITY) return
    this.#wheel.file(slot, expiresAt)
    this.#sweeper.arm()
  }

  #weightOf(key: string, what: Stored): number {
    return this.#weigh === undefined ? 0 : OVERHEAD + weighString(key) + this.#weigh(what)
  }

  /** Room for one more entry: what is over goes first, then what was used longest ago. */
  #makeRoom(): void {
    if (this.#dropOver(this.#clock.lately(), STEPS, 1) > 0) return
    const { cullFrequency } = this.limits
    let much = 1
    if (cullFrequency === 0) much = this.#count
    else if (cullFrequency !== undefined) much = Math.max(1, Math.floor(this.#count / cullFrequency))
    while (much-- > 0) this.#drop(this.#recency.oldest, 'room')
  }

  /** Room for the bytes that just came; a long list of small entries goes slice by slice. */
  #lighten(newest: number, weight: number): void {
    const { maxBytes } = this.limits
    const now = this.#clock.lately()
    let steps = STEPS
    while (this.#bytes > maxBytes && (steps-- > 0 || this.#bytes > maxBytes + weight)) {
      if (this.#dropOver(now, 1, 1) > 0) continue
      const oldest = this.#recency.oldest
      this.#drop(oldest === newest ? this.#recency.secondOldest : oldest, 'room')
    }
    if (this.#bytes > maxBytes) this.#sweeper.hurry()
  }

  /** The sweeper's work. */
  #clean(steps: number): boolean {
    if (this.#bytes > this.limits.maxBytes) {
      this.#drop(this.#recency.oldest, 'room')
      return true
    }
    const now = this.#clock.now()
    this.#dropOver(now, steps, steps)
    return this.#count > 0 && this.#wheel.soonest <= now
  }

  /** Drops what is over, up to `enough` of it; how many. */
  #dropOver(now: number, steps: number, enough: number): number {
    let dropped = 0
    for (; dropped < enough && steps > 0; steps--) {
      const slot = this.#wheel.take(now)
      if (slot === 0) break
      if (this.#homes[slot] === 0) continue
      const end = this.#expiresAt[slot]!
      if (end <= now) {
        this.#drop(slot, 'expired')
        dropped++
      } else if (end !== Number.POSITIVE_INFINITY) {
        this.#wheel.file(slot, end)
      }
    }
    return dropped
  }

  #drop(slot: number, reason?: 'room' | 'expired'): void {
    const key = this.#keys[slot]!
    const table = this.#spaces.at(this.#homes[slot]!)
    table.slots.remove(key)
    if (table.slots.size === 0) this.#spaces.drop(table)
    this.#recency.remove(slot)
    this.#keys[slot] = ''
    this.#values[slot] = undefined
    this.#homes[slot] = 0
    this.#vacant.push(slot)
    if (this.#weights !== undefined) {
      this.#bytes -= this.#weights[slot]!
      this.#weights[slot] = 0
    }
    this.#count--
    // A wave has passed: what it took is given back.
    if (this.#count === 0 && this.#homes.length > 64 * FEW) this.#reset()
    if (reason !== undefined) this.#hosts[this.#hosts.length - 1]?.evicted(key, reason)
  }

  /** A slot that is vacant. */
  #take(): number {
    const slot = this.#vacant.pop()
    if (slot !== undefined) return slot
    if (++this.#used === this.#homes.length) {
      const more = this.#used < MANY ? this.#used : this.#used >>> 2
      this.#grow(Math.min(this.#used + more, this.limits.maxEntries + 1))
    }
    return this.#used
  }

  /** @param length one more than the slots: slot 0 is nobody's. */
  #grow(length: number): void {
    this.#recency.grow(length)
    this.#wheel.grow(length)
    this.#homes = lengthened(this.#homes, length)
    this.#expiresAt = longer(this.#expiresAt, length)
    this.#createdAt = longer(this.#createdAt, length)
    if (this.#weights !== undefined) this.#weights = longer(this.#weights, length)
    this.#keys = filled(this.#keys, length, '')
    this.#values = filled(this.#values, length, undefined)
  }

  #reset(): void {
    this.#spaces.clear()
    this.#recency = new Recency()
    this.#wheel = new Wheel(this.#clock.now())
    this.#keys = []
    this.#values = []
    this.#homes = new Uint32Array(0)
    this.#expiresAt = new Float64Array(0)
    this.#createdAt = new Float64Array(0)
    this.#weights = this.#weigh && new Float64Array(0)
    this.#vacant = []
    this.#used = 0
    this.#count = 0
    this.#bytes = 0
    this.#grow(Math.min(FEW, this.limits.maxEntries + 1))
  }
}

function sum(key: string, value: number, by: number): number {
  const total = value + by
  if (Number.isSafeInteger(total)) return total
  throw argumentError(
    RangeError,
    'OUT_OF_RANGE',
    `Key ${JSON.stringify(key)} cannot be counted beyond ±(2^53 − 1)`,
  )
}

/** Exactly as long as asked: an array that grows by itself keeps half as much again in reserve. */
function filled<T>(items: readonly T[], length: number, blank: T): T[] {
  const all = new Array<T>(length).fill(blank)
  for (let i = 0; i < items.length; i++) all[i] = items[i]!
  return all
}

function longer(numbers: Float64Array, length: number): Float64Array<ArrayBuffer> {
  const all = new Float64Array(length)
  all.set(numbers)
  return all
}
