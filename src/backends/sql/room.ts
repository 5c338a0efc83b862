/**
 * Culling. Rows are counted by the fleet together (see `allowance.ts`), so that nobody counts the table to find that it is
 * full. Whoever finds it full takes a claim on the row of that count, counts exactly, and removes what is over, then the least
 * recently used, in small batches behind the requests; all others leave it to him, so that several never remove too much. Should writers be
 * quicker, they wait for him.
 *
 * A small cache (up to 1,000) is counted and culled before each `set`, as Django does it: when there are more than
 * `maxEntries`, what is over goes, then one in `cullFrequency`.
 */
import { randomUUID } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { type Answer, andThen } from '../../core/answer.ts'
import type { Host } from '../../core/backend.ts'
import { Allowance } from './allowance.ts'
import type { Dialect, Result, Statements } from './dialect.ts'
import { TALLY } from './key.ts'
import type { Runner } from './runner.ts'

export interface Limits {
  readonly maxEntries: number
  readonly cullFrequency: number | undefined
}

const SMALL = 1_000
/** Rows a batch, at most. SQLite's are removed in this process's own turn, and so fewer. */
const BATCH = { postgres: 500, mysql: 500, sqlite: 100 }
/** At first, and at least. */
const FIRST_BATCH = 50
const LEAST_BATCH = 10
/** After a batch that took so long the next is half of it; after a short one twice as large: none is to take 50. In milliseconds. */
const LONG_BATCH = 15
const SHORT_BATCH = 8
/** Left alone, a large cache is brought down to this share, so that it is not counted again at once. */
const DOWN_TO = 0.95
/** Where operations have no deadline: how long a write waits for room, in milliseconds. */
const PATIENCE = 500
/** So much of the limit the count may be more than what rests there: rows that processes have taken and not stored yet. */
const TAKEN = 0.025
/** Rows counted at a time. */
const COUNTED = 10_000
/** How long closing waits for a batch that is under way, in milliseconds. */
const CLOSING = 100
/** How long the claim to cull holds without renewal, in milliseconds. */
const LEASE = 10_000
/** How often what is over is looked for, in milliseconds. */
const SWEEP_EVERY = 60_000
/** How soon it is looked again whether there are too many, at most, in milliseconds. */
const AGAIN = 100
/** After a fault, in milliseconds. */
const NEXT_TRY = 1_000
/** From this share of the limit on, uses are noted. */
const NEAR = 0.9
/** So many uses are noted at most, so often, in milliseconds. */
const USES = 500
const NOTE_EVERY = 5_000

export class Room {
  readonly #runner: Runner
  readonly #dialect: Dialect
  readonly #statements: Statements
  readonly #limits: Limits
  readonly #host: () => Host
  readonly #allowance: Allowance
  #work: Promise<void> | undefined
  #sweptAt = Number.NEGATIVE_INFINITY
  #notBefore = 0
  #batch = FIRST_BATCH
  #sweep: NodeJS.Timeout | undefined
  #idle = true
  readonly #used = new Set<string>()
  #noted = 0
  #closed = false

  constructor(runner: Runner, dialect: Dialect, statements: Statements, limits: Limits, host: () => Host) {
    this.#runner = runner
    this.#dialect = dialect
    this.#statements = statements
    this.#limits = limits
    this.#host = host
    const patience = () => (runner.network ? runner.network.opTimeout / 2 : PATIENCE)
    this.#allowance = new Allowance(runner, dialect, statements, limits.maxEntries, patience, {
      full: () => this.#look(),
      failed: (error) => this.#failed(error),
    })
  }

  /** Counted and culled before each `set`. */
  get isSmall(): boolean {
    return this.#limits.maxEntries <= SMALL
  }

  /** There is so little room that it matters who goes. */
  get isShort(): boolean {
    return this.isSmall || this.#allowance.known >= this.#limits.maxEntries * NEAR
  }

  /** So many may be added at once: who stores more does it in parts. */
  get together(): number {
    return this.isSmall ? Math.max(1, this.#limits.maxEntries) : this.#allowance.together
  }

  /** Before so many may be added. Nearly always at once. `false`: there was no room for them in time. */
  make(coming: number): Answer<boolean> {
    this.#stir()
    if (!this.isSmall) return this.#allowance.take(coming)
    return andThen(this.#cullSmall(coming), () => true)
  }

  /** So many of those were added. */
  took(added: number, coming: number): void {
    if (!this.isSmall) this.#allowance.giveBack(coming - added)
  }

  /** So many were removed. */
  freed(removed: number): void {
    if (removed > 0) this.took(-removed, 0)
  }

  /** A read. Nothing, until room is short. */
  used(key: string): void {
    if (!this.isShort || this.isSmall) return
    if (this.#used.size < USES) this.#used.add(key)
    const now = performance.now()
    if (now - this.#noted < NOTE_EVERY) return
    this.#noted = now
    const keys = [...this.#used].map((one) => this.#dialect.key(one))
    this.#used.clear()
    this.#behind('cull', async () => {
      await this.#runner.writeAll(this.#statements.use(keys, this.#now()))
    })
  }

  /** Removes what is over; how many entries. */
  async prune(): Promise<number> {
    let entries = 0
    for (;;) {
      const { rows, changed, isLast } = await this.#removeBatch('sweep')
      entries += this.#dialect.returning ? entriesOf(rows) : changed
      if (isLast) return entries
      await sleep(1)
    }
  }

  /** Counts and culls now, by hand, unless another process is at it: how many rows went. */
  async cull(): Promise<number> {
    while (this.#work) await this.#work
    let gone = 0
    const work = (async () => {
      gone += await this.prune()
      await this.#allowance.tell(0)
      await this.#alone(async (hold) => {
        const rows = await this.#count()
        if (rows > this.#limits.maxEntries) gone += await this.#evict(rows, hold)
      })
    })()
    this.#work = work
    try {
      await work
    } finally {
      this.#work = undefined
    }
    return gone
  }

  close(): Promise<void> | undefined {
    this.#closed = true
    clearTimeout(this.#sweep)
    this.#allowance.close()
    // Its claim is given back with it, so that another may go on.
    return this.#work && Promise.race([this.#work, sleep(CLOSING, undefined, { ref: false })])
  }

  #now(): number {
    return Math.floor(this.#host().clock.now())
  }

  #cullSmall(coming: number): Answer<void> {
    const { maxEntries, cullFrequency } = this.#limits
    const over = (count: number) => count + coming - 1 - maxEntries
    return andThen(this.#rows(), (before) => {
      if (over(before) <= 0) return
      return andThen(this.#removed('sweep', SMALL), ({ rows }) =>
        // Where it is told what went, it need not be counted again.
        andThen(this.#dialect.returning ? before - entriesOf(rows) : this.#rows(), (left) => {
          if (over(left) <= 0) return
          const share =
            cullFrequency === undefined ? 0 : cullFrequency === 0 ? left : Math.floor(left / cullFrequency)
          return andThen(this.#removed('evict', Math.max(share, over(left))), () => undefined)
        }),
      )
    })
  }

  /** All that rest here, what is over too. */
  #rows(): Answer<number> {
    const counted = this.#runner.write(this.#statements.count({ now: 0 }))
    return andThen(counted, ({ rows }) => Number(rows[0]?.[0]))
  }

  /** `isLast`: there was no more to remove. */
  async #removeBatch(how: 'sweep' | 'evict', most = Number.POSITIVE_INFINITY) {
    const limit = Math.min(this.#batch, most)
    const begun = performance.now()
    const { rows, changed } = await this.#removed(how, limit)
    const took = performance.now() - begun
    if (took > LONG_BATCH) this.#batch = Math.max(LEAST_BATCH, this.#batch >> 1)
    else if (took < SHORT_BATCH) this.#batch = Math.min(BATCH[this.#dialect.name], this.#batch * 2)
    return { rows, changed, isLast: changed < limit }
  }

  #removed(how: 'sweep' | 'evict', limit: number): Answer<Result> {
    const removed = this.#runner.write(this.#statements[how]({ now: this.#now(), limit }))
    return andThen(removed, (result) => {
      const reason = how === 'sweep' ? 'expired' : 'room'
      if (this.#dialect.returning) {
        for (const [key] of result.rows) {
          if (key !== null) this.#host().evicted(this.#dialect.text(key), reason)
        }
      } else for (let i = 0; i < result.changed; i++) this.#host().evicted('', reason)
      return result
    })
  }

  /** The first write after a while: from now on, what is over is looked for. */
  #stir(): void {
    this.#idle = false
    if (this.#sweep || this.#closed) return
    this.#sweep = setTimeout(
      () => {
        this.#sweep = undefined
        if (this.#idle) return
        this.#idle = true
        this.#look()
        this.#stir()
        this.#idle = true
      },
      SWEEP_EVERY * (0.5 + Math.random()),
    ).unref()
  }

  #look(): void {
    this.#behind('cull', async () => {
      if (this.isSmall) await this.prune()
      else await this.#lookNow()
    })
  }

  #behind(verb: string, act: () => Promise<void>): void {
    if (this.#work || this.#closed || performance.now() < this.#notBefore) return
    this.#work = act()
      .catch((error: unknown) => {
        this.#notBefore = performance.now() + NEXT_TRY
        this.#failed(error, verb)
      })
      .finally(() => {
        this.#work = undefined
        // What came meanwhile, or while another was at it.
        if (this.#allowance.known > this.#limits.maxEntries)
          setTimeout(() => this.#look(), AGAIN * Math.random()).unref()
      })
  }

  #failed(error: unknown, verb = 'cull'): void {
    if (!this.#closed) this.#host().failed(verb, error)
  }

  async #lookNow(): Promise<void> {
    const { maxEntries } = this.#limits
    const seen = await this.#allowance.tell(0)
    if (seen !== undefined && seen <= maxEntries) return this.#sweepNow()
    await this.#alone(async (hold) => {
      await this.#sweepWhile(hold)
      const before = await this.#allowance.look()
      const rows = await this.#count()
      const counted = await this.#settle(rows, before)
      if (counted > maxEntries) await this.#evict(rows, hold)
    })
  }

  async #sweepNow(): Promise<void> {
    const now = performance.now()
    if (now - this.#sweptAt < SWEEP_EVERY / 2) return
    this.#sweptAt = now
    await this.#alone((hold) => this.#sweepWhile(hold))
  }

  async #sweepWhile(hold: () => Promise<boolean>): Promise<void> {
    for (;;) {
      const { changed, isLast } = await this.#removeBatch('sweep')
      if (changed > 0) await this.#allowance.tell(-changed)
      if (isLast || this.#closed || !(await hold())) return
      await sleep(1)
    }
  }

  /** What was told meanwhile stays, and what may have been taken and not stored yet. What the fleet knows then. */
  async #settle(rows: number, before: number | undefined): Promise<number> {
    const key = this.#dialect.key(TALLY)
    if (before === undefined) {
      await this.#runner.write(this.#statements.settle({ key, number: rows }))
      return rows
    }
    const taken = Math.min(Math.max(0, before - rows), Math.floor(this.#limits.maxEntries * TAKEN))
    return (await this.#allowance.tell(rows + taken - before)) ?? rows
  }

  /** While nobody else of the fleet does. */
  async #alone(act: (hold: () => Promise<boolean>) => Promise<void>): Promise<void> {
    const key = this.#dialect.key(TALLY)
    const token = randomUUID()
    const until = () => this.#now() + LEASE
    const { rows } = await this.#runner.write(
      this.#statements.claim({ key, token, until: until(), now: this.#now() }),
    )
    const taken = this.#dialect.returning
      ? rows.length > 0
      : String((await this.#runner.write(this.#statements.look({ key }))).rows[0]?.[3]) === token
    if (!taken) return
    try {
      await act(async () => {
        const { changed } = await this.#runner.write(this.#statements.extend({ key, token, until: until() }))
        return changed > 0
      })
    } finally {
      await this.#runner.write(this.#statements.extend({ key, token, until: 0 }))
    }
  }

  /** Counts in the order of the keys, a part at a time: a whole count of a large table would take long. */
  async #count(): Promise<number> {
    let rows = 0
    let after = this.#dialect.key('')
    for (;;) {
      const { rows: keys } = await this.#runner.write(this.#statements.stretch({ after, limit: COUNTED }))
      const [count, last] = keys[0] ?? []
      if (last === null || last === undefined) return rows
      rows += Number(count)
      after = this.#dialect.key(this.#dialect.text(last))
      await sleep(1)
    }
  }

  /** Removes the least recently used until so few are left as should be; how many went. */
  async #evict(rows: number, hold: () => Promise<boolean>): Promise<number> {
    const { maxEntries, cullFrequency } = this.#limits
    const left =
      cullFrequency === undefined
        ? Math.floor(maxEntries * DOWN_TO)
        : cullFrequency === 0
          ? 0
          : Math.min(maxEntries, rows - Math.floor(rows / cullFrequency))
    const goal = rows - left
    let removed = 0
    while (removed < goal && !this.#closed) {
      const { changed } = await this.#removeBatch('evict', goal - removed)
      removed += changed
      await this.#allowance.tell(-changed)
      if (changed === 0 || !(await hold())) break
      await sleep(1)
    }
    return removed
  }
}

/** Of what was over, claims that stood alone are none. */
function entriesOf(rows: Result['rows']): number {
  return rows.filter(([key]) => key !== null).length
}
