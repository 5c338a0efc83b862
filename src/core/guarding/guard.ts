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
import { isGraced, madeAt, type Stored } from '../values/entry.ts'
import { makeSpace } from '../values/space.ts'
import { Breaker } from './breaker.ts'
import { TimeoutError, withinDeadline } from './deadline.ts'
import { isNewer, type Loss, type LostClear, Recovery } from './recovery.ts'

/** Told of every change of state, once. */
export interface Watch {
  down(error: unknown): void
  up(downFor: number, repaired: number): void
  /** Told after every round of repairs. `wholly`: nothing is left to repair, or to repair again. */
  recovered?(wholly: boolean): void
}

/** Keys repaired at once. */
const REPAIRS = 100
/** How often, in a recovery, it is looked for what was lost meanwhile. */
const ROUNDS = 4

/** When what is still to be repaired is tried again, in milliseconds: at first, and at most while nothing comes of it. */
const LOOK_AGAIN = 1_000
const LOOK_AGAIN_AT_MOST = 60_000

/** How long closing waits for the backend to let go, in milliseconds. */
const CLOSING = 500

/** How long a probe waits for a fresh connection, in milliseconds. The backend has a limit of its own, and may go on trying. */
const CONNECTING = 1_000

/** Asked for, beside a long call, to see whether anybody answers. */
const PULSE = makeSpace('stillwarm', 0)

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
  /** Calls that began before this went over a connection that we ended: how they fare says nothing of the server. */
  #connectedAt = Number.NEGATIVE_INFINITY
  #connecting = false
  /** A call timed out: its connection may still answer, and then for another. */
  #doubtful = false
  #mending = false
  #lookAgain: NodeJS.Timeout | undefined
  #patience = LOOK_AGAIN
  #downSince = 0
  #repaired = 0
  #closed = false

  constructor(inner: Backend, network: Network, clock: Clock, watch: Watch) {
    this.name = inner.name
    this.holds = inner.holds
    this.shared = inner.shared
    this.#inner = inner
    this.#network = network
    this.#clock = clock
    this.#watch = watch
    this.#breaker = new Breaker(
      () => this.#recover(CONNECTING),
      (open, error) => this.#changed(open, error),
    )
  }

  /** There is nobody to ask: calls fail at once. */
  get isDown(): boolean {
    return this.#breaker.isOpen || this.#connecting
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
    if (this.#recovery.none && this.#inner.has) return this.#ask('has', () => this.#inner.has!(space, key))
    const kept = await this.peek(space, key)
    return kept && isGraced(kept.stored) ? 'graced' : kept !== undefined
  }

  async set(space: Space, key: string, what: Stored, expiresAt: number): Promise<boolean> {
    const done = await this.#write(space, [key], 'set', () => this.#inner.set(space, key, what, expiresAt))
    if (done) this.#recovery.wrote(space, key, what)
    return done
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
      if (this.isDown) throw this.#unavailable()
      await this.#whileAlive(() => this.#inner.clear(what))
      this.#recovery.cleared(what)
    } catch (error) {
      if (isDeliberate(error)) throw error
      this.#recovery.loseClear(what, at)
      if (!this.#network.noAnswer(error)) {
        this.#mend()
        throw error
      }
      this.#breaker.trip(error)
      throw this.#unavailable(error)
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

  /** Unlike other writes it cannot be late: it comes to nothing once its claim is broken, as the repair of a lost delete does too. */
  async fill(space: Space, key: string, token: string, what: Stored, expiresAt: number): Promise<boolean> {
    const done = await this.#ask('fill', () => this.#inner.fill!(space, key, token, what, expiresAt))
    if (done) this.#recovery.wrote(space, key, what)
    return done
  }

  release(space: Space, key: string, token?: string): Promise<void> {
    return this.#ask('release', () => this.#inner.release!(space, key, token))
  }

  async close(): Promise<void> {
    this.#closed = true
    this.#breaker.close()
    clearTimeout(this.#lookAgain)
    try {
      await withinDeadline(CLOSING, this.#inner.close(), 'close')
    } catch {
      // A frozen server must not keep the process: what it holds ends with the process.
    }
  }

  /** One call: bounded, within its deadline, and heard by the breaker. */
  async #ask<T>(verb: string, ask: () => Answer<T>): Promise<T> {
    if (this.isDown) throw this.#unavailable()
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
      const value = await withinDeadline(this.#network.opTimeout, ask(), `${this.name}: ${verb}`)
      this.#answeredAt = performance.now()
      return value
    } catch (error) {
      this.#heed(error, began)
      throw this.#network.noAnswer(error) ? this.#unavailable(error) : error
    } finally {
      this.#inFlight--
    }
  }

  #heed(error: unknown, began: number): void {
    if (began < this.#connectedAt) return
    if (this.#unanswered(error, began)) {
      this.#breaker.trip(error)
    } else if (error instanceof TimeoutError) {
      // Others were answered meanwhile: the server lives and this one call was slow. Its connection goes all the same, for its
      // late answer must not be taken for another's.
      this.#doubtful = true
      this.#mend()
    } else {
      this.#answeredAt = performance.now()
    }
  }

  #unanswered(error: unknown, began: number): boolean {
    if (error instanceof TimeoutError) return this.#answeredAt <= began
    return error instanceof UnavailableError || this.#network.noAnswer(error)
  }

  /** A write, remembered where it did not come through or nobody knows. */
  async #write<T>(space: Space, keys: readonly string[], verb: string, write: () => Answer<T>): Promise<T> {
    const at = this.#clock.now()
    let sent = false
    try {
      return await this.#ask(verb, () => {
        sent = true
        return write()
      })
    } catch (error) {
      if (!isDeliberate(error)) {
        this.#lose(space, keys, at, sent && error instanceof UnavailableError)
      }
      throw error
    }
  }

  #lose(space: Space, keys: readonly string[], at: number, unknown: boolean): void {
    for (const key of keys) this.#recovery.lose(space, key, at, unknown)
    this.#mend()
  }

  /** What must not be believed must not be built upon either. */
  async #makeWay(space: Space, key: string): Promise<void> {
    const kept = await this.#ask('peek', () => this.#inner.peek!(space, key))
    if (kept === undefined || this.#recovery.believes(space, key, kept.stored)) return
    await this.#ask('delete', () => this.#inner.delete(space, key))
  }

  /** A call that takes as long as it takes, but only while the server answers others. */
  async #whileAlive<T>(act: () => Answer<T>): Promise<T> {
    let pulse: NodeJS.Timeout | undefined
    const silence = new Promise<never>((_, reject) => {
      pulse = setInterval(() => {
        const began = performance.now()
        this.#try('pulse', () => this.#inner.get(PULSE, 'pulse')).catch((error: unknown) => {
          if (this.#unanswered(error, began)) reject(error)
        })
      }, this.#network.opTimeout).unref()
    })
    try {
      return await Promise.race([act(), silence])
    } finally {
      clearInterval(pulse)
    }
  }

  /** While the server lives: what single calls left behind is repaired at once. */
  #mend(): void {
    if (this.#breaker.isOpen || this.#mending || this.#closed) return
    this.#mending = true
    this.#recover(2 * this.#network.opTimeout)
      .catch((error: unknown) => this.#breaker.trip(error))
      .finally(() => {
        this.#mending = false
        this.#lookAgainLater()
      })
  }

  /** The probe, too: a fresh connection, and on it the repairs. Only then is a read believed. */
  async #recover(within: number): Promise<void> {
    if (this.#breaker.isOpen || this.#doubtful) await this.#connect(within)
    for (const lost of this.#recovery.clears()) await this.#repairClear(lost)
    const tried = new Set<Loss>()
    for (let round = 0; round < ROUNDS; round++) {
      for (const batch of this.#recovery.batches(REPAIRS, tried)) {
        for (const loss of batch) tried.add(loss)
        await this.#repair(batch)
      }
    }
    this.#watch.recovered?.(!this.#recovery.pending)
  }

  async #connect(within: number): Promise<void> {
    this.#doubtful = false
    this.#connecting = true
    this.#connectedAt = performance.now()
    try {
      await withinDeadline(within, this.#network.reconnect(), `${this.name}: reconnect`)
    } finally {
      this.#connecting = false
    }
  }

  /** Removes even what is not there: that breaks the claim of a load that began before. */
  async #repair(batch: readonly Loss[]): Promise<void> {
    const began = performance.now()
    const { space } = batch[0]!
    const keys = batch.map(({ key }) => key)
    try {
      const found = await this.#try('repair', () => this.#inner.getMany!(space, keys))
      const old = batch.filter(({ key, at }) => !isNewer(madeAt(found.get(key)), at))
      const unwanted = old.map(({ key }) => key)
      if (old.length > 0) await this.#try('repair', () => this.#inner.deleteMany!(space, unwanted))
    } catch (error) {
      if (this.#unanswered(error, began)) throw error
      return // Refused: they stay a miss here, and are tried again.
    }
    this.#patience = LOOK_AGAIN
    for (const loss of batch) if (this.#recovery.settle(loss)) this.#repaired++
  }

  async #repairClear({ what }: LostClear): Promise<void> {
    const began = performance.now()
    try {
      await this.#whileAlive(() => this.#inner.clear(what))
    } catch (error) {
      if (this.#unanswered(error, began)) throw error
      return
    }
    this.#recovery.cleared(what)
  }

  #lookAgainLater(): void {
    if (!this.#recovery.pending || this.#lookAgain || this.#closed) return
    this.#lookAgain = setTimeout(() => {
      this.#lookAgain = undefined
      this.#patience = Math.min(LOOK_AGAIN_AT_MOST, 2 * this.#patience)
      this.#mend()
    }, this.#patience).unref()
  }

  #changed(open: boolean, error: unknown): void {
    const now = performance.now()
    if (open) {
      this.#downSince = now
      this.#repaired = 0
      this.#watch.down(error)
    } else {
      this.#answeredAt = now
      if (this.#recovery.unrepaired) this.#mend()
      this.#lookAgainLater()
      this.#watch.up(now - this.#downSince, this.#repaired)
    }
  }

  #unavailable(cause?: unknown): UnavailableError {
    const message = `${this.name} does not answer: it is tried again behind`
    return new UnavailableError('BACKEND_DOWN', message, { cause })
  }
}
