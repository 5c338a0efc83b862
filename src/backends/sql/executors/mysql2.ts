/** mysql2, from 3.9 on: its pools with callbacks or promises. */

import { ConfigError } from '../../../core/errors.ts'
import type { Result, Statement, Value } from '../dialect.ts'
import type { Driver, Lender, OwnConnection } from '../executor.ts'
import { Ending } from './ending.ts'
import { checkSize, largest, lenderOf, READ_COMMITTED } from './packet.ts'

interface Query {
  sql: string
  values: Value[]
  rowsAsArray: true
  nestTables: false
  typeCast?: TypeCast
}
type TypeCast = (field: unknown, next: () => unknown) => unknown
type Done = (error: Error | null, answer?: unknown) => void

/** What is used of a connection with callbacks. */
interface Raw {
  readonly config?: { typeCast?: unknown }
  execute(query: Query, done: Done): unknown
  query(query: Query, done: Done): unknown
}

interface RawPooled extends Raw {
  release(): void
  destroy(): void
}

interface RawPool {
  getConnection(done: (error: Error | null, connection: RawPooled) => void): void
  readonly config: { connectionLimit?: number }
}

/** What is used of a pool: of `mysql2`, or of `mysql2/promise`. */
export interface Mysql2Pool {
  getConnection: unknown
  execute: unknown
  end: unknown
}

/** As the driver reads it. Only a function overrules the user's. */
const asItIs: TypeCast = (_, next) => next()

async function run(
  raw: Raw,
  { text, prepared }: Statement,
  values: readonly Value[],
  limit: number,
  prepare: boolean,
): Promise<Result> {
  const asPrepared = prepared && prepare
  checkSize(text, values, asPrepared, limit)
  return new Promise<Result>((resolve, reject) => {
    const query: Query = { sql: text, values: [...values], rowsAsArray: true, nestTables: false }
    if (typeof raw.config?.typeCast === 'function') query.typeCast = asItIs
    const done: Done = (error, answer) => (error ? reject(error) : resolve(resultOf(answer)))
    if (asPrepared) raw.execute(query, done)
    else raw.query(query, done)
  })
}

function resultOf(answer: unknown): Result {
  if (Array.isArray(answer)) return { rows: answer, changed: 0 }
  const { affectedRows, insertId } = answer as { affectedRows: number; insertId: number | string }
  return { rows: [], changed: affectedRows, last: Number(insertId) }
}

/** The user's pool. */
export function adoptMysql2(given: object, { prepare }: { prepare: boolean }): Lender | undefined {
  const pool = rawPool(given)
  if (pool === undefined) {
    if ('execute' in given && 'beginTransaction' in given && 'threadId' in given) throw single()
    return undefined
  }
  return lenderOf({
    take: () =>
      new Promise<RawPooled>((resolve, reject) =>
        pool.getConnection((error, connection) => (error ? reject(error) : resolve(connection))),
      ),
    run: (raw, statement, values, limit) => run(raw, statement, values, limit, prepare),
    giveBack: (raw) => raw.release(),
  })
}

function single(): Error {
  return new ConfigError(
    'SINGLE_CONNECTION',
    'mysql(): a single connection does not tell whether it is in a transaction: give a pool',
  )
}

/** That of `mysql2/promise` has one with callbacks inside. */
function rawPool(given: object): RawPool | undefined {
  const inner = 'pool' in given && typeof given.pool === 'object' && given.pool !== null ? given.pool : given
  return isRawPool(inner) ? inner : undefined
}

function isRawPool(given: object): given is RawPool {
  return 'getConnection' in given && 'execute' in given && 'config' in given && 'promise' in given
}

/** Loads the package; rejects with `ERR_MODULE_NOT_FOUND` where it is not installed. */
export async function loadMysql2(): Promise<Driver> {
  const { default: mysql } = await import('mysql2')
  return {
    async connect({ url, clientOptions, connectTimeout, prepare }): Promise<OwnConnection> {
      const connection = mysql.createConnection({
        enableKeepAlive: true,
        ...clientOptions,
        uri: url,
        connectTimeout,
      })
      const ending = new Ending()
      connection.on('error', ending.tell)
      connection.on('end', ending.tell)
      try {
        await new Promise<void>((resolve, reject) =>
          connection.connect((error) => (error ? reject(error) : resolve())),
        )
        const unlimited = (statement: Statement) =>
          run(connection, statement, [], Number.POSITIVE_INFINITY, false)
        await unlimited(READ_COMMITTED)
        const limit = await largest(unlimited)
        return {
          run: (statement, values) => run(connection, statement, values, limit, prepare),
          onEnd: ending.onEnd,
          destroy: () => connection.destroy(),
        }
      } catch (error) {
        connection.destroy()
        throw error
      }
    },
  }
}
