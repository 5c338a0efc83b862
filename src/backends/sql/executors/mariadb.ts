/** The connector of MariaDB: `mariadb`, from 3.3 on, with promises. */

import { ConfigError } from '../../../core/errors.ts'
import type { Result, Statement, Value } from '../dialect.ts'
import type { Connection, Driver, Lender, OwnConnection } from '../executor.ts'

interface Query {
  sql: string
  rowsAsArray: true
}

/** What is used of a connection. */
interface MariadbConnection {
  query(query: Query, values: Value[]): Promise<unknown>
  execute(query: Query, values: Value[]): Promise<unknown>
}

/** What is used of a pool: `mariadb.createPool(…)`. */
export interface MariadbPool {
  getConnection(): Promise<MariadbConnection & { release(): Promise<void>; destroy(): void }>
  activeConnections(): number
  totalConnections(): number
}

async function run(
  connection: MariadbConnection,
  { text, prepared }: Statement,
  values: readonly Value[],
  prepare: boolean,
): Promise<Result> {
  const query: Query = { sql: text, rowsAsArray: true }
  const answer = await (prepared && prepare
    ? connection.execute(query, [...values])
    : connection.query(query, [...values]))
  if (Array.isArray(answer)) return { rows: answer, changed: 0 }
  const { affectedRows, insertId } = answer as { affectedRows: number; insertId: number | bigint | null }
  return { rows: [], changed: affectedRows, last: Number(BigInt.asIntN(64, BigInt(insertId ?? 0))) }
}

/** The user's pool. */
export function adoptMariadb(given: object, { prepare }: { prepare: boolean }): Lender | undefined {
  if (!isPool(given)) {
    if ('beginTransaction' in given && 'serverVersion' in given) {
      throw new ConfigError(
        'SINGLE_CONNECTION',
        'mysql(): a single connection could be in a transaction, which the cache must take no part in: give a pool',
      )
    }
    return undefined
  }
  return {
    size: Number.POSITIVE_INFINITY,
    async acquire(): Promise<Connection> {
      const connection = await given.getConnection()
      return {
        run: (statement, values) => run(connection, statement, values, prepare),
        release(broken) {
          if (broken) connection.destroy()
          else connection.release().catch(() => {})
        },
      }
    },
    drop() {},
    async close() {},
  }
}

function isPool(given: object): given is MariadbPool {
  return 'getConnection' in given && 'activeConnections' in given
}

/** Loads the package; rejects with `ERR_MODULE_NOT_FOUND` where it is not installed. */
export async function loadMariadb(): Promise<Driver> {
  const { default: mariadb } = await import('mariadb')
  return {
    async connect({ url, clientOptions, connectTimeout, prepare }): Promise<OwnConnection> {
      const { hostname, port, username, password, pathname, searchParams } = new URL(url)
      const connection = await mariadb.createConnection({
        ...Object.fromEntries(searchParams),
        // Errors would carry the values.
        logParam: false,
        ...clientOptions,
        host: hostname.replace(/^\[|\]$/g, ''),
        ...(port !== '' && { port: Number(port) }),
        ...(username !== '' && { user: decodeURIComponent(username) }),
        ...(password !== '' && { password: decodeURIComponent(password) }),
        ...(pathname.length > 1 && { database: decodeURIComponent(pathname.slice(1)) }),
        connectTimeout,
        // Fewer locks between keys, and so fewer deadlocks: each statement stands for itself anyway.
        initSql: 'SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED',
      })
      let ended: (() => void) | undefined
      let over = false
      const end = () => {
        over = true
        ended?.()
      }
      connection.on('error', end)
      connection.on('end', end)
      return {
        run: (statement, values) => run(connection, statement, values, prepare),
        onEnd(listener) {
          ended = listener
          if (over) listener()
        },
        destroy: () => connection.destroy(),
      }
    },
  }
}
