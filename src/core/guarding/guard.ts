/**
 * A Backend around a Backend on a network: nobody waits for a dead server, and nothing old is served after an outage.
 *
 * Every call has a deadline. The first sign that no server answers opens the breaker; from then on calls fail at once, and a probe
 * behind tries a fresh connection. A write that did not come through is remembered and repaired on that connection, before the first
 * read from it is believed. There is no queue of calls: what cannot be asked now fails now.
 */
import { type Answer, isPromise } from '../answer.ts'
import type { Backend, Claimed, Host, Kept, Network, Space } from '../backend.ts'
import type { Clock } from '../clock.ts'
import { isDeliberate, UnavailableError } from '../errors.ts'
import { madeAt, type Stored } from '../values/entry.ts'
import { Breaker } from './breaker.ts'
import { TimeoutError, withinDeadline } from './deadline.ts'
import { type Loss, Recovery } from './recovery.ts'

/** Told of every change of state, once. */
export interface Watch {
  down(error: unknown): void
  up(downFor: number, repaired: number): void
}

/** Repairs under way at once. */
const REPAIRS = 50

/** How long closing waits for the backend to let go, in milliseconds. */
const CLOSING = 500

export class Guard implements Backend {
  readonly name: string
  readonly holds: 'bytes' | 'values'
  readonly sync = false
  readonly shared: boolean
  readonly #inner: Backend
  readonly #network: Network
  readonly #clock: Clock
  readonly #breaker: Breaker
  readonly #recovery = new Recovery()
  readonly #watch: Watch
  #inFlight = 0
  /** When a server last answered anything. */
  #answeredAt = Number.NEGATIVE_INFINITY
  #downSince = 0
  #repaired = 0
  /** A call timed out: its connection may still answer, and then for another. */
  #doubtful = false
  #mending: Promise<void> | undefined

  constructor(inner: Backend, network: Network, clock: Clock, watch: Watch) {
    this.name = inner.name
    this.holds = inner.holds
    this.shared = inner.shared
    this.#inner = inner
    this.#network = network
    this.#clock = clock
    this.#watch = watch
    this.#breaker = new Breaker(
      () => this.#recover(),
      (open, error) => this.#changed(open, error),
    )
  }

  /** No server answers: calls fail at once. */
  get isDown(): boolean {
    return this.#breaker.isOpen
  }

  open(host: Host): void {
    this.#inner.open?.(host)
  }

  async get(space: Space, key: string): Promise<Stored | undefined> {
    const stored = await this.#ask('get', () => this.#inner.get(space, key))
    return this.#recovery.believes(space, key, stored) ? stored : undefined
  }

  async getMany(space: Space, keys: readonly string[]): Promise<Map<string, Stored>> {
    const found = await this.#ask('getMany', () => this.#inner.getMany!(space, keys))
    if (!this.#recovery.none) {
      for (const [key, stored] of found) if (!this.#recovery.believes(space, key, stored)) found.delete(key)
    }
    return found
  }

  async peek(space: Space, key: string): Promise<Kept | undefined> {
    const kept = await this.#ask('peek', () => this.#inner.peek!(space, key))
    return kept && this.#recovery.believes(space, key, kept.stored) ? kept : undefined
  }

  async has(space: Space, key: string): Promise<boolean | 'graced'> {
    // Whether it may be believed depends on when it was made.
    if (!this.#recovery.none || !this.#inner.has) return (await this.get(space, key)) !== undefined
    return this.#ask('has', () => this.#inner.has!(space, key))
  }

  set(space: Space, key: string, what: Stored, expiresAt: number): Promise<boolean> {
    return this.#write(
      'set',
      space,
      [key],
      () => this.#inner.set(space, key, what, expiresAt),
      (done) => done,
    )
  }

  add(space: Space, key: string, what: Stored, expiresAt: number): Promise<boolean> {
    return this.#write(
      'add',
      space,
      [key],
      () => this.#inner.add(space, key, what, expiresAt),
      (done) => done,
    )
  }

  touch(space: Space, key: string, expiresAt: number): Promise<boolean | 'graced'> {
    return this.#ask('touch', () => this.#inner.touch(space, key, expiresAt))
  }

  delete(space: Space, key: string): Promise<boolean> {
    return this.#write(
      'delete',
      space,
      [key],
      () => this.#inner.delete(space, key),
      () => true,
    )
  }

  deleteMany(space: Space, keys: readonly string[]): Promise<number> {
    return this.#write(
      'deleteMany',
      space,
      keys,
      () => this.#inner.deleteMany!(space, keys),
      () => true,
    )
  }

  setMany(space: Space, entries: ReadonlyMap<string, Stored>, expiresAt: number): Promise<string[]> {
    const keys = [...entries.keys()]
    return this.#write(
      'setMany',
      space,
      keys,
      () => this.#inner.setMany!(space, entries, expiresAt),
      (failed) => failed.length === 0,
    )
  }

  incr(
    space: Space,
    key: string,
    by: number,
    made?: { initial: number; expiresAt: number },
  ): Promise<number | undefined> {
    return this.#write(
      'incr',
      space,
      [key],
      () => this.#inner.incr(space, key, by, made),
      () => false,
    )
  }

  replace(space: Space, key: string, was: Stored, what: Stored, expiresAt: number): Promise<boolean> {
    return this.#write(
      'replace',
      space,
      [key],
      () => this.#inner.replace!(space, key, was, what, expiresAt),
      () => false,
    )
  }

  async clear(what: Space | 'everything'): Promise<void> {
    const at = this.#clock.now()
    try {
      // As long as it takes: it goes through every key. The connection it needs is checked by all other calls.
      if (this.#breaker.isOpen) throw this.#unavailable()
      await this.#inner.clear(what)
    } catch (error) {
      if (!isDeliberate(error)) this.#recovery.loseClear(what, at)
      if (this.#network.noAnswer(error)) this.#breaker.trip(error)
      throw error
    }
  }

  async prune(): Promise<number> {
    return this.#inner.prune ? this.#ask('prune', () => this.#inner.prune!()) : 0
  }

  async claim(space: Space, key: string, ms: number): Promise<Claimed> {
    const claimed = await this.#ask('claim', () => this.#inner.claim!(space, key, ms))
    const { stored, token } = claimed
    return stored === undefined || this.#recovery.believes(space, key, stored) ? claimed : { token }
  }

  extend(space: Space, key: string, token: string, ms: number): Promise<boolean> {
    return this.#ask('extend', () => this.#inner.extend!(space, key, token, ms))
  }

  fill(space: Space, key: string, token: string, what: Stored, expiresAt: number): Promise<boolean> {
    return this.#write(
      'fill',
      space,
      [key],
      () => this.#inner.fill!(space, key, token, what, expiresAt),
      (done) => done,
    )
  }

  release(space: Space, key: string, token?: string): Promise<void> {
    return this.#ask('release', () => this.#inner.release!(space, key, token))
  }

  async close(): Promise<void> {
    this.#breaker.close()
    const closing = this.#inner.close()
    // A frozen server must not keep the process: what it holds ends with the process.
    if (isPromise(closing)) await withinDeadline(CLOSING, closing, 'close').catch(() => {})
  }

  /** One call: bounded, within its deadline, and heard by the breaker. */
  async #ask<T>(verb: string, ask: () => Answer<T>): Promise<T> {
    if (this.#breaker.isOpen) throw this.#unavailable()
    if (this.#inFlight >= this.#network.maxInFlight) {
      throw new UnavailableError(
        'BACKEND_BUSY',
        `${this.name}: ${this.#inFlight} operations are under way already`,
      )
    }
    return this.#try(verb, ask)
  }

  async #try<T>(verb: string, ask: () => Answer<T>): Promise<T> {
    const began = performance.now()
    this.#inFlight++
    try {
      const answer = ask()
      const value = isPromise(answer)
        ? await withinDeadline(this.#network.opTimeout, answer, `${this.name}: ${verb}`)
        : answer
      this.#answeredAt = performance.now()
      return value
    } catch (error) {
      if (error instanceof TimeoutError) {
        // Where others were answered meanwhile, the server lives and this one call was slow. Its connection goes all the same:
        // the late answer must not be taken for another's.
        this.#doubtful = true
        if (this.#answeredAt < began) this.#breaker.trip(error)
        else this.#mend()
      } else if (this.#network.noAnswer(error)) {
        this.#breaker.trip(error)
      } else {
        this.#answeredAt = performance.now()
      }
      throw error
    } finally {
      this.#inFlight--
    }
  }

  /** A write, remembered where nobody knows whether it came through. `sets`: afterwards the key is as it should be. */
  async #write<T>(
    verb: string,
    space: Space,
    keys: readonly string[],
    write: () => Answer<T>,
    sets: (answer: T) => boolean,
  ): Promise<T> {
    const at = this.#clock.now()
    try {
      const answer = await this.#ask(verb, write)
      if (sets(answer)) for (const key of keys) this.#recovery.repaired(space, key)
      return answer
    } catch (error) {
      if (!isDeliberate(error)) {
        for (const key of keys) this.#recovery.lose(space, key, at)
        this.#mend()
      }
      throw error
    }
  }

  /** While the server lives: what a single call left behind is repaired at once. */
  #mend(): void {
    if (this.#breaker.isOpen || this.#mending) return
    this.#mending = this.#recover()
      .catch((error: unknown) => this.#breaker.trip(error))
      .finally(() => {
        this.#mending = undefined
      })
  }

  /** The probe, too: a fresh connection, and on it the repairs. Only then is a read believed. */
  async #recover(): Promise<void> {
    if (this.#breaker.isOpen || this.#doubtful) {
      this.#doubtful = false
      await withinDeadline(this.#network.opTimeout * 2, this.#network.reconnect(), `${this.name}: reconnect`)
    }
    for (const { what, at } of this.#recovery.clears()) {
      await this.#inner.clear(what)
      this.#recovery.settleClear(at)
    }
    const losses = this.#recovery.losses()
    for (let from = 0; from < losses.length; from += REPAIRS) {
      await Promise.all(losses.slice(from, from + REPAIRS).map((loss) => this.#repair(loss)))
    }
  }

  async #repair(loss: Loss): Promise<void> {
    try {
      await this.#try('repair', () => this.#remove(loss))
      this.#recovery.settle(loss)
      this.#repaired++
    } catch (error) {
      // Refused: the key stays a miss here, and is tried again with the next repair.
      if (error instanceof TimeoutError || this.#network.noAnswer(error)) throw error
    }
  }

  async #remove({ space, key, at }: Loss): Promise<void> {
    const stored = await this.#inner.get(space, key)
    const age = stored === undefined ? undefined : madeAt(stored)
    if (stored === undefined || (age !== undefined && age > at)) return
    await this.#inner.delete(space, key)
  }

  #changed(open: boolean, error: unknown): void {
    const now = performance.now()
    if (open) {
      this.#downSince = now
      this.#repaired = 0
      this.#watch.down(error)
    } else {
      this.#answeredAt = now
      this.#watch.up(now - this.#downSince, this.#repaired)
    }
  }

  #unavailable(): UnavailableError {
    return new UnavailableError('BACKEND_DOWN', `${this.name} does not answer: it is tried again behind`)
  }
}
