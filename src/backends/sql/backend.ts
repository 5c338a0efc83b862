/**
 * The verbs over one table. An entry is a row; the claim on its key is two columns of the same row, so that one short statement
 * takes it, breaks it or stores under it. A claim on a key that holds nothing is a row that was over when it was made, which no
 * verb sees. Reads may come from a replica; what leads to a write (`peek`, `claim`) is asked of the primary.
 *
 * Ends are compared with this process's clock, given with each statement: neither the server's clock nor its time zone counts.
 */
import { randomUUID } from 'node:crypto'
import { type Answer, andThen, isPromise } from '../../core/answer.ts'
import type { Backend, Claimed, Host, Kept, Network, Space } from '../../core/backend.ts'
import { systemClock } from '../../core/clock.ts'
import { argumentError, BackendError, ConfigError, NotSupportedError, notANumber } from '../../core/errors.ts'
import type { Table } from '../../core/table.ts'
import { GRACED, type Stored } from '../../core/values/entry.ts'
import type { Call, Dialect, Result, Row, Statements, TableName } from './dialect.ts'
import { NEVER, parts } from './dialect.ts'
import { means } from './failure.ts'
import { columnKey, KEPT_BYTES } from './key.ts'
import { Reads } from './reads.ts'
import { type Limits, Room } from './room.ts'
import type { Runner } from './runner.ts'
import { columnsOf, storedOf } from './stored.ts'
import { SqlTable } from './table.ts'
import { Writes } from './writes.ts'

const ALONE: Host = { clock: systemClock, evicted() {}, corrupt() {}, failed() {} }

/** Keys looked at and removed at a time, in a `clear`. */
const CLEARED = 1_000

/** How often a count that others always come before is tried again. */
const COUNTING = 100

export class SqlBackend implements Backend {
  readonly name: string
  readonly holds = 'bytes'
  readonly sync = false
  readonly shared = true
  readonly network?: Network
  readonly table: Table
  readonly check?: Backend['check']
  readonly #runner: Runner
  readonly #dialect: Dialect
  readonly #statements: Statements
  readonly #reads: Reads | undefined
  readonly #writes: Writes | undefined
  readonly #room: Room
  #host: Host | undefined
  #missing = false

  constructor(dialect: Dialect, runner: Runner, table: TableName, limits: Limits) {
    this.name = dialect.name
    this.#dialect = dialect
    this.#runner = runner
    if (runner.network) this.network = runner.network
    this.#statements = dialect.statements(table.quoted)
    this.#reads = runner.network && new Reads(runner, dialect, this.#statements, () => this.#now())
    this.#room = new Room(runner, dialect, this.#statements, limits, () => this.#host ?? ALONE)
    // A small cache counts before each set, and so has them come one by one.
    this.#writes =
      runner.network && !this.#room.isSmall
        ? new Writes((rows) => this.#store(rows), this.#room.together)
        : undefined
    if (runner.check) this.check = runner.check
    this.table = new SqlTable(table, dialect, runner, async () => this.#heeded(this.#room.cull()))
  }

  open(host: Host): void {
    this.#host ??= host
  }

  close(): Answer<void> {
    const work = this.#room.close()
    return work ? work.then(() => this.#runner.close()) : this.#runner.close()
  }

  get(space: Space, key: string): Answer<Stored | undefined> {
    const text = columnKey(space.frame(key))
    this.#room.used(text)
    if (this.#reads) return this.#heeded(this.#reads.get(text))
    const call = this.#statements.get({ key: this.#dialect.key(text), now: this.#now() })
    const found = this.#heeded(this.#try(() => this.#runner.pick!(call)))
    return isPromise(found) ? found.then(this.#dialect.found) : this.#dialect.found(found)
  }

  getMany(space: Space, keys: readonly string[]): Answer<Map<string, Stored>> {
    const texts = keys.map((key) => columnKey(space.frame(key)))
    for (const text of texts) this.#room.used(text)
    const places = texts.map((text) => this.#dialect.key(text))
    const calls = this.#statements.getMany(places, this.#now())
    return andThen(this.#heeded(this.#try(() => this.#runner.readAll(calls))), (results) => {
      const names = new Map(texts.map((text, i) => [text, keys[i]!]))
      const found = new Map<string, Stored>()
      for (const { rows } of results) {
        for (const [key, value] of rows) {
          const what = this.#dialect.found(value)
          if (what !== undefined) found.set(names.get(this.#dialect.named(key))!, what)
        }
      }
      return found
    })
  }

  has(space: Space, key: string): Answer<boolean | 'graced'> {
    return andThen(this.#read(this.#statements.has(this.#at(space, key))), ({ rows: [row] }) =>
      liveOf(this.#dialect, row),
    )
  }

  peek(space: Space, key: string): Answer<Kept | undefined> {
    const { key: place, now } = this.#at(space, key)
    return andThen(this.#write(this.#statements.look({ key: place })), ({ rows: [row] }) => {
      const expires = Number(row?.[2] ?? 0)
      const stored = row && storedOf(this.#dialect, row[0], row[1])
      if (stored === undefined || expires <= now) return undefined
      const expiresAt = expires === NEVER ? Number.POSITIVE_INFINITY : expires
      return { stored, expiresAt, createdAt: undefined }
    })
  }

  set(space: Space, key: string, what: Stored, expiresAt: number): Answer<boolean> {
    const row = this.#row(space, key, what, expiresAt)
    const dropped = () => andThen(this.delete(space, key), () => false)
    const stored = this.#writes ? this.#writes.set(row) : this.#store([row])
    const done = andThen(stored, (isStored) => isStored || dropped())
    return this.#unlessTooLarge('set', done, dropped)
  }

  setMany(space: Space, entries: ReadonlyMap<string, Stored>, expiresAt: number): Answer<string[]> {
    if (entries.size > this.#room.together) return this.#setInParts(space, entries, expiresAt)
    const rows: Row[] = []
    for (const [key, what] of entries) rows.push(this.#row(space, key, what, expiresAt))
    const done = andThen(this.#store(rows), (isStored): Answer<string[]> => {
      if (isStored) return []
      const keys = [...entries.keys()]
      return andThen(this.deleteMany(space, keys), () => keys)
    })
    return this.#unlessTooLarge('setMany', done, async () => {
      const failed: string[] = []
      for (const [key, what] of entries) if (!(await this.set(space, key, what, expiresAt))) failed.push(key)
      return failed
    })
  }

  /** Each part as it finds room. */
  async #setInParts(
    space: Space,
    entries: ReadonlyMap<string, Stored>,
    expiresAt: number,
  ): Promise<string[]> {
    const failed: string[] = []
    for (const part of parts([...entries], this.#room.together))
      failed.push(...(await this.setMany(space, new Map(part), expiresAt)))
    return failed
  }

  add(space: Space, key: string, what: Stored, expiresAt: number): Answer<boolean> {
    const call = this.#statements.add(this.#row(space, key, what, expiresAt))
    const added = andThen(this.#room.make(1), (may): Answer<boolean> => {
      if (!may) return false
      return andThen(this.#write(call), (result) => {
        const kept = this.#dialect.kept(result)
        this.#room.took(kept ? 1 : 0, 1)
        return kept
      })
    })
    return this.#unlessTooLarge('add', added, () => false)
  }

  touch(space: Space, key: string, expiresAt: number): Answer<boolean | 'graced'> {
    const at = this.#at(space, key)
    const call = this.#statements.touch({ ...at, expires: endOf(expiresAt) })
    return andThen(this.#write(call), ({ changed }) => {
      if (changed > 0) return true
      return andThen(this.#write(this.#statements.has(at)), ({ rows: [row] }) => liveOf(this.#dialect, row))
    })
  }

  delete(space: Space, key: string): Answer<boolean> {
    const at = this.#at(space, key)
    return andThen(this.#write(this.#statements.delete(at)), (result) => {
      this.#room.freed(result.changed)
      if (this.#dialect.returning) return Number(result.rows[0]?.[0] ?? 0) === 1
      if (result.changed > 0) return true
      return andThen(this.#writeAll(this.#statements.deleteDead([at.key], at.now)), () => false)
    })
  }

  deleteMany(space: Space, keys: readonly string[]): Answer<number> {
    return this.#deleteAll(new Set(keys.map((key) => columnKey(space.frame(key)))))
  }

  incr(
    space: Space,
    key: string,
    by: number,
    made?: { initial: number; expiresAt: number },
  ): Answer<number | undefined> {
    return this.#count(space, key, by, made, COUNTING)
  }

  replace(space: Space, key: string, was: Stored, what: Stored, expiresAt: number): Answer<boolean> {
    const old = columnsOf(was)
    const call = this.#statements.replace({
      ...this.#row(space, key, what, expiresAt),
      was: old.value,
      wasnumber: old.number,
    })
    return andThen(this.#write(call), ({ changed }) => changed > 0)
  }

  async clear(what: Space | 'everything'): Promise<void> {
    const start = what === 'everything' ? '' : what.start
    if (start === undefined) return
    if (Buffer.byteLength(start) > KEPT_BYTES) {
      throw new NotSupportedError(
        'NOT_SUPPORTED',
        `clear() cannot find keys by a prefix of more than ${KEPT_BYTES} bytes: give the cache a shorter keyPrefix`,
      )
    }
    const from = this.#dialect.key(columnKey(start))
    const to = this.#dialect.key(what === 'everything' ? '\u{10ffff}' : after(columnKey(start)))
    const ours = what === 'everything' ? () => true : (text: string) => what.owns(text)
    for (let last = this.#dialect.key(''); ; ) {
      const call = this.#statements.range({ after: last, from, to, limit: CLEARED })
      const { rows } = await this.#write(call)
      const texts = rows.map(([key]) => this.#dialect.text(key))
      const mine = texts.filter((text) => ours(text))
      if (mine.length > 0) await this.#deleteAll(mine)
      if (texts.length < CLEARED) return
      last = this.#dialect.key(texts[texts.length - 1]!)
    }
  }

  claim(space: Space, key: string, ms: number): Answer<Claimed> {
    const { key: place, now } = this.#at(space, key)
    const token = randomUUID()
    const call = this.#statements.claim({ key: place, token, until: Math.floor(now + ms), now })
    const claimed = (row: readonly unknown[] | undefined, mine: boolean): Claimed => {
      const live = row !== undefined && Number(row[2]) > now
      const stored = live ? storedOf(this.#dialect, row[0], row[1]) : undefined
      return { ...(stored !== undefined && { stored }), ...(mine && { token }) }
    }
    return andThen(this.#write(call), ({ rows: [row] }) => {
      if (row) return claimed(row, true)
      // After it: what is read now was written under no claim but ours.
      return andThen(this.#write(this.#statements.look({ key: place })), ({ rows: [now] }) =>
        claimed(now, !this.#dialect.returning && now !== undefined && String(now[3]) === token),
      )
    })
  }

  extend(space: Space, key: string, token: string, ms: number): Answer<boolean> {
    const { key: place, now } = this.#at(space, key)
    const call = this.#statements.extend({ key: place, token, until: Math.floor(now + ms) })
    return andThen(this.#write(call), ({ changed }) => changed > 0)
  }

  fill(space: Space, key: string, token: string, what: Stored, expiresAt: number): Answer<boolean> {
    const call = this.#statements.fill({ ...this.#row(space, key, what, expiresAt), token })
    const dropped = () => andThen(this.delete(space, key), () => false)
    const filled = andThen(this.#room.make(1), (may): Answer<boolean> => {
      if (!may) return dropped()
      return andThen(this.#write(call), ({ changed }) => {
        this.#room.took(changed, 1)
        return changed > 0
      })
    })
    return this.#unlessTooLarge('fill', filled, dropped)
  }

  release(space: Space, key: string, token?: string): Answer<void> {
    const at = this.#at(space, key)
    if (token === undefined) {
      return andThen(this.#write(this.#statements.breakClaim({ key: at.key })), () => undefined)
    }
    return andThen(this.#write(this.#statements.release({ ...at, token })), ({ changed }) => {
      if (changed > 0) return
      return andThen(this.#write(this.#statements.unclaim({ ...at, token })), () => undefined)
    })
  }

  async prune(): Promise<number> {
    return this.#heeded(this.#room.prune())
  }

  size(): Answer<{ entries: number }> {
    const counted = this.#read(this.#statements.count({ now: this.#now() }))
    return andThen(counted, ({ rows }) => ({ entries: Number(rows[0]?.[0]) }))
  }

  /** Stores rows of different keys; `false`: there was no room for them. */
  #store(rows: readonly Row[]): Answer<boolean> {
    return andThen(this.#room.make(rows.length), (may) => may && andThen(this.#put(rows), () => true))
  }

  /** Stores rows for which room was made. */
  #put(rows: readonly Row[]): Answer<void> {
    const [first] = rows
    const { isShort } = this.#room
    if (first && rows.length === 1) {
      return andThen(this.#write(this.#statements.set(first, isShort)), (result) =>
        this.#room.took(this.#dialect.added(result, 1), 1),
      )
    }
    const calls = this.#statements.setMany(rows, isShort)
    return andThen(this.#writeAll(calls), (results) => {
      let added = 0
      for (const [i, result] of results.entries()) added += this.#dialect.added(result, calls[i]!.rows ?? 1)
      this.#room.took(Math.min(added, rows.length), rows.length)
    })
  }

  #count(
    space: Space,
    key: string,
    by: number,
    made: { initial: number; expiresAt: number } | undefined,
    tries: number,
  ): Answer<number | undefined> {
    const at = this.#at(space, key)
    return andThen(this.#write(this.#statements.incr({ ...at, by })), ({ rows, changed, last }) => {
      if (changed > 0) return Number(this.#dialect.returning ? rows[0]?.[0] : last)
      const again = () => this.#count(space, key, by, made, tries - 1)
      if (made) {
        const first = Buffer.from(String(made.initial + by))
        const added = this.add(space, key, first, made.expiresAt)
        return andThen(added, (stored) =>
          stored ? made.initial + by : this.#whyNot(space, key, by, tries > 0 ? again : undefined),
        )
      }
      return this.#whyNot(space, key, by, tries > 0 ? again : undefined)
    })
  }

  /** What lives there cannot be counted; unless it came just now, and then it is tried again. */
  #whyNot(
    space: Space,
    key: string,
    by: number,
    again: (() => Answer<number | undefined>) | undefined,
  ): Answer<number | undefined> {
    return andThen(this.peek(space, key), (kept) => {
      if (kept === undefined) return undefined
      const { number } = columnsOf(kept.stored)
      if (number === null) throw notANumber(key)
      if (Number.isSafeInteger(number + by) && again) return again()
      throw argumentError(
        RangeError,
        'OUT_OF_RANGE',
        `Key ${JSON.stringify(key)} would be counted beyond ±(2^53 − 1), where numbers are not exact`,
      )
    })
  }

  #deleteAll(texts: Iterable<string>): Answer<number> {
    const now = this.#now()
    const keys = this.#keys(texts)
    return andThen(this.#writeAll(this.#statements.deleteMany(keys, now)), (results) => {
      const gone = results.reduce((sum, { changed }) => sum + changed, 0)
      this.#room.freed(gone)
      if (this.#dialect.returning) {
        return results.reduce(
          (sum, { rows }) => sum + rows.filter(([lived]) => Number(lived) === 1).length,
          0,
        )
      }
      return andThen(this.#writeAll(this.#statements.deleteDead(keys, now)), () => gone)
    })
  }

  #keys(texts: Iterable<string>) {
    return Array.from(texts, (text) => this.#dialect.key(text))
  }

  #at(space: Space, key: string) {
    return { key: this.#dialect.key(columnKey(space.frame(key))), now: this.#now() }
  }

  #row(space: Space, key: string, what: Stored, expiresAt: number): Row {
    const text = columnKey(space.frame(key))
    const { value, number } = columnsOf(what)
    return { text, key: this.#dialect.key(text), value, number, expires: endOf(expiresAt), now: this.#now() }
  }

  #now(): number {
    return Math.floor((this.#host ?? ALONE).clock.now())
  }

  #read(call: Call): Answer<Result> {
    return this.#heeded(this.#try(() => this.#runner.read(call)))
  }

  #write(call: Call): Answer<Result> {
    return this.#heeded(this.#try(() => this.#runner.write(call)))
  }

  #writeAll(calls: readonly Call[]): Answer<Result[]> {
    return this.#heeded(this.#try(() => this.#runner.writeAll(calls)))
  }

  /** Servers alone have such a limit. The server is well: no fault that would open a breaker. */
  #unlessTooLarge<T>(verb: string, answer: Answer<T>, otherwise: () => Answer<T>): Answer<T> {
    if (!isPromise(answer)) return answer
    return answer.catch((error: unknown) => {
      if (!means(error, 'too-large')) throw error
      this.#host?.failed(verb, error)
      return otherwise()
    })
  }

  #try<T>(act: () => Answer<T>): Answer<T> {
    // What was asked for before goes before.
    this.#writes?.leave()
    try {
      return act()
    } catch (error) {
      throw this.#meant(error)
    }
  }

  #heeded<T>(answer: Answer<T>): Answer<T> {
    if (!isPromise(answer)) {
      this.#missing = false
      return answer
    }
    return answer.then(
      (value) => {
        this.#missing = false
        return value
      },
      (error: unknown) => {
        throw this.#meant(error)
      },
    )
  }

  /** A missing table is told once, loudly; then it is a fault of the backend like any other. */
  #meant(error: unknown): unknown {
    if (!means(error, 'missing-table')) return error
    const remedy = this.table.routed
      ? 'run "npx stillwarm create-table"'
      : 'make it as you make your other tables (route.migrate is false); "npx stillwarm create-table --dry-run" prints the statements'
    const message = `The table ${this.table.name} is missing: ${remedy}`
    if (this.#missing) return new BackendError('MISSING_TABLE', message, { cause: error })
    this.#missing = true
    return new ConfigError('MISSING_TABLE', message, { cause: error })
  }
}

function endOf(expiresAt: number): number {
  return Math.min(Math.floor(expiresAt), NEVER)
}

function liveOf(dialect: Dialect, row: readonly unknown[] | undefined): boolean | 'graced' {
  if (row === undefined) return false
  return dialect.bytes(row[0])?.[0] === GRACED ? 'graced' : true
}

/** The first text that comes after all that begin so. */
function after(start: string): string {
  const points = Array.from(start, (char) => char.codePointAt(0)!)
  for (let i = points.length - 1; i >= 0; i--) {
    const next = points[i] === 0xd7ff ? 0xe000 : points[i]! + 1
    if (next <= 0x10ffff) return String.fromCodePoint(...points.slice(0, i), next)
  }
  return '\u{10ffff}'
}
