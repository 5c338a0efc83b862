/**
 * The verbs over two tiers. The far one is the truth: every write goes there first, claims live there alone, and what rests near is
 * only ever a copy that was read under a placeholder (`Stamps`). A write breaks the placeholders of its key when it begins and when it
 * has ended, so that a read which ran meanwhile keeps nothing; so does every message that arrives.
 *
 * Near copies are served only while every message is heard. After a time away they are dropped before any is served.
 */
import { randomBytes } from 'node:crypto'
import type { Answer } from '../../core/answer.ts'
import type { Backend, Claimed, Host, Kept, Space } from '../../core/backend.ts'
import type { Bus } from '../../core/bus.ts'
import type { CheckContext, Finding } from '../../core/check.ts'
import { type Clock, systemClock } from '../../core/clock.ts'
import { isDeliberate, UnavailableError } from '../../core/errors.ts'
import type { Table } from '../../core/table.ts'
import { bytesOf, Carried } from '../../core/values/carried.ts'
import type { Stored } from '../../core/values/entry.ts'
import { Crier } from './crier.ts'
import { decodeNews, type Ignored, type News } from './message.ts'
import { Stamps } from './stamps.ts'

export interface TierSettings {
  /** Milliseconds. */
  readonly nearTtl: number
  readonly busDownLimit: number
}

/** What went over the bus so far. */
export interface TierCounts {
  /** Messages published. */
  said: number
  /** Messages of others that were followed. */
  heard: number
  /** Messages that were not, by reason. */
  ignored: Record<Ignored, number>
  /** Times that the bus came (back), the first one too. */
  ups: number
}

/** So many keys of one `getMany` are read one by one, with their ends, so that they can be kept near. */
const FEW = 100

/** Where a key is known by its storage key alone. */
const FRAMED: Space = {
  prefix: '',
  version: 0,
  plain: false,
  start: undefined,
  frame: (storageKey) => storageKey,
  owns: () => false,
}

export class TieredBackend implements Backend {
  readonly name = 'tiered'
  readonly holds = 'bytes'
  readonly sync = false
  readonly shared = true
  readonly near: Backend
  readonly table?: Table
  readonly #given: readonly Backend[]
  readonly #settings: TierSettings
  readonly #bus: Bus
  readonly #self = randomBytes(8)
  readonly #crier: Crier
  readonly #stamps = new Stamps()
  readonly #counts: Omit<TierCounts, 'said'> = {
    heard: 0,
    ignored: { own: 0, garbage: 0, version: 0, oversized: 0 },
    ups: 0,
  }
  #far: Backend
  /** What faults leave undone far is repaired, and told then. */
  readonly #repairs: boolean
  #clock: Clock = systemClock
  #failed: Host['failed'] = () => {}
  #opened = false
  /** Near copies may be served. */
  #serves = false
  /** Every message is heard: what is read now may be kept. */
  #hears = false
  /** Writes that may not have come through. To be told once that is settled: never before the write. */
  #unsettled: Set<string> | 'everything' = new Set()
  #limit: NodeJS.Timeout | undefined

  constructor(near: Backend, far: Backend, bus: Bus, settings: TierSettings) {
    this.near = near
    if (far.table) this.table = far.table
    this.#given = [near, far]
    this.#far = far
    this.#repairs = far.network !== undefined
    this.#bus = bus
    this.#settings = settings
    this.#crier = new Crier(bus, this.#self, (error) => this.#failed('publish', error))
  }

  compose(guard: (inner: Backend, recovered: (wholly: boolean) => void) => Backend): void {
    this.#far = guard(this.#far, (wholly) => this.#settled(wholly))
  }

  open(host: Host): void {
    this.#far.open?.(host)
    if (this.#opened) return
    this.#opened = true
    this.#clock = host.clock
    this.#failed = (verb, error) => host.failed(verb, error)
    // A copy that goes is no entry that goes.
    this.near.open?.({ clock: host.clock, evicted() {}, corrupt() {}, failed() {} })
    this.#bus.open({
      message: (bytes) => this.#hear(bytes),
      up: () => this.#up(),
      down: () => this.#down(),
    })
  }

  check(context: CheckContext): readonly Finding[] {
    return this.#given.flatMap((backend) => backend.check?.(context) ?? [])
  }

  async close(): Promise<void> {
    this.#serves = false
    this.#hears = false
    clearTimeout(this.#limit)
    this.#crier.close()
    await Promise.all([this.#far.close(), this.#bus.close(), this.near.close()])
  }

  /** What went over the bus so far. */
  counts(): TierCounts {
    return { said: this.#crier.said, ...this.#counts, ignored: { ...this.#counts.ignored } }
  }

  get(space: Space, key: string): Answer<Stored | undefined> {
    if (this.#serves) {
      const near = this.near.get(space, key)
      if (near !== undefined) return near
    }
    return this.#read(space, key)
  }

  async getMany(space: Space, keys: readonly string[]): Promise<Map<string, Stored>> {
    const found = new Map<string, Stored>()
    const missing: string[] = []
    for (const key of keys) {
      const near = this.#serves ? this.near.get(space, key) : undefined
      if (near === undefined) missing.push(key)
      else found.set(key, near)
    }
    if (missing.length === 0) return found
    if (!this.#far.getMany || (this.#hears && missing.length <= FEW)) {
      const read = async (key: string) => {
        const stored = await this.#read(space, key)
        if (stored !== undefined) found.set(key, stored)
      }
      await Promise.all(missing.map(read))
    } else {
      const far = await this.#far.getMany(space, missing)
      for (const [key, stored] of far) found.set(key, carried(stored))
    }
    return found
  }

  has(space: Space, key: string): Answer<boolean | 'graced'> {
    const near = this.#serves && this.near.has!(space, key)
    if (near) return near
    return this.#far.has ? this.#far.has(space, key) : this.#has(space, key)
  }

  async peek(space: Space, key: string): Promise<Kept | undefined> {
    const kept = await this.#far.peek!(space, key)
    return kept && { ...kept, stored: carried(kept.stored) }
  }

  set(space: Space, key: string, what: Stored, expiresAt: number): Promise<boolean> {
    return this.#store(
      space,
      key,
      what,
      expiresAt,
      (bytes) => this.#far.set(space, key, bytes, expiresAt),
      yes,
    )
  }

  add(space: Space, key: string, what: Stored, expiresAt: number): Promise<boolean> {
    return this.#store(space, key, what, expiresAt, (bytes) => this.#far.add(space, key, bytes, expiresAt))
  }

  fill(space: Space, key: string, token: string, what: Stored, expiresAt: number): Promise<boolean> {
    return this.#store(space, key, what, expiresAt, (bytes) =>
      this.#far.fill!(space, key, token, bytes, expiresAt),
    )
  }

  async replace(space: Space, key: string, was: Stored, what: Stored, expiresAt: number): Promise<boolean> {
    const old = bytesOf(was)
    if (old === undefined) {
      // A near copy may be behind. Whoever looks again looks far.
      this.near.delete(space, key)
      return false
    }
    return this.#store(space, key, what, expiresAt, (bytes) =>
      this.#far.replace!(space, key, old, bytes, expiresAt),
    )
  }

  async setMany(space: Space, entries: ReadonlyMap<string, Stored>, expiresAt: number): Promise<string[]> {
    if (!this.#far.setMany) {
      const each = [...entries].map(async ([key, what]) =>
        (await this.set(space, key, what, expiresAt)) ? [] : [key],
      )
      return (await Promise.all(each)).flat()
    }
    const bytes = new Map([...entries].map(([key, what]) => [key, bytesOf(what)]))
    const stamps = this.#begin(space, [...entries.keys()])
    return this.#write(
      stamps,
      () => this.#far.setMany!(space, bytes, expiresAt),
      yes,
      (failed) => {
        const lost = new Set(failed)
        for (const [key, what] of entries)
          if (!lost.has(key)) this.#keepOwn(space, key, what, expiresAt, stamps)
      },
    )
  }

  touch(space: Space, key: string, expiresAt: number): Promise<boolean | 'graced'> {
    return this.#write(
      this.#begin(space, [key]),
      () => this.#far.touch(space, key, expiresAt),
      (done) => done === true,
    )
  }

  delete(space: Space, key: string): Promise<boolean> {
    // Even of what is not there any more: others may have their copy yet.
    return this.#write(this.#begin(space, [key]), () => this.#far.delete(space, key), yes)
  }

  async deleteMany(space: Space, keys: readonly string[]): Promise<number> {
    if (!this.#far.deleteMany) {
      const found = await Promise.all([...new Set(keys)].map((key) => this.delete(space, key)))
      return found.filter(Boolean).length
    }
    return this.#write(this.#begin(space, keys), () => this.#far.deleteMany!(space, keys), yes)
  }

  incr(
    space: Space,
    key: string,
    by: number,
    made?: { initial: number; expiresAt: number },
  ): Promise<number | undefined> {
    return this.#write(
      this.#begin(space, [key]),
      () => this.#far.incr(space, key, by, made),
      (sum) => sum !== undefined,
    )
  }

  async clear(what: Space | 'everything'): Promise<void> {
    try {
      await this.#far.clear(what)
    } catch (error) {
      this.#doubt('everything', error)
      throw error
    } finally {
      this.#forget('everything')
    }
    await this.#crier.say('everything')
  }

  async prune(): Promise<number> {
    this.near.prune?.()
    return (await this.#far.prune?.()) ?? 0
  }

  async claim(space: Space, key: string, ms: number): Promise<Claimed> {
    const { stored, token } = await this.#far.claim!(space, key, ms)
    return {
      ...(stored !== undefined && { stored: carried(stored) }),
      ...(token !== undefined && { token }),
    }
  }

  extend(space: Space, key: string, token: string, ms: number): Answer<boolean> {
    return this.#far.extend!(space, key, token, ms)
  }

  release(space: Space, key: string, token?: string): Answer<void> {
    return this.#far.release!(space, key, token)
  }

  async #has(space: Space, key: string): Promise<boolean | 'graced'> {
    // The handle looks whether it may be served.
    return (await this.#far.peek!(space, key)) === undefined ? false : 'graced'
  }

  /** From far, with its end; kept near if nobody writes the key until it has been read. */
  async #read(space: Space, key: string): Promise<Stored | undefined> {
    if (!this.#hears) {
      const stored = await this.#far.get(space, key)
      return stored === undefined ? undefined : carried(stored)
    }
    const storageKey = space.frame(key)
    const stamp = this.#stamps.at(storageKey)
    const kept = await this.#far.peek!(space, key)
    if (kept === undefined) return undefined
    const bytes = bytesOf(kept.stored)
    const { expiresAt } = kept
    if (bytes === undefined || expiresAt === undefined) return carried(kept.stored)
    return new Carried(bytes, undefined, (near) => {
      if (this.#stamps.at(storageKey) === stamp) this.#keep(space, key, near, expiresAt)
    })
  }

  #store(
    space: Space,
    key: string,
    what: Stored,
    expiresAt: number,
    store: (bytes: Stored) => Answer<boolean>,
    changed = (done: boolean) => done,
  ): Promise<boolean> {
    const stamps = this.#begin(space, [key])
    return this.#write(
      stamps,
      () => store(bytesOf(what)),
      changed,
      (done) => {
        if (done) this.#keepOwn(space, key, what, expiresAt, stamps)
      },
    )
  }

  /** Breaks the placeholders of what is about to be written; the stamps by storage key. */
  #begin(space: Space, keys: readonly string[]): Map<string, number> {
    const stamps = new Map<string, number>()
    for (const key of keys) {
      const storageKey = space.frame(key)
      stamps.set(storageKey, this.#stamps.change(storageKey))
    }
    return stamps
  }

  /** Far, then the others, then near. A write that others could overtake, or that has failed, leaves nothing near. */
  async #write<T>(
    stamps: Map<string, number>,
    write: () => Answer<T>,
    changed: (answer: T) => boolean,
    keep?: (answer: T) => void,
  ): Promise<T> {
    const news = { keys: [...stamps.keys()] }
    let answer: T
    try {
      answer = await write()
    } catch (error) {
      this.#forget(news)
      this.#doubt(news, error)
      throw error
    }
    const alone = new Set(news.keys.filter((key) => this.#stamps.at(key) === stamps.get(key)))
    this.#forget(news)
    for (const key of news.keys) stamps.set(key, alone.has(key) ? this.#stamps.at(key) : Number.NaN)
    if (changed(answer)) await this.#crier.say(news)
    keep?.(answer)
    return answer
  }

  /** What we wrote ourselves, unless it was written again since. */
  #keepOwn(space: Space, key: string, what: Stored, expiresAt: number, stamps: Map<string, number>): void {
    if (!(what instanceof Carried) || what.near === undefined) return
    const storageKey = space.frame(key)
    if (this.#stamps.at(storageKey) === stamps.get(storageKey)) this.#keep(space, key, what.near, expiresAt)
  }

  #keep(space: Space, key: string, near: Stored, expiresAt: number): void {
    // The others name keys by what is stored far; an odd one is written differently there, and is kept far alone.
    if (!this.#hears || (space.plain && isOdd(key))) return
    const now = this.#clock.now()
    const until = Math.min(expiresAt, now + this.#settings.nearTtl)
    if (until > now) this.near.set(space, key, near, until)
  }

  /** Drops near copies, and breaks the placeholders of reads under way. */
  #forget(news: News): void {
    if (news === 'everything') {
      this.#stamps.changeAll()
      this.near.clear('everything')
      return
    }
    for (const storageKey of news.keys) {
      this.#stamps.change(storageKey)
      this.near.delete(FRAMED, storageKey)
    }
  }

  /** A write failed, and may have been done all the same. */
  #doubt(news: News, error: unknown): void {
    if (isDeliberate(error)) return
    if (!this.#repairs) {
      this.#crier.say(news)
      return
    }
    if (news === 'everything' || this.#unsettled === 'everything') this.#unsettled = 'everything'
    else for (const key of news.keys) this.#unsettled.add(key)
    if (this.#unsettled !== 'everything' && this.#unsettled.size > MOST_UNSETTLED)
      this.#unsettled = 'everything'
  }

  /** What faults had left undone far has been repaired: now the others may hear of it, and again where it will be repaired again. */
  #settled(wholly: boolean): void {
    const unsettled = this.#unsettled
    if (wholly) this.#unsettled = new Set()
    const news: News = unsettled === 'everything' ? unsettled : { keys: [...unsettled] }
    if (news !== 'everything' && news.keys.length === 0) return
    this.#forget(news)
    this.#crier.say(news)
  }

  #hear(bytes: Uint8Array): void {
    const news = decodeNews(this.#self, bytes)
    if (typeof news === 'string' && news !== 'everything') {
      this.#counts.ignored[news]++
      return
    }
    this.#counts.heard++
    this.#forget(news)
  }

  #up(): void {
    clearTimeout(this.#limit)
    this.#counts.ups++
    this.#forget('everything')
    this.#hears = true
    this.#serves = true
    this.#crier.flush()
  }

  #down(): void {
    this.#hears = false
    const message = `The bus ${this.#bus.name} is away: near copies end within busDownLimit`
    this.#failed('bus', new UnavailableError('BUS_DOWN', message))
    clearTimeout(this.#limit)
    const { busDownLimit } = this.#settings
    if (busDownLimit === 0) this.#serves = false
    else {
      this.#limit = setTimeout(() => {
        this.#serves = false
      }, busDownLimit).unref()
    }
  }
}

/** Beyond so many keys the others hear that anything may have changed. */
const MOST_UNSETTLED = 10_000

function yes(): boolean {
  return true
}

function carried(stored: Stored): Stored {
  const bytes = bytesOf(stored)
  return bytes === undefined ? stored : new Carried(bytes, undefined)
}

function isOdd(key: string): boolean {
  return !key.isWellFormed() || key.includes('\ufffd')
}
