/**
 * Entries and claims as items: where each rests, what is found there, and how it is written over while it is still what was
 * found. The verbs are in terms of this; what differs between protocols, and what `clear: 'epoch'` adds, is here alone.
 */

import type { Space } from '../../core/backend.ts'
import type { Clock } from '../../core/clock.ts'
import {
  type GetOptions,
  type Item,
  type MemcachedClient,
  MemcachedError,
  type SetOptions,
} from './client/index.ts'
import { Epochs } from './epochs.ts'
import type { Link } from './link.ts'
import type { MemcachedSettings } from './options.ts'
import {
  BARE,
  CLAIMED,
  type Claim,
  entryKind,
  flagsOf,
  kindOf,
  readRest,
  STUB,
  secondOf,
  withClaim,
} from './resting.ts'
import { wireKeys } from './wire-key.ts'

/** Where a key rests. */
export interface At {
  readonly wireKey: string
  /** The mark that says what is over; with `clear: 'epoch'` only. */
  readonly mark: string | undefined
}

/** What is in an item. */
export interface Found {
  readonly cas: bigint
  readonly kind: number
  /** The entry, if one lives there. */
  readonly entry: Uint8Array | undefined
  /** When the entry ends. */
  readonly end: number
  /** Held, or over and not yet another's. */
  readonly claim: Claim | undefined
  /** The second in its flags. */
  readonly second: number
}

/** Others who clear between our look at the mark and our write, so often in a row. */
const ATTEMPTS = 5

/** An item that holds only a claim lives a little longer than that, since the server counts whole seconds. */
const LINGER = 1_000

export class Items {
  readonly link: Link
  readonly #meta: boolean
  readonly #epochs: Epochs | undefined
  readonly #wireKey: (storageKey: string) => string
  clock: Clock

  constructor(link: Link, { protocol, epochs }: MemcachedSettings, clock: Clock) {
    this.link = link
    this.clock = clock
    this.#meta = protocol === 'meta'
    this.#wireKey = wireKeys(protocol)
    this.#epochs = epochs ? new Epochs(this.#wireKey) : undefined
  }

  get client(): MemcachedClient {
    return this.link.client
  }

  at(space: Space, key: string): At {
    const wireKey = this.#wireKey(space.frame(key))
    return { wireKey, mark: this.#epochs?.markOf(this.client, space, wireKey) }
  }

  /** Does `clear` know how? */
  get clears(): boolean {
    return this.#epochs !== undefined
  }

  async clear(start: string): Promise<void> {
    await this.#epochs?.clear(this.client, start, () => this.clock.now())
  }

  /** Removes what a lost write may have left there. */
  mend(wireKey: string): Promise<void> {
    return this.link.losses.mend(this.client, wireKey)
  }

  /** The entry that lives there. The only thing a hit does. */
  async get(at: At): Promise<Uint8Array | undefined> {
    const item = await this.#read(at, undefined)
    return item && this.entryOf(at, item)
  }

  /** What is in the item: the entry, the claim, and how to write over it. A look is no use. */
  async look(at: At): Promise<Found | undefined> {
    const item = await this.#read(at, this.#meta ? { cas: true, ttl: true, bump: false } : { cas: true })
    if (item?.cas === undefined) return undefined
    const { cas, flags } = item
    const second = secondOf(flags)
    if (this.#isOver(at, second)) {
      return { cas, kind: BARE, entry: undefined, end: 0, claim: undefined, second }
    }
    const { claim, end = this.#endOf(item) } = readRest(item)
    return { cas, kind: kindOf(flags), entry: this.entryOf(at, item), end, claim, second }
  }

  /** What kind of item is there, without its bytes where the protocol can; `undefined` for none. */
  async kind(at: At): Promise<number | undefined> {
    const item = await this.#read(at, this.#meta ? { value: false, bump: false } : { value: false })
    if (item === undefined || this.#isOver(at, secondOf(item.flags))) return undefined
    return kindOf(item.flags)
  }

  /** The entry in an item, if it lives. */
  entryOf(at: At, item: Item): Uint8Array | undefined {
    const { entry, end = Number.POSITIVE_INFINITY } = readRest(item)
    if (entry === undefined || end <= this.clock.now() || this.#isOver(at, secondOf(item.flags)))
      return undefined
    return entry
  }

  /** Has an epoch ended what is in an item? */
  isPast(at: At, { flags }: Item): boolean {
    return this.#isOver(at, secondOf(flags))
  }

  /** Takes note of the marks among many items, before the entries among them are judged. */
  learn(marks: Iterable<string>, items: ReadonlyMap<string, Item>): void {
    for (const mark of marks) this.#epochs?.learn(mark, items.get(mark))
  }

  /**
   * Stores, and in the same batch reads the mark: another process may have cleared in this very second, and what was dated without
   * knowing of it is stored again with a later date. `false`: it was not stored.
   */
  async put(at: At, what: Uint8Array, end: number): Promise<boolean> {
    for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
      const options = this.entry(at, what, end)
      const [stored] = await Promise.all([
        this.client.set(at.wireKey, what, options),
        this.refresh([at.mark]),
      ])
      if (!stored || !this.isDatedBack(at, options)) return stored
    }
    return false
  }

  /** Was it dated before a clear that is known of by now? */
  isDatedBack(at: At, { flags = 0 }: SetOptions): boolean {
    return this.#isOver(at, secondOf(flags))
  }

  /** Reads marks. */
  async refresh(marks: Iterable<string | undefined>): Promise<void> {
    const names = [...new Set(marks)].filter((mark) => mark !== undefined)
    if (names.length > 0) this.learn(names, (await this.client.getMany(names)).items)
  }

  /** How an entry is stored. */
  entry(at: At, what: Uint8Array, end: number): SetOptions {
    return { expiry: this.seconds(end), flags: flagsOf(entryKind(what), this.#second(at, end)) }
  }

  /** Whole seconds from now, `undefined` for ever. */
  seconds(end: number): number | undefined {
    if (end === Number.POSITIVE_INFINITY) return undefined
    // Sums of instants are off by a hair, which must not make another second.
    return Math.ceil((end - this.clock.now()) / 1_000 - 1e-6)
  }

  /** Makes a claim where nothing is. Its cas, 0 where the protocol does not tell; `undefined`: something is there. */
  async makeStub(at: At, claim: Claim): Promise<bigint | undefined> {
    const { status, cas } = await this.client.store(at.wireKey, withClaim(claim, undefined), {
      ...this.#stub(at, claim),
      mode: 'add',
      returnCas: this.#meta,
    })
    return status === 'stored' ? (cas ?? 0n) : undefined
  }

  /** Writes over what was found. `false`: it is no longer there. */
  async over(at: At, cas: bigint, what: Uint8Array, options: SetOptions): Promise<boolean> {
    return (await this.client.cas(at.wireKey, what, cas, options)) === 'stored'
  }

  /** Puts a claim, another one or none before what was found. */
  async reclaim(
    at: At,
    found: Found,
    claim: Claim | undefined,
    entry = found.entry,
    end = found.end,
  ): Promise<boolean> {
    if (claim === undefined) {
      if (entry === undefined) return this.over(at, found.cas, EMPTY, { expiry: 0 })
      const flags = flagsOf(entryKind(entry), this.#second(at, end, found.second))
      return this.over(at, found.cas, entry, { expiry: this.seconds(end), flags })
    }
    if (entry === undefined)
      return this.over(at, found.cas, withClaim(claim, undefined), this.#stub(at, claim))
    const last = Math.max(end, claim.until + LINGER)
    const flags = flagsOf(CLAIMED, this.#second(at, end, found.second))
    try {
      return await this.over(at, found.cas, withClaim(claim, entry, end), {
        expiry: this.seconds(last),
        flags,
      })
    } catch (error) {
      // So near the server's limit that a claim does not fit beside it: it is gone now, and the next attempt finds nothing.
      if (error instanceof MemcachedError && error.code === 'VALUE_TOO_LARGE') return false
      throw error
    }
  }

  #stub(at: At, { until }: Claim): SetOptions {
    return { expiry: this.seconds(until + LINGER), flags: flagsOf(STUB, this.#second(at, until)) }
  }

  #second(at: At, end: number, made?: number): number {
    if (!this.#meta) return Math.ceil(end / 1_000)
    if (at.mark === undefined || this.#epochs === undefined) return 0
    return made ?? this.#epochs.date(at.mark, this.clock.now())
  }

  #isOver({ mark }: At, second: number): boolean {
    return mark !== undefined && (this.#epochs?.isOver(mark, second) ?? false)
  }

  #endOf(item: Item): number {
    if (item.ttl !== undefined) return this.clock.now() + item.ttl * 1_000
    const second = secondOf(item.flags)
    return second === 0 ? Number.POSITIVE_INFINITY : second * 1_000
  }

  /** One item, and in the same batch the mark that may say it is over. */
  async #read({ wireKey, mark }: At, options: GetOptions | undefined): Promise<Item | undefined> {
    const { client } = this
    if (this.link.losses.has(wireKey)) await this.mend(wireKey)
    if (mark === undefined || this.#epochs === undefined) return client.get(wireKey, options)
    const [item, marked] = await Promise.all([client.get(wireKey, options), client.get(mark)])
    this.#epochs.learn(mark, marked)
    return item
  }
}

const EMPTY = Buffer.alloc(0)
