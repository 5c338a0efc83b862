/**
 * A Backend around a Backend on a network: nobody waits for a dead server, and nothing old is served after an outage.
 *
 * Every call has a deadline. The first sign that no server answers opens the breaker; from then on calls fail at once, and a probe
 * behind tries a fresh connection. A write that did not come through is remembered and repaired on that connection, before the first
 * read from it is believed. There is no queue of calls: what cannot be asked now fails now.
 */
import type { Answer } from '../answer.ts'
import type { Backend, Claimed, Host, Kept, Network, Space } from '../backend.ts'
import type { Clock } from '../clock.ts'
import { isDeliberate, UnavailableError } from '../errors.ts'
import { isGraced, type Stored } from '../values/entry.ts'
import { Breaker } from './breaker.ts'
import { Calls } from './calls.ts'
import { Mending } from './mending.ts'
import { Recovery } from './recovery.ts'

/** Told of every change of state, once. */
export interface Watch {
  down(error: unknown): void
  up(downFor: number, repaired: number): void
  /** Told after every round of repairs. `wholly`: nothing is left to repair, or to repair again. */
  recovered?(wholly: boolean): void
}

/** How long a probe waits for a fresh connection, in milliseconds. The backend has a limit of its own, and may go on trying. */
const CONNECTING = 1_000

export class Guard implements Backend {
  readonly name: string
  readonly holds: 'bytes' | 'values'
  readonly sync = false
  readonly shared: boolean
  readonly #inner: Backend
  readonly #network: Network
  readonly #clock: Clock
  readonly #breaker: Breaker
  readonly #calls: Calls
  readonly #recovery = new Recovery()
  readonly #mending: Mending
  readonly #watch: Watch
  #downSince = 0

  constructor(inner: Backend, network: Network, clock: Clock, watch: Watch) {
    this.name = inner.name
    this.holds = inner.holds
    this.shared = inner.shared
    this.#inner = inner
    this.#network = network
    this.#clock = clock
    this.#watch = watch
    this.#breaker = new Breaker(
      () => this.#mending.recover(CONNECTING),
      (open, error) => this.#changed(open, error),
    )
    this.#calls = new Calls(inner, network, {
      unanswered: (error) => this.#breaker.trip(error),
      late: () => this.#mending.renew(),
    })
    this.#mending = new Mending(inner, network, this.#calls, this.#recovery, this.#breaker, (wholly) =>
      watch.recovered?.(wholly),
    )
  }

  /** There is nobody to ask: calls fail at once. */
  get isDown(): boolean {
    return this.#breaker.isOpen || this.#calls.connecting
  }

  open(host: Host): void {
    this.#inner.open?.(host)
  }

  get(space: Space, key: string): Promise<Stored | undefined> {
    // The hot path: with nothing lost there is nothing to doubt.
    if (this.#recovery.none) return this.#ask('get', () => this.#inner.get(space, key))
    const believed = this.#recovery.judge(space, key)
    return this.#ask('get', () => this.#inner.get(space, key)).then((stored) =>
      stored !== undefined && believed(stored) ? stored : undefined,
    )
  }

  async getMany(space: Space, keys: readonly string[]): Promise<Map<string, Stored>> {
    const ask = () => this.#ask('getMany', () => this.#inner.getMany!(space, keys))
    if (this.#recovery.none) return ask()
    const judges = new Map(keys.map((key) => [key, this.#recovery.judge(space, key)]))
    const found = await ask()
    for (const [key, stored] of found) if (!judges.get(key)?.(stored)) found.delete(key)
    return found
  }

  async peek(space: Space, key: string): Promise<Kept | undefined> {
    const believed = this.#recovery.judge(space, key)
    const kept = await this.#ask('peek', () => this.#inner.peek!(space, key))
    return kept && believed(kept.stored) ? kept : undefined
  }

  async has(space: Space, key: string): Promise<boolean | 'graced'> {
    if (this.#recovery.none && this.#inner.has) return this.#ask('has', () => this.#inner.has!(space, key))
    const kept = await this.peek(space, key)
    return kept && isGraced(kept.stored) ? 'graced' : kept !== undefined
  }

  set(space: Space, key: string, what: Stored, expiresAt: number): Promise<boolean> {
    const written = this.#write(space, [key], 'set', () => this.#inner.set(space, key, what, expiresAt))
    if (this.#recovery.none) return written
    return written.then((done) => {
      if (done) this.#recovery.wrote(space, key, what)
      return done
    })
  }

  async setMany(space: Space, entries: ReadonlyMap<string, Stored>, expiresAt: number): Promise<string[]> {
    const at = this.#clock.now()
    const failed = await this.#write(space, [...entries.keys()], 'setMany', () =>
      this.#inner.setMany!(space, entries, expiresAt),
    )
    if (failed.length > 0) this.#lose(space, failed, at, false)
    else for (const [key, what] of entries) this.#recovery.wrote(space, key, what)
    return failed
  }

  async add(space: Space, key: string, what: Stored, expiresAt: number): Promise<boolean> {
    if (!this.#recovery.none) await this.#makeWay(space, key)
    const added = await this.#ask('add', () => this.#inner.add(space, key, what, expiresAt))
    if (added) this.#recovery.wrote(space, key, what)
    return added
  }

  async touch(space: Space, key: string, expiresAt: number): Promise<boolean | 'graced'> {
    if (!this.#recovery.none) await this.#makeWay(space, key)
    return this.#ask('touch', () => this.#inner.touch(space, key, expiresAt))
  }

  delete(space: Space, key: string): Promise<boolean> {
    return this.#write(space, [key], 'delete', () => this.#inner.delete(space, key))
  }

  deleteMany(space: Space, keys: readonly string[]): Promise<number> {
    return this.#write(space, keys, 'deleteMany', () => this.#inner.deleteMany!(space, keys))
  }

  async incr(
    space: Space,
    key: string,
    by: number,
    made?: { initial: number; expiresAt: number },
  ): Promise<number | undefined> {
    if (!this.#recovery.none) await this.#makeWay(space, key)
    const sum = await this.#ask('incr', () => this.#inner.incr(space, key, by, made))
    if (sum !== undefined) this.#recovery.wrote(space, key, sum)
    return sum
  }

  async replace(space: Space, key: string, was: Stored, what: Stored, expiresAt: number): Promise<boolean> {
    return this.#write(space, [key], 'replace', () => this.#inner.replace!(space, key, was, what, expiresAt))
  }

  async clear(what: Space | 'everything'): Promise<void> {
    const at = this.#clock.now()
    try {
      if (this.isDown) throw this.#calls.unavailable()
      await this.#calls.whileAlive(() => this.#inner.clear(what))
      this.#recovery.cleared(what)
    } catch (error) {
      if (isDeliberate(error)) throw error
      this.#recovery.loseClear(what, at)
      if (!this.#network.noAnswer(error)) {
        this.#mending.begin()
        throw error
      }
      this.#breaker.trip(error)
      throw this.#calls.unavailable(error)
    }
  }

  async prune(): Promise<number> {
    return this.#inner.prune ? this.#ask('prune', () => this.#inner.prune!()) : 0
  }

  async claim(space: Space, key: string, ms: number): Promise<Claimed> {
    const believed = this.#recovery.judge(space, key)
    const claimed = await this.#ask('claim', () => this.#inner.claim!(space, key, ms))
    const { stored, token } = claimed
    return stored === undefined || believed(stored) ? claimed : { token }
  }

  extend(space: Space, key: string, token: string, ms: number): Promise<boolean> {
    return this.#ask('extend', () => this.#inner.extend!(space, key, token, ms))
  }

  /** Unlike other writes it cannot be late: it comes to nothing once its claim is broken, as the repair of a lost delete does too. */
  async fill(space: Space, key: string, token: string, what: Stored, expiresAt: number): Promise<boolean> {
    if (this.isDown) this.#giveBack(space, key, token)
    const done = await this.#ask('fill', () => this.#inner.fill!(space, key, token, what, expiresAt))
    if (done) this.#recovery.wrote(space, key, what)
    return done
  }

  release(space: Space, key: string, token?: string): Promise<void> {
    if (this.isDown && token !== undefined) this.#giveBack(space, key, token)
    return this.#ask('release', () => this.#inner.release!(space, key, token))
  }

  async close(): Promise<void> {
    this.#breaker.close()
    this.#mending.close()
    await this.#calls.close()
  }

  /** Told to the backend though nobody answers: one that remembers gives the claim back later, and nobody waits for its lease to end. */
  #giveBack(space: Space, key: string, token: string): void {
    const given = async () => this.#inner.release!(space, key, token)
    given().catch(() => {})
  }

  #ask<T>(verb: string, ask: () => Answer<T>): Promise<T> {
    return this.#calls.ask(verb, ask, this.isDown)
  }

  /** A write, remembered where it did not come through or nobody knows. */
  #write<T>(space: Space, keys: readonly string[], verb: string, write: () => Answer<T>): Promise<T> {
    const at = this.#clock.now()
    return this.#calls.ask(verb, write, this.isDown, (error, asked) => {
      if (!isDeliberate(error)) this.#lose(space, keys, at, asked && error instanceof UnavailableError)
    })
  }

  #lose(space: Space, keys: readonly string[], at: number, unknown: boolean): void {
    for (const key of keys) this.#recovery.lose(space, key, at, unknown)
    this.#mending.begin()
  }

  /** What must not be believed must not be built upon either. */
  async #makeWay(space: Space, key: string): Promise<void> {
    const believed = this.#recovery.judge(space, key)
    const kept = await this.#ask('peek', () => this.#inner.peek!(space, key))
    if (kept === undefined || believed(kept.stored)) return
    await this.#ask('delete', () => this.#inner.delete(space, key))
  }

  #changed(open: boolean, error: unknown): void {
    const now = performance.now()
    if (open) {
      this.#downSince = now
      this.#mending.repaired = 0
      this.#watch.down(error)
    } else {
      this.#calls.answered()
      if (this.#recovery.unrepaired) this.#mending.begin()
      this.#mending.lookAgain()
      this.#watch.up(now - this.#downSince, this.#mending.repaired)
    }
  }
}
