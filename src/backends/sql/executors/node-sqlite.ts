/** `node:sqlite`, which Node has from 22.5 on. Its types are not those of the Node that this is built with. */
import type { Result, Statement, Value } from '../dialect.ts'
import type { Handle } from '../executor.ts'

interface Prepared {
  setReadBigInts(on: boolean): void
  all(...values: readonly Value[]): Record<string, unknown>[]
  get(...values: readonly Value[]): Record<string, unknown> | undefined
  run(...values: readonly Value[]): { changes: number | bigint; lastInsertRowid: number | bigint }
}

/** What is used of `new DatabaseSync(…)`. */
export interface NodeSqliteDatabase {
  prepare(text: string): Prepared
  exec(text: string): void
  close(): void
  /** From Node 22.16 and 24 on. */
  readonly isTransaction?: boolean
}

interface NodeSqlite {
  DatabaseSync: new (path: string) => NodeSqliteDatabase
}

export function isNodeSqlite(given: object): given is NodeSqliteDatabase {
  return given.constructor?.name === 'DatabaseSync' && 'prepare' in given && 'exec' in given
}

export function fromNodeSqlite(database: NodeSqliteDatabase): Handle {
  const prepared = new Map<Statement, Prepared>()
  let lastRow: number | bigint | undefined
  const prepare = (statement: Statement): Prepared => {
    const made = database.prepare(statement.text)
    // Where the user's handle gives them.
    made.setReadBigInts(false)
    if (statement.prepared) prepared.set(statement, made)
    return made
  }
  return {
    get inTransaction() {
      if (database.isTransaction !== undefined) return database.isTransaction
      // Older: a transaction cannot begin within another.
      try {
        database.exec('BEGIN')
      } catch (error) {
        return /within a transaction/.test(String(error))
      }
      database.exec('COMMIT')
      return false
    },
    run(statement, values): Result {
      try {
        const query = prepared.get(statement) ?? prepare(statement)
        if (/^(SELECT|WITH)|RETURNING/.test(statement.text)) {
          const rows = query.all(...values).map((row) => Object.values(row))
          return { rows, changed: rows.length }
        }
        const { changes, lastInsertRowid } = query.run(...values)
        const inserted = lastInsertRowid !== lastRow
        lastRow = lastInsertRowid
        return { rows: [], changed: Number(changes), last: inserted ? Number(lastInsertRowid) : undefined }
      } catch (error) {
        throw named(error)
      }
    },
    pick(statement, values) {
      try {
        const row = (prepared.get(statement) ?? prepare(statement)).get(...values)
        return row && Object.values(row)[0]
      } catch (error) {
        throw named(error)
      }
    },
    exec(text) {
      try {
        database.exec(text)
      } catch (error) {
        throw named(error)
      }
    },
    close() {
      prepared.clear()
      database.close()
    },
  }
}

/** SQLite's results, by the numbers that are all Node tells of them (https://sqlite.org/rescode.html). */
const RESULTS = new Map([
  [1, 'ERROR'],
  [5, 'BUSY'],
  [6, 'LOCKED'],
  [7, 'NOMEM'],
  [8, 'READONLY'],
  [10, 'IOERR'],
  [11, 'CORRUPT'],
  [13, 'FULL'],
  [14, 'CANTOPEN'],
  [17, 'SCHEMA'],
  [18, 'TOOBIG'],
  [19, 'CONSTRAINT'],
  [23, 'AUTH'],
  [26, 'NOTADB'],
])

/** The error with the code that it has from better-sqlite3. What is more exact than the last eight bits is left out. */
function named(error: unknown): unknown {
  if (!(error instanceof Error && 'errcode' in error)) return error
  const result = RESULTS.get(Number(error.errcode) & 0xff)
  return result === undefined ? error : Object.assign(error, { code: `SQLITE_${result}` })
}

/** Opens a file; rejects with `ERR_UNKNOWN_BUILTIN_MODULE` where Node has none. */
export async function loadNodeSqlite(): Promise<(path: string) => Handle> {
  const name: string = 'node:sqlite'
  const { DatabaseSync } = (await import(name)) as NodeSqlite
  return (path) => {
    try {
      return fromNodeSqlite(new DatabaseSync(path))
    } catch (error) {
      throw named(error)
    }
  }
}
