/**
 * SQL as a cache: SQLite, PostgreSQL, and MariaDB or MySQL. Entries are rows of one table, made by `stillwarm create-table`; a new
 * SQLite database brings its own. Nothing is opened before the first verb.
 */
import { fileURLToPath } from 'node:url'
import { ConfigError } from '../../core/errors.ts'
import { checkOptions, checkWord, isRecord, kindOf } from '../../core/options.ts'
import { SqlBackend } from './backend.ts'
import { mysql as mysqlDialect } from './dialects/mysql.ts'
import { postgres as postgresDialect } from './dialects/postgres.ts'
import { sqlite as sqliteDialect } from './dialects/sqlite.ts'
import type { Handle } from './executor.ts'
import {
  type BetterSqlite3Database,
  fromBetterSqlite3,
  isBetterSqlite3,
  loadBetterSqlite3,
} from './executors/better-sqlite3.ts'
import { adoptMariadb, loadMariadb, type MariadbPool } from './executors/mariadb.ts'
import { adoptMysql2, loadMysql2, type Mysql2Pool } from './executors/mysql2.ts'
import {
  fromNodeSqlite,
  isNodeSqlite,
  loadNodeSqlite,
  type NodeSqliteDatabase,
} from './executors/node-sqlite.ts'
import { adoptPg, loadPg, type PgPool, type PgSingle } from './executors/pg.ts'
import { adoptPostgresJs, loadPostgresJs, type PostgresJsSql } from './executors/postgres-js.ts'
import { refusing, type SqlOptions, type SqlServerOptions, settle, settleServer } from './options.ts'
import { type Drivers, placesOf } from './places.ts'
import { Servers } from './servers.ts'
import { SqliteFile } from './sqlite-file.ts'

export type { SqlBackend } from './backend.ts'
export type { SqlOptions, SqlPlace, SqlRoute, SqlServerOptions } from './options.ts'
export { type PostgresBus, type PostgresBusOptions, postgresBus } from './postgres-bus.ts'

/** A pool of `pg`, a client of its own, or what `postgres()` of postgres.js made. */
export type PostgresPool = PgPool | PgSingle | PostgresJsSql

export interface PostgresOptions extends SqlServerOptions<PostgresPool, 'pg' | 'postgres'> {}

const POSTGRES: Drivers = {
  loaders: { pg: loadPg, postgres: loadPostgresJs },
  adopt: [adoptPg, adoptPostgresJs],
  pools: 'a Pool or Client of pg, or what postgres() of postgres.js made',
}

/**
 * Keeps entries in a table of PostgreSQL, from version 11 on. Needs `pg` or `postgres`, whichever is installed.
 *
 * @example
 * postgres({ url: 'postgres://user:password@127.0.0.1:5432/shop' })
 * postgres({ pool })
 * postgres({ pool, route: { read: ['postgres://replica-1/shop', 'postgres://replica-2/shop'] } })
 *
 * @throws TypeError or RangeError, with a `code`, for options that cannot be meant; never showing a URL or a password.
 */
export function postgres(options: PostgresOptions): SqlBackend {
  const settings = settleServer(options, postgresDialect, Object.keys(POSTGRES.loaders))
  const servers = new Servers(placesOf(settings, postgresDialect, POSTGRES), postgresDialect, settings.server)
  return new SqlBackend(postgresDialect, servers, settings.table, settings.limits)
}

/** A pool of `mysql2` (with callbacks or promises), or of `mariadb` (with promises). */
export type MysqlPool = Mysql2Pool | MariadbPool

export interface MysqlOptions extends SqlServerOptions<MysqlPool, 'mysql2' | 'mariadb'> {}

const MYSQL: Drivers = {
  loaders: { mysql2: loadMysql2, mariadb: loadMariadb },
  adopt: [adoptMysql2, adoptMariadb],
  pools: 'a pool of mysql2 or of mariadb',
}

/**
 * Keeps entries in a table of MariaDB (from 10.3 on) or MySQL (from 8.0 on). Needs `mysql2` or `mariadb`, whichever is installed.
 *
 * @example
 * mysql({ url: 'mysql://user:password@127.0.0.1:3306/shop' })
 * mysql({ pool, table: 'shop_cache' })
 *
 * @throws TypeError or RangeError, with a `code`, for options that cannot be meant; never showing a URL or a password.
 */
export function mysql(options: MysqlOptions): SqlBackend {
  const settings = settleServer(options, mysqlDialect, Object.keys(MYSQL.loaders))
  const servers = new Servers(placesOf(settings, mysqlDialect, MYSQL), mysqlDialect, settings.server)
  return new SqlBackend(mysqlDialect, servers, settings.table, settings.limits)
}

/** A handle of better-sqlite3 or of `node:sqlite`. */
export type SqliteHandle = BetterSqlite3Database | NodeSqliteDatabase

export interface SqliteOptions extends SqlOptions {
  /** A file, made when it is missing, with its table; or `':memory:'`. */
  path?: string | URL
  /** The user's own handle. It is never closed by us, and nothing is done on it while a transaction is open there. */
  handle?: SqliteHandle
  /** `node:sqlite`, or the package; by default the package where it is installed. */
  driver?: 'better-sqlite3' | 'node:sqlite'
  /** Takes a file that other users own or may write to. */
  force?: boolean
  /** `{ migrate: false }`: never makes its table. */
  route?: { migrate?: false }
}

const SQLITE = { 'better-sqlite3': loadBetterSqlite3, 'node:sqlite': loadNodeSqlite }

/**
 * Keeps entries in a table of SQLite, in a file that several processes may share, and that outlives them. Needs
 * `better-sqlite3`, or Node 22.5 with its own.
 *
 * @example
 * sqlite({ path: '/var/lib/shop/cache.db' })
 * sqlite({ handle: new Database('shop.db') })
 *
 * @throws TypeError or RangeError, with a `code`, for options that cannot be meant.
 */
export function sqlite(options: SqliteOptions): SqlBackend {
  const refused = refusing(sqliteDialect)
  const { table, limits } = settle(options, sqliteDialect, ['path', 'handle', 'driver', 'force', 'route'])
  const { path, handle, driver, force = false, route } = options
  if ((path === undefined) === (handle === undefined)) throw refused('needs a path, or a handle')
  if (path !== undefined && !(path instanceof URL) && (typeof path !== 'string' || path === '')) {
    throw refused(`path must be the path of a file, not ${kindOf(path)}`)
  }
  if (typeof force !== 'boolean') throw refused(`force must be true or false, not ${kindOf(force)}`)
  const migrates = migratesBy(route, refused)
  const name =
    driver === undefined ? undefined : checkWord('driver', driver, ['better-sqlite3', 'node:sqlite'])
  const source = {
    path: path instanceof URL ? fileURLToPath(path) : path,
    open: (file: string) => openSqlite(file, name),
    handle: handle === undefined ? undefined : adoptSqlite(handle),
    force,
    migrates,
  }
  return new SqlBackend(sqliteDialect, new SqliteFile(source, table), table, limits)
}

/** A file is one place: all there is to say is that its table is made by other means. */
function migratesBy(route: unknown, refused: (why: string) => Error): boolean {
  if (route === undefined) return true
  if (!isRecord(route)) throw refused(`route must be { migrate: false }, not ${kindOf(route)}`)
  checkOptions('sqlite(): route', route, ['migrate'])
  const { migrate = true } = route
  if (typeof migrate !== 'boolean')
    throw refused(`route.migrate must be true or false, not ${kindOf(migrate)}`)
  return migrate
}

function adoptSqlite(given: object): Handle {
  if (isBetterSqlite3(given)) return fromBetterSqlite3(given)
  if (isNodeSqlite(given)) return fromNodeSqlite(given)
  throw new ConfigError(
    'INVALID_OPTION',
    'sqlite(): handle must be a Database of better-sqlite3 or a DatabaseSync of node:sqlite',
  )
}

async function openSqlite(path: string, name: keyof typeof SQLITE | undefined): Promise<Handle> {
  let unusable: unknown
  for (const one of name ? [name] : (['better-sqlite3', 'node:sqlite'] as const)) {
    let open: (path: string) => Handle
    try {
      open = await SQLITE[one]()
    } catch (error) {
      // Also a package that was built for another Node.
      unusable ??= error
      continue
    }
    return open(path)
  }
  throw new ConfigError(
    'MISSING_PACKAGE',
    'sqlite() needs a driver: npm install better-sqlite3 (npm rebuild better-sqlite3, where it was built for another Node), or Node from 22.5 on',
    { cause: unusable },
  )
}
