/** The SQLites of this Node: the package, where it is built for it, and Node's own from 22.5 on. */
import { createRequire } from 'node:module'
import type { SqliteHandle } from '../../../src/backends/sql/sql.ts'

const require = createRequire(import.meta.url)

export interface SqliteDriver {
  readonly name: 'better-sqlite3' | 'node:sqlite'
  /** A handle of the user's own. */
  open(path: string): SqliteHandle
}

const KNOWN: readonly SqliteDriver[] = [
  { name: 'better-sqlite3', open: (path) => new (require('better-sqlite3'))(path) },
  { name: 'node:sqlite', open: (path) => new (require('node:sqlite').DatabaseSync)(path) },
]

export const DRIVERS = KNOWN.filter(({ open }) => {
  try {
    open(':memory:').close()
    return true
  } catch {
    return false
  }
})
if (DRIVERS.length === 0) throw new Error('No SQLite: npm rebuild better-sqlite3')

/** A handle on which the user has asked for what changes answers, where its driver can. */
export function oddHandle(driver: SqliteDriver['name'], path: string): SqliteHandle {
  if (driver === 'better-sqlite3') return new (require('better-sqlite3'))(path).defaultSafeIntegers(true)
  return new (require('node:sqlite').DatabaseSync)(path, { readBigInts: true, returnArrays: true })
}

/** The handle, telling the text of each statement that is run on it. */
export function watched(handle: SqliteHandle, told: string[]): SqliteHandle {
  const heard = (name: string | symbol, given: unknown[]) => name === 'exec' && told.push(String(given[0]))
  return watching(handle, heard, (statement, [text]) =>
    watching(statement, (name) => RUNS.has(name) && told.push(String(text))),
  )
}

const RUNS = new Set<string | symbol>(['all', 'get', 'run'])

/** @param made what becomes of an object that a method makes */
function watching<T extends object>(
  target: T,
  heard: (name: string | symbol, given: unknown[]) => unknown,
  made: (answer: object, given: unknown[]) => object = (answer) => answer,
): T {
  const proxy: T = new Proxy(target, {
    get(_, name) {
      const value: unknown = Reflect.get(target, name)
      if (typeof value !== 'function' || name === 'constructor') return value
      return (...given: unknown[]) => {
        heard(name, given)
        const answer: unknown = value.apply(target, given)
        if (answer === target) return proxy
        return name === 'prepare' ? made(answer as object, given) : answer
      }
    },
  })
  return proxy
}

interface Asked {
  readonly reader?: boolean
  raw?(on: boolean): Asked
  all(): object[]
  run(): unknown
}

/** What a statement answers; rows as arrays. */
export function ask(handle: SqliteHandle, text: string): unknown[][] {
  const statement = handle.prepare(text) as Asked
  if (statement.reader === false) {
    statement.run()
    return []
  }
  statement.raw?.(true)
  return statement.all().map((row) => Object.values(row))
}
