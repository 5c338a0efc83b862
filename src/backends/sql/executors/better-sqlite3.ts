/** better-sqlite3, from 11 on. */
import type { Result, Statement, Value } from '../dialect.ts'
import type { Handle } from '../executor.ts'

interface Prepared {
  readonly reader: boolean
  raw(on: boolean): Prepared
  pluck(on: boolean): Prepared
  safeIntegers(on: boolean): Prepared
  all(...values: readonly Value[]): unknown[][]
  get(...values: readonly Value[]): unknown
  run(...values: readonly Value[]): { changes: number; lastInsertRowid: number | bigint }
}

/** What is used of `new Database(…)`. */
export interface BetterSqlite3Database {
  /** A statement. */
  prepare(text: string): object
  exec(text: string): unknown
  close(): unknown
  readonly inTransaction: boolean
  readonly open: boolean
}

export function isBetterSqlite3(given: object): given is BetterSqlite3Database {
  return 'inTransaction' in given && 'prepare' in given && 'pragma' in given
}

export function fromBetterSqlite3(database: BetterSqlite3Database): Handle {
  const prepared = new Map<Statement, Prepared>()
  const plucked = new Map<Statement, Prepared>()
  let lastRow: number | bigint | undefined
  const prepare = (statement: Statement): Prepared => {
    // Its own types say of a statement what one text takes; ours are many.
    const made = (database.prepare(statement.text) as Prepared).safeIntegers(false)
    if (made.reader) made.raw(true)
    if (statement.prepared) prepared.set(statement, made)
    return made
  }
  return {
    get inTransaction() {
      return database.inTransaction
    },
    run(statement, values): Result {
      const query = prepared.get(statement) ?? prepare(statement)
      if (query.reader) {
        const rows = query.all(...values)
        return { rows, changed: rows.length }
      }
      const { changes, lastInsertRowid } = query.run(...values)
      const inserted = lastInsertRowid !== lastRow
      lastRow = lastInsertRowid
      return { rows: [], changed: changes, last: inserted ? Number(lastInsertRowid) : undefined }
    },
    pick(statement, values) {
      let query = plucked.get(statement)
      if (query === undefined) {
        query = (database.prepare(statement.text) as Prepared).safeIntegers(false).pluck(true)
        plucked.set(statement, query)
      }
      return query.get(...values)
    },
    exec: (text) => void database.exec(text),
    close() {
      prepared.clear()
      plucked.clear()
      database.close()
    },
  }
}

/** Opens a file; rejects where the package is not installed, or was built for another Node. */
export async function loadBetterSqlite3(): Promise<(path: string) => Handle> {
  const { default: Database } = await import('better-sqlite3')
  // What it is built of is loaded only now.
  new Database(':memory:').close()
  return (path) => fromBetterSqlite3(new Database(path, { timeout: 0 }))
}
