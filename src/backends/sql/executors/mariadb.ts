/** The connector of MariaDB: `mariadb`, from 3.3 on, with promises. */

import { ConfigError } from '../../../core/errors.ts'
import type { Result, Statement, Value } from '../dialect.ts'
import type { Driver, Lender, OwnConnection } from '../executor.ts'
import { Ending } from './ending.ts'
import { checkSize, largest, lenderOf, READ_COMMITTED } from './packet.ts'

interface Query {
  sql: string
  rowsAsArray: true
  metaAsArray: false
  namedPlaceholders: false
  typeCast: undefined
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
  limit: number,
  prepare: boolean,
): Promise<Result> {
  const asPrepared = prepared && prepare
  checkSize(text, values, asPrepared, limit)
  // Whatever is set for the user's own statements.
  const form = {
    rowsAsArray: true,
    metaAsArray: false,
    namedPlaceholders: false,
    typeCast: undefined,
  } as const
  const query: Query = { sql: text, ...form }
  const answer = await (asPrepared
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
  return lenderOf({
    take: () => given.getConnection(),
    run: (connection, statement, values, limit) => run(connection, statement, values, limit, prepare),
    giveBack: (connection) => void connection.release().catch(() => {}),
  })
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
        initSql: READ_COMMITTED.text,
      })
      const ending = new Ending()
      connection.on('error', ending.tell)
      connection.on('end', ending.tell)
      const limit = await largest((statement) =>
        run(connection, statement, [], Number.POSITIVE_INFINITY, false),
      ).catch((error: unknown) => {
        connection.destroy()
        throw error
      })
      return {
        run: (statement, values) => run(connection, statement, values, limit, prepare),
        onEnd: ending.onEnd,
        destroy: () => connection.destroy(),
      }
    },
  }
}
