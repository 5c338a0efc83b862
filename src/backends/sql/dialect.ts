/**
 * What differs between the databases: the words of their statements, the forms of their values, and what their errors
 * mean. A dialect holds no algorithm and no connection; `backend.ts` has the one algorithm for all of them.
 *
 * Statements are written with `[column]` for what is quoted and `:name` for what is given, so that each reads as what it
 * does; they are made into the database's own form once, when the backend is made.
 */

/** What a statement is given, and what its rows hold. */
export type Value = string | number | null | Uint8Array | BytesList

/** Many bytes as one value, for a database that has lists: each driver sends them in the form that costs it least. */
export class BytesList {
  readonly items: readonly (Uint8Array | null)[]

  constructor(items: readonly (Uint8Array | null)[]) {
    this.items = items
  }
}

export interface Statement {
  /** Stable for a text: the name that PostgreSQL knows a prepared statement by. */
  readonly name: string
  readonly text: string
  /** The names of what is given, in the order of its places. */
  readonly params: readonly string[]
  /** Worth preparing: its text is one of a few. */
  readonly prepared: boolean
}

/** A statement with what it is given. */
export interface Call {
  readonly statement: Statement
  readonly values: readonly Value[]
  /** Of a statement that stores several: how many. */
  readonly rows?: number
}

export type Params = Readonly<Record<string, Value>>

/** What a database answered. */
export interface Result {
  readonly rows: readonly (readonly unknown[])[]
  /** Rows that the statement wrote or removed. */
  readonly changed: number
  /** MySQL: what the statement set `LAST_INSERT_ID` to. SQLite: the row that it inserted, if it did. */
  readonly last?: number | undefined
}

/** A row as it is stored. */
export interface Row extends Params {
  /** The text of its key. */
  readonly text: string
  readonly key: Value
  readonly value: Uint8Array | null
  readonly number: number | null
  readonly expires: number
  readonly now: number
}

/** What an error of the database means to us. */
export type Meaning =
  | 'missing-table'
  /** Another was in the way; the same statement may do a moment later. */
  | 'transient'
  /** No server, or none that can serve. */
  | 'no-answer'
  /** The value is larger than the server takes. */
  | 'too-large'
  | 'refused'

/** The statements over one table. Each is one statement; those of many keys are one for each few hundred. */
export interface Statements {
  /** → what rests there */
  get(p: { key: Value; now: number }): Call
  /** → cache_key, what rests there */
  getMany(keys: readonly Value[], now: number): Call[]
  /** Whatever its end: → value, number, expires, claim */
  look(p: { key: Value }): Call
  /** → first byte of the value, number */
  has(p: { key: Value; now: number }): Call
  set(row: Row, noted: boolean): Call
  /** `noted`: those that are overwritten count as used. An index more to write, and so only where it matters who goes. */
  setMany(rows: readonly Row[], noted: boolean): Call[]
  /** Changes a row only where nothing lives. */
  add(row: Row): Call
  /** Changes nothing that has times of its own. */
  touch(p: { key: Value; expires: number; now: number }): Call
  /** Where rows are returned: all of them, → whether it lived. Elsewhere: the living alone. */
  delete(p: { key: Value; now: number }): Call
  deleteMany(keys: readonly Value[], now: number): Call[]
  /** Where rows are not returned: those that were no entries any more, and the claims. */
  deleteDead(keys: readonly Value[], now: number): Call[]
  /** → number, where rows are returned. */
  incr(p: { key: Value; by: number; now: number }): Call
  replace(p: Row & { was: Uint8Array | null; wasnumber: number | null }): Call
  /** Where rows are returned: → value, number, expires, when the claim was given. */
  claim(p: { key: Value; token: string; until: number; now: number }): Call
  extend(p: { key: Value; token: string; until: number }): Call
  fill(row: Row & { token: string }): Call
  /** Of a living entry. */
  release(p: { key: Value; token: string; now: number }): Call
  /** Of a claim that stands alone: its row goes. */
  unclaim(p: { key: Value; token: string; now: number }): Call
  /** Whoever's it is. */
  breakClaim(p: { key: Value }): Call
  /** The keys of a range, in their order: → cache_key */
  range(p: { after: Value; from: Value; to: Value; limit: number }): Call
  count(p: { now: number }): Call
  /** How many entries come next in the order of the keys, and the last of these: → count, cache_key */
  stretch(p: { after: Value; limit: number }): Call
  /** Removes a batch of what is over. → cache_key, where rows are returned. */
  sweep(p: { now: number; limit: number }): Call
  /** Removes a batch of the least recently used. → cache_key, where rows are returned. */
  evict(p: { now: number; limit: number }): Call
  /** Marks keys as used. Waits for nobody. */
  use(keys: readonly Value[], now: number): Call[]
  /** Adds to the count of rows that the fleet keeps, and makes it where it is not. */
  tally(p: { key: Value; by: number }): Call
  /** Sets it. */
  settle(p: { key: Value; number: number }): Call
}

export interface Dialect {
  readonly name: 'postgres' | 'mysql' | 'sqlite'
  /** As people call it, in messages. */
  readonly title: string
  /** Tables are made in a transaction. */
  readonly transactional: boolean
  /** Statements that write can answer the rows that they wrote. */
  readonly returning: boolean
  /** Most bytes of an identifier. */
  readonly longestName: number
  quote(identifier: string): string
  /** The form that a key is stored in. */
  key(text: string): Value
  /** Back from it. */
  text(key: unknown): string
  /** The text of a key, in the form that `getMany` answers it. */
  named(key: unknown): string
  /** A column of bytes, as a Buffer; `undefined` for NULL. */
  bytes(value: unknown): Buffer | undefined
  /** What rests there, bytes or the digits of a number, in the form that `get` and `getMany` answer it. */
  found(value: unknown): Buffer | undefined
  /** Did an `add` find nothing living? */
  kept(result: Result): boolean
  /** How many rows a `set` or a `setMany` of so many has made, and not overwritten. */
  added(result: Result, of: number): number
  statements(table: string): Statements
  /** What makes the table; `name` is it without its schema, unquoted. */
  create(table: TableName): string[]
  /** → a row for each column of the table: its name, its type, and 1 where a unique key is on it alone. None: there is no such table. */
  columns(table: TableName): Call
  /** The types that `columns` answers for a table of ours. */
  readonly types: Readonly<Record<string, RegExp>>
  meaning(code: string): Meaning
}

/** The name of the table, checked, in parts. */
export interface TableName {
  readonly schema: string | undefined
  readonly name: string
  readonly quoted: string
}

/** Later than any instant: when an entry without an end ends. Exact in every number type. */
export const NEVER = Number.MAX_SAFE_INTEGER

/** The columns of the table, in their order. */
export const COLUMNS = ['cache_key', 'value', 'number', 'expires', 'used', 'claim', 'claim_until']

/** Makes statements in one database's form. */
export class Writer {
  readonly #table: string
  readonly #quote: (identifier: string) => string
  readonly #place: (index: number) => string
  readonly #reuses: boolean
  readonly #preparesLimits: boolean

  /**
   * @param place how the place of the value number `index` (from 1) is written
   * @param reuses a place may be used twice
   * @param preparesLimits `LIMIT` may be given to a prepared statement
   */
  constructor(
    table: string,
    quote: (identifier: string) => string,
    place: (index: number) => string,
    reuses: boolean,
    preparesLimits = true,
  ) {
    this.#preparesLimits = preparesLimits
    this.#table = table
    this.#quote = quote
    this.#place = place
    this.#reuses = reuses
  }

  statement(verb: string, source: string, prepared = true): Statement {
    const params: string[] = []
    const text = source
      .trim()
      .replace(/\s+/g, ' ')
      .replace(/\[([a-z_]+)\]/g, (_, name: string) => (name === 'table' ? this.#table : this.#quote(name)))
      .replace(/(?<!:):([a-z]+)/g, (_, name: string) => {
        const known = this.#reuses ? params.indexOf(name) : -1
        if (known >= 0) return this.#place(known + 1)
        params.push(name)
        return this.#place(params.length)
      })
    return {
      name: `stillwarm_${verb}_${digest(text)}`,
      text,
      params,
      prepared: prepared && (this.#preparesLimits || !params.includes('limit')),
    }
  }

  /** A statement as a function of what it is given. */
  call<P extends Params>(verb: string, source: string): (params: P) => Call {
    const statement = this.statement(verb, source)
    return (params) => give(statement, params)
  }
}

export function give(statement: Statement, params: Params): Call {
  const { params: names } = statement
  const values: Value[] = []
  for (let i = 0; i < names.length; i++) values.push(params[names[i]!] ?? null)
  return { statement, values }
}

/** In the order of their keys, which all who write take: then none waits for another in a ring. */
export function inOrder(rows: readonly Row[]): Row[] {
  return rows.toSorted((a, b) => (a.text < b.text ? -1 : a.text > b.text ? 1 : 0))
}

/** Parts of at most so many. */
export function parts<T>(items: readonly T[], most: number): (readonly T[])[] {
  if (items.length <= most) return items.length === 0 ? [] : [items]
  const slices: T[][] = []
  for (let i = 0; i < items.length; i += most) slices.push(items.slice(i, i + most))
  return slices
}

/** Tells texts apart, in 7 letters at most; nobody attacks it. */
export function digest(text: string): string {
  let hash = 0x811c9dc5
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193)
  return (hash >>> 0).toString(36)
}
