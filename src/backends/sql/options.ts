/** The options of `sqlite()`, `postgres()` and `mysql()`, checked and settled before anything is opened. */
import { argumentError } from '../../core/errors.ts'
import { checkInteger, checkOptions, checkWord, isRecord, kindOf } from '../../core/options.ts'
import type { Dialect, TableName } from './dialect.ts'
import type { Limits } from './room.ts'
import type { ServerLimits } from './servers.ts'

/** What every SQL backend takes. */
export interface SqlOptions {
  /** The table: any name that the database allows, or `schema.table`; it is always quoted. Default `stillwarm_cache`. */
  table?: string
  /** Rows, above which the least recently used go, in batches behind the requests. Never more than a tenth above it. 1,000,000 by default. */
  maxEntries?: number
  /**
   * What part goes when there are too many: `3` a third, `0` all. By default as many as bring it back to the limit (above 1,000
   * entries: to 95 % of it).
   */
  cullFrequency?: number
}

/** Where a statement goes: a pool of the user's, a URL, or a function that answers either, asked for each statement. */
export type SqlPlace<Pool> = string | Pool | (() => string | Pool)

/** Which database is read, written, and given its table. */
export interface SqlRoute<Pool> {
  /** For `get`, `getMany`, `has`: a replica, or several, of which any is asked. It may lag behind. By default where it is written. */
  read?: SqlPlace<Pool> | readonly SqlPlace<Pool>[]
  /** For everything else. By default `url` or `pool`. */
  write?: SqlPlace<Pool>
  /** Where `stillwarm create-table` makes the table; by default where it is written. `false`: nowhere, it is made by other means. */
  migrate?: SqlPlace<Pool> | false
}

/** What the backends of servers take. */
export interface SqlServerOptions<Pool, Driver extends string> extends SqlOptions {
  /** `postgres://user:password@host:5432/database`, `mysql://…`. */
  url?: string
  /** The user's own pool. It is never closed by us, and each statement takes a connection of it for itself alone. */
  pool?: Pool
  route?: SqlRoute<Pool>
  /** The driver for URLs; by default the first that is installed. */
  driver?: Driver
  /** For the driver, as they are; not checked. */
  clientOptions?: Record<string, unknown>
  /** Connections of our own to each URL; 10 by default. */
  poolSize?: number
  /** Prepared statements. `false` behind a pooler that gives each statement another connection. Default `true`. */
  prepare?: boolean
  /** How long one operation may take, in milliseconds; 1,000 by default. */
  opTimeout?: number
  /** How long it may take to connect, in milliseconds; 500 by default. */
  connectTimeout?: number
  /** So many operations may be under way at once; the next fails immediately. 1,024 by default. */
  maxInFlight?: number
}

/** What is common to all, settled. */
export interface Settings {
  readonly table: TableName
  readonly limits: Limits
}

export interface ServerSettings extends Settings {
  readonly write: unknown
  readonly read: readonly unknown[]
  /** `false`: nowhere. */
  readonly migrate: unknown
  readonly driver: string | undefined
  readonly clientOptions: Readonly<Record<string, unknown>>
  readonly poolSize: number
  readonly prepare: boolean
  readonly server: ServerLimits
}

const COMMON = ['table', 'maxEntries', 'cullFrequency']
const SERVER = [
  ...COMMON,
  'url',
  'pool',
  'route',
  'driver',
  'clientOptions',
  'poolSize',
  'prepare',
  'opTimeout',
  'connectTimeout',
  'maxInFlight',
]
const ROUTE = ['read', 'write', 'migrate']

/** Checks the names, and what every SQL backend takes. */
export function settle(options: Readonly<object>, dialect: Dialect, more: readonly string[]): Settings {
  const where = `${dialect.name}()`
  checkOptions(where, options, [...COMMON, ...more])
  const given = { ...options } as Readonly<Record<string, unknown>>
  const { table = 'stillwarm_cache', maxEntries = 1_000_000, cullFrequency } = given
  return {
    table: parseTable(table, dialect),
    limits: {
      maxEntries: checkInteger('maxEntries', maxEntries, -1),
      cullFrequency:
        cullFrequency === undefined ? undefined : checkInteger('cullFrequency', cullFrequency, 0),
    },
  }
}

export function settleServer(
  options: Readonly<object>,
  dialect: Dialect,
  drivers: readonly string[],
): ServerSettings {
  const common = settle(options, dialect, SERVER)
  const given = { ...options } as Readonly<Record<string, unknown>>
  const refused = refusing(dialect)
  const { url, pool, route = {}, driver, clientOptions, prepare = true } = given
  if (url !== undefined && pool !== undefined)
    throw refused('url and pool contradict each other: give one of them')
  if (!isRecord(route)) throw refused(`route must be { read, write, migrate }, not ${kindOf(route)}`)
  checkOptions(`${dialect.name}(): route`, route, ROUTE)
  const base = url ?? pool
  const write = route.write ?? base
  if (write === undefined) throw refused('needs a url, a pool, or a route with write')
  const read = route.read === undefined ? [] : Array.isArray(route.read) ? route.read : [route.read]
  for (const [name, place] of [
    ['url', url],
    ['pool', pool],
    ['route.write', write],
  ] as const) {
    if (place !== undefined) checkPlace(name, place, dialect)
  }
  for (const place of read) checkPlace('route.read', place, dialect)
  if (route.migrate !== undefined && route.migrate !== false)
    checkPlace('route.migrate', route.migrate, dialect)
  if (typeof prepare !== 'boolean') throw refused(`prepare must be true or false, not ${kindOf(prepare)}`)
  return {
    ...common,
    write,
    read,
    migrate: route.migrate ?? write,
    driver: driver === undefined ? undefined : checkWord('driver', driver, drivers),
    clientOptions: asObject('clientOptions', clientOptions, refused),
    poolSize: checkInteger('poolSize', given.poolSize ?? 10, 1, 1_000),
    prepare,
    server: {
      opTimeout: checkInteger('opTimeout', given.opTimeout ?? 1_000, 1, 60_000),
      connectTimeout: checkInteger('connectTimeout', given.connectTimeout ?? 500, 1, 60_000),
      maxInFlight: checkInteger('maxInFlight', given.maxInFlight ?? 1_024, 1, 1_000_000),
    },
  }
}

const SCHEMES = {
  postgres: /^postgres(ql)?:\/\//,
  mysql: /^(mysql|mariadb):\/\//,
  sqlite: /^/,
}

/** A URL, a pool or a function. The message never shows a URL: it may hold a password. */
export function checkPlace(name: string, place: unknown, dialect: Dialect): void {
  const refused = refusing(dialect)
  if (typeof place === 'string') {
    if (!SCHEMES[dialect.name].test(place)) throw refused(`${name} must begin with ${dialect.name}://`)
    if (!URL.canParse(place)) {
      throw refused(`${name} is no URL: percent-encode odd characters of the password`)
    }
  } else if (typeof place !== 'function' && (typeof place !== 'object' || place === null)) {
    throw refused(`${name} must be a URL, a pool or a function, not ${kindOf(place)}`)
  }
}

/** Any name that the database takes; with a dot, a schema and a name. */
function parseTable(table: unknown, dialect: Dialect): TableName {
  const refused = refusing(dialect)
  if (typeof table !== 'string') throw refused(`table must be a name, not ${kindOf(table)}`)
  const names = table.split('.')
  if (names.length > 2) throw refused('table must be a name, or schema.table')
  for (const name of names) {
    if (name === '') throw refused('table must be a name, or schema.table: a part of it is empty')
    if (!name.isWellFormed() || /\p{Cc}/u.test(name))
      throw refused('table must be a name without control characters')
    if (name.trim() !== name) throw refused('table must be a name without spaces at its ends')
    const length = dialect.name === 'mysql' ? Array.from(name).length : Buffer.byteLength(name)
    if (length > dialect.longestName) {
      throw refused(`table is too long: ${dialect.title} takes ${dialect.longestName} at most`)
    }
  }
  const quoted = names.map((name) => dialect.quote(name)).join('.')
  return { schema: names.length === 2 ? names[0] : undefined, name: names[names.length - 1]!, quoted }
}

function asObject(
  name: string,
  value: unknown,
  refused: (why: string) => Error,
): Readonly<Record<string, unknown>> {
  if (value === undefined) return {}
  if (isRecord(value)) return { ...value }
  throw refused(`${name} must be an object, not ${kindOf(value)}`)
}

export function refusing(dialect: Dialect): (why: string) => Error {
  return (why) => argumentError(TypeError, 'INVALID_OPTION', `${dialect.name}(): ${why}`)
}
