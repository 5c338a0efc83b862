/**
 * What this process may still add. Rows are taken in advance from the count that the fleet keeps in one row of the table
 * (`TALLY`), few at first and then some hundred at a time: so the count is never less than what rests there, however many processes
 * write and however slow they are, and a write asks nobody. Where the count has no room left a write waits for whoever culls; in
 * the end it is refused, so that the limit holds.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import type { Answer } from '../../core/answer.ts'
import type { Dialect, Statements } from './dialect.ts'
import { TALLY } from './key.ts'
import type { Runner } from './runner.ts'

/** Had at first, before anybody is asked; then twice as many each time. */
const FIRST = 8
/** Taken at a time, at most: so many, and such a share of the limit. */
const MOST = 500
const SHARE = 0.005
/** Up to here rows are given out. The rest, up to a tenth above the limit, is for what the count does not know of exactly. */
const GIVEN_TO = 1.04
/** So much by a process, at most, while nobody has counted the table yet. */
const UNCOUNTED = 0.01
/** After a fault the count is left alone for so long, in milliseconds. */
const NEXT_TRY = 1_000
/** How often those who wait look whether there is room, in milliseconds. */
const LOOK_EVERY = 5

interface Waiting {
  readonly rows: number
  readonly until: number
  go(may: boolean): void
}

export class Allowance {
  /** What the fleet counted last, as far as this process knows. */
  known = 0
  readonly #runner: Runner
  readonly #dialect: Dialect
  readonly #statements: Statements
  readonly #limit: number
  readonly #patience: () => number
  /** Called when there is no room, or nobody has counted. */
  readonly #full: () => void
  readonly #failed: (error: unknown) => void
  readonly #most: number
  #left: number
  /** Had already, and not told yet. */
  #owed: number
  #portion: number
  #line: Waiting[] = []
  #fetching = false
  #counted = false
  #notBefore = 0

  /** @param patience how long a write waits for room, in milliseconds */
  constructor(
    runner: Runner,
    dialect: Dialect,
    statements: Statements,
    limit: number,
    patience: () => number,
    told: { full(): void; failed(error: unknown): void },
  ) {
    this.#runner = runner
    this.#dialect = dialect
    this.#statements = statements
    this.#limit = limit
    this.#patience = patience
    this.#full = told.full
    this.#failed = told.failed
    this.#most = Math.max(1, Math.min(MOST, Math.floor(limit * SHARE)))
    this.#portion = Math.min(FIRST, this.#most)
    this.#left = this.#portion
    this.#owed = this.#portion
  }

  /** So many rows may be taken at once: who stores more does it in parts. */
  get together(): number {
    return Math.max(1, Math.floor(this.#limit * SHARE))
  }

  /** Before so many rows may be added. `false`: there was no room for them in time. */
  take(rows: number): Answer<boolean> {
    if (this.#line.length === 0 && this.#left >= rows) {
      this.#left -= rows
      if (this.#left < this.#portion / 2) this.#fetch()
      return true
    }
    return new Promise((go) => {
      this.#line.push({ rows, until: performance.now() + this.#patience(), go })
      this.#fetch()
    })
  }

  /** What was taken and not needed, or rows that were removed. */
  giveBack(rows: number): void {
    this.#left += rows
    const over = this.#left - 2 * this.#most
    if (over < this.#most || this.#fetching) return
    this.#left -= over
    this.tell(-over).catch((error: unknown) => this.#failed(error))
  }

  /** Adds to what the fleet knows; what it knows then, `undefined` when that is to be counted first. */
  async tell(added: number): Promise<number | undefined> {
    const key = this.#dialect.key(TALLY)
    const { rows } = await this.#runner.write(this.#statements.tally({ key, by: added }))
    if (!this.#dialect.returning) return this.look()
    return this.#learnt(rows[0]?.[0])
  }

  /** What the fleet knows. */
  async look(): Promise<number | undefined> {
    const call = this.#statements.look({ key: this.#dialect.key(TALLY) })
    return this.#learnt((await this.#runner.write(call)).rows[0]?.[1])
  }

  /** Nobody waits any more. */
  close(): void {
    this.#serve(true)
  }

  #learnt(number: unknown): number | undefined {
    this.#counted = number !== null && number !== undefined
    if (!this.#counted) return undefined
    this.known = Number(number)
    return this.known
  }

  #fetch(): void {
    if (this.#fetching) return
    this.#fetching = true
    void this.#fetchAll().finally(() => {
      this.#fetching = false
      if (this.#line.length > 0) this.#fetch()
    })
  }

  async #fetchAll(): Promise<void> {
    if (performance.now() < this.#notBefore) return this.#withoutCount()
    try {
      do {
        if (await this.#grant()) this.#serve(false)
        else await this.#waitForRoom()
      } while (this.#line.length > 0)
    } catch (error) {
      this.#notBefore = performance.now() + NEXT_TRY
      this.#failed(error)
      this.#withoutCount()
    }
  }

  /** Takes a portion, and what those who wait need. */
  async #grant(): Promise<boolean> {
    const needed = this.#line.reduce((sum, { rows }) => sum + rows, 0)
    const wanted = Math.max(this.#portion, needed - this.#left)
    const limit = this.#limit * GIVEN_TO
    // Whoever knows that there is none does not ask for it.
    if (this.known + wanted > limit && ((await this.look()) ?? 0) + wanted > limit) return false
    const tally = await this.tell(wanted + this.#owed)
    if (tally === undefined) {
      this.#full()
      if (this.#owed + wanted > Math.max(FIRST, this.#limit * UNCOUNTED)) return false
      this.#owed += wanted
    } else {
      this.#owed = 0
      if (tally > limit) {
        await this.tell(-wanted)
        return false
      }
      if (tally > this.#limit) this.#full()
    }
    this.#left += wanted
    this.#portion = Math.min(2 * this.#portion, this.#most)
    return true
  }

  async #waitForRoom(): Promise<void> {
    this.#full()
    const now = performance.now()
    // Those who need less than all together may have it.
    this.#serve(false)
    const late = this.#line.filter(({ until }) => until <= now)
    this.#line = this.#line.filter(({ until }) => until > now)
    for (const { rows, go } of late) {
      // A table that nobody has counted yet, and that takes long to count, is not taken for full.
      if (!this.#counted) this.#left -= rows
      go(!this.#counted)
    }
    if (this.#line.length > 0) await sleep(LOOK_EVERY * (0.5 + Math.random()))
  }

  /** In their order; `all`: whatever is left. */
  #serve(all: boolean): void {
    while (this.#line.length > 0 && (all || this.#left >= this.#line[0]!.rows)) {
      const { rows, go } = this.#line.shift()!
      this.#left -= rows
      go(true)
    }
  }

  /** The count does not answer. It is told later; where it may have had no room nobody goes on. */
  #withoutCount(): void {
    for (const { rows, go } of this.#line.splice(0)) {
      const may = this.known + rows - this.#left <= this.#limit * GIVEN_TO
      if (may) this.#left -= rows
      go(may)
    }
  }
}
