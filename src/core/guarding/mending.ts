/**
 * Makes good what an outage lost, before anything read is believed: on a fresh connection when the server comes back, and at
 * once while it lives and single calls failed. What a server refuses to do is tried again, ever more rarely.
 */
import type { Backend, Network } from '../backend.ts'
import { atMost } from '../making/waiting.ts'
import { madeAt } from '../values/entry.ts'
import type { Breaker } from './breaker.ts'
import type { Calls } from './calls.ts'
import { isNewer, type Loss, type LostClear, type Recovery } from './recovery.ts'

/** Keys repaired at once. */
const REPAIRS = 100
/** How often, in a recovery, it is looked for what was lost meanwhile. */
const ROUNDS = 4

/** When what is still to be repaired is tried again, in milliseconds: at first, and at most while nothing comes of it. */
const LOOK_AGAIN = 1_000
const LOOK_AGAIN_AT_MOST = 60_000

export class Mending {
  /** Keys repaired since it was last set to 0. */
  repaired = 0
  readonly #backend: Backend
  readonly #network: Network
  readonly #calls: Calls
  readonly #recovery: Recovery
  readonly #breaker: Breaker
  readonly #recovered: (wholly: boolean) => void
  /** A call timed out: its connection may still answer, and then for another. */
  #doubtful = false
  #running = false
  #again: NodeJS.Timeout | undefined
  #patience = LOOK_AGAIN
  /** Clears under way, and since when. One that was never answered is asked for again in the end. */
  readonly #clearing = new WeakMap<LostClear, number>()
  #closed = false

  /** @param recovered told after every round of repairs; `wholly`: nothing is left to repair, or to repair again. */
  constructor(
    backend: Backend,
    network: Network,
    calls: Calls,
    recovery: Recovery,
    breaker: Breaker,
    recovered: (wholly: boolean) => void,
  ) {
    this.#backend = backend
    this.#network = network
    this.#calls = calls
    this.#recovery = recovery
    this.#breaker = breaker
    this.#recovered = recovered
  }

  /** While the server lives: what single calls left behind is repaired at once. */
  begin(): void {
    if (this.#breaker.isOpen || this.#running || this.#closed) return
    this.#running = true
    const mended = this.#doubtful ? this.recover(2 * this.#network.opTimeout) : this.#repairAll()
    mended
      .catch((error: unknown) => this.#breaker.trip(error))
      .finally(() => {
        this.#running = false
        this.lookAgain()
      })
  }

  /** A late answer may still come on this connection, and then for another: it goes. */
  renew(): void {
    this.#doubtful = true
    this.begin()
  }

  /** A fresh connection, within so many milliseconds, and on it the repairs. */
  async recover(within: number): Promise<void> {
    this.#doubtful = false
    await this.#calls.connect(within)
    await this.#repairAll()
  }

  /** Later, while anything is left. */
  lookAgain(): void {
    if (!this.#recovery.pending || this.#again || this.#closed) return
    this.#again = setTimeout(() => {
      this.#again = undefined
      this.#patience = Math.min(LOOK_AGAIN_AT_MOST, 2 * this.#patience)
      this.begin()
    }, this.#patience).unref()
  }

  close(): void {
    this.#closed = true
    clearTimeout(this.#again)
  }

  async #repairAll(): Promise<void> {
    for (const lost of this.#recovery.clears()) await this.#repairClear(lost)
    const tried = new Set<Loss>()
    for (let round = 0; round < ROUNDS; round++) {
      for (const batch of this.#recovery.batches(REPAIRS, tried)) {
        for (const loss of batch) tried.add(loss)
        await this.#repair(batch)
      }
    }
    this.#recovered(!this.#recovery.pending)
  }

  /** Removes even what is not there: that breaks the claim of a load that began before. */
  async #repair(batch: readonly Loss[]): Promise<void> {
    const before = this.#calls.answers
    const { space } = batch[0]!
    const keys = batch.map(({ key }) => key)
    try {
      const found = await this.#calls.attempt('repair', () => this.#backend.getMany!(space, keys))
      const old = batch.filter(({ key, at }) => !isNewer(madeAt(found.get(key)), at))
      const unwanted = old.map(({ key }) => key)
      if (old.length > 0) {
        await this.#calls.attempt('repair', () => this.#backend.deleteMany!(space, unwanted))
      }
    } catch (error) {
      if (this.#calls.isSilence(error, before)) throw error
      return // Refused: they stay a miss here, and are tried again.
    }
    this.#patience = LOOK_AGAIN
    for (const loss of batch) if (this.#recovery.settle(loss)) this.repaired++
  }

  /** It takes as long as it takes, and is waited for a moment only: meanwhile nothing older is believed. */
  async #repairClear(lost: LostClear): Promise<void> {
    const now = performance.now()
    if (now - (this.#clearing.get(lost) ?? Number.NEGATIVE_INFINITY) < LOOK_AGAIN_AT_MOST) return
    this.#clearing.set(lost, now)
    const before = this.#calls.answers
    const cleared = this.#calls
      .whileAlive(() => this.#backend.clear(lost.what))
      .then(
        () => {
          this.#recovery.cleared(lost.what, lost.at)
          this.begin() // which tells what is left, unless we are at it
        },
        (error: unknown) => {
          this.#clearing.delete(lost)
          if (this.#calls.isSilence(error, before)) throw error
        },
      )
    await atMost(this.#network.opTimeout, cleared)
  }
}
