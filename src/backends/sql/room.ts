/**
 * Culling. Rows are counted by the fleet together, in one row of the table (`TALLY`): each process adds what it has stored since, a
 * few hundred at a time, so that nobody counts the table to find that it is full. Whoever finds it full takes a claim on
 * that row, counts exactly, and removes what is over, then the least recently used, in small batches behind the requests; all
 * others leave it to him, so that several never remove too much. Should writers be quicker, they wait a little.
 *
 * A small cache (up to 1,000) is counted and culled before each `set`, as Django does it: when there are more than
 * `maxEntries`, what is over goes, then one in `cullFrequency`.
 */
import { randomUUID } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { type Answer, andThen } from '../../core/answer.ts'
import type { Host } from '../../core/backend.ts'
import type { Dialect, Result, Statements } from './dialect.ts'
import { TALLY } from './key.ts'
import type { Runner } from './runner.ts'

export interface Limits {
  readonly maxEntries: number
  readonly cullFrequency: number | undefined
}

const SMALL = 1_000
/** Rows a batch. SQLite's are removed in this process's own turn, and so fewer. */
const BATCH = { postgres: 500, mysql: 500, sqlite: 100 }
/** Left alone, a large cache is brought down to this share, so that it is not counted again at once. */
const DOWN_TO = 0.95
/** From here on a write waits for a batch: half of the tenth above the limit, the rest is for what others have just stored. */
const BRAKE = 1.05
/** So much of the limit a process adds at most that the fleet does not know of. */
const UNTOLD = 0.025
/** How long a write waits for room, in milliseconds. */
const PATIENCE = 250
/** Rows counted at a time. */
const COUNTED = 10_000
/** How long the claim to cull holds without renewal, in milliseconds. */
const LEASE = 10_000
/** How often what is over is looked for, in milliseconds. */
const SWEEP_EVERY = 60_000
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
  /** Stored here and not told yet. */
  #untold = 0
  /** What the fleet knew of last. */
  #known = 0
  #work: Promise<void> | undefined
  /** Writes that wait for a batch. */
  #waiting: (() => void)[] = []
  #sweptAt = Number.NEGATIVE_INFINITY
  #notBefore = 0
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
  }

  /** Before so many may be added. Nearly always nothing. */
  make(coming: number): Answer<void> {
    this.#stir()
    if (this.#limits.maxEntries <= SMALL) return this.#cullSmall(coming)
    if (this.#isTooFull()) return this.#brake()
  }

  /** So many were added. */
  took(added: number): void {
    if (added === 0 || this.#limits.maxEntries <= SMALL) return
    this.#untold += added
    this.#tellSoon()
  }

  /** So many were removed. */
  freed(removed: number): void {
    this.#untold -= removed
  }

  /** A read. Nothing, until there is so little room that it matters who goes. */
  used(key: string): void {
    if (this.#known < this.#limits.maxEntries * NEAR || this.#limits.maxEntries <= SMALL) return
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
      const { rows, changed } = await this.#removed('sweep')
      entries += this.#dialect.returning ? rows.filter(([key]) => key !== null).length : changed
      if (changed < BATCH[this.#dialect.name]) return entries
      await sleep(1)
    }
  }

  /** Counts and culls now, by hand, unless another process is at it: how many rows went. */
  async cull(): Promise<number> {
    while (this.#work) await this.#work
    let gone = 0
    const work = (async () => {
      gone += await this.prune()
      await this.#tell(0)
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
      this.#step()
    }
    return gone
  }

  close(): Promise<void> | undefined {
    this.#closed = true
    clearTimeout(this.#sweep)
    return this.#work
  }

  #now(): number {
    return Math.floor(this.#host().clock.now())
  }

  #cullSmall(coming: number): Answer<void> {
    const { maxEntries, cullFrequency } = this.#limits
    const over = (count: number) => count + coming - 1 - maxEntries
    return andThen(this.#rows(), (before) => {
      if (over(before) <= 0) return
      return andThen(this.#removed('sweep', SMALL), () =>
        andThen(this.#rows(), (left) => {
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

  #removed(how: 'sweep' | 'evict', limit = BATCH[this.#dialect.name]): Answer<Result> {
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
    const small = this.#limits.maxEntries <= SMALL
    this.#behind('cull', async () => {
      if (small) await this.prune()
      else await this.#lookNow()
    })
  }

  #isTooFull(): boolean {
    const { maxEntries } = this.#limits
    return this.#untold >= maxEntries * UNTOLD || this.#known + this.#untold > maxEntries * BRAKE
  }

  /** Waits, but not for long, until somebody has made room. */
  async #brake(): Promise<void> {
    const until = performance.now() + PATIENCE
    do {
      this.#look()
      if (this.#work) await new Promise<void>((resolve) => this.#waiting.push(resolve))
      if (this.#isTooFull()) await sleep(2 + Math.random() * 8)
    } while (this.#isTooFull() && performance.now() < until && !this.#closed)
  }

  #tellSoon(): void {
    if (this.#untold >= Math.min(500, this.#limits.maxEntries / 100)) this.#look()
  }

  /** A batch is done: those who wait go on. */
  #step(): void {
    for (const go of this.#waiting.splice(0)) go()
  }

  #behind(verb: string, act: () => Promise<void>): void {
    if (this.#work || this.#closed || performance.now() < this.#notBefore) return
    this.#work = act()
      .catch((error: unknown) => {
        this.#notBefore = performance.now() + NEXT_TRY
        if (!this.#closed) this.#host().failed(verb, error)
      })
      .finally(() => {
        this.#work = undefined
        this.#step()
        this.#tellSoon()
      })
  }

  async #lookNow(): Promise<void> {
    const told = this.#untold
    const tally = await this.#tell(told)
    this.#untold -= told
    if (tally !== undefined) this.#known = tally
    if (tally !== undefined && tally <= this.#limits.maxEntries) return this.#sweepNow()
    await this.#alone(async (hold) => {
      await this.#sweepWhile(hold)
      const rows = await this.#count()
      await this.#settle(rows, tally)
      if (rows > this.#limits.maxEntries) await this.#evict(rows, hold)
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
      const { changed } = await this.#removed('sweep')
      this.#untold -= changed
      if (changed < BATCH[this.#dialect.name] || this.#closed || !(await hold())) return
      await sleep(1)
    }
  }

  /** Adds to what the fleet knows; what it knows then, `undefined` when that is to be counted first. */
  async #tell(added: number): Promise<number | undefined> {
    const key = this.#dialect.key(TALLY)
    const call = this.#statements.tally({ key, by: added })
    const { rows } = await this.#runner.write(call)
    const number = this.#dialect.returning
      ? rows[0]?.[0]
      : (await this.#runner.write(this.#statements.look({ key }))).rows[0]?.[1]
    return number === null || number === undefined ? undefined : Number(number)
  }

  /** What was told meanwhile stays. */
  async #settle(rows: number, tally: number | undefined): Promise<void> {
    const key = this.#dialect.key(TALLY)
    if (tally === undefined) await this.#runner.write(this.#statements.settle({ key, number: rows }))
    else await this.#tell(rows - tally)
    this.#known = rows
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
      this.#step()
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
      const { changed } = await this.#removed('evict', Math.min(BATCH[this.#dialect.name], goal - removed))
      removed += changed
      this.#known -= changed
      await this.#tell(-changed)
      this.#step()
      if (changed === 0 || !(await hold())) break
      await sleep(1)
    }
    return removed
  }
}
