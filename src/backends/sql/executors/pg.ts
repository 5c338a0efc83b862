/** node-postgres: `pg`, from 8.11 on. Rows come as arrays of text, whatever parsers the user has set. */

import { ConfigError } from '../../../core/errors.ts'
import { BytesList, type Result, type Statement, type Value } from '../dialect.ts'
import type { Connection, Driver, Lender, OwnConnection } from '../executor.ts'
import { inTransaction } from '../failure.ts'
import { Ending } from './ending.ts'

interface Query {
  name?: string
  text: string
  values: readonly unknown[]
  rowMode: 'array'
  types: { getTypeParser(): (text: unknown) => unknown }
}

interface Answered {
  rows: unknown[][]
  rowCount: number | null
}

interface Emitter {
  on(event: 'error', listener: () => void): unknown
  listenerCount(event: 'error', listener: () => void): number
}

/** What is used of a client. */
export interface PgClient extends Emitter {
  /** Makes each query that it takes one with binary answers, whatever the query says; and then reads bytes as text. */
  binary?: boolean
  query(query: Query, told: (error: Error | null | undefined, answer?: Answered) => void): unknown
}

/** What is used of a pool: `new pg.Pool(…)`. */
export interface PgPool extends Emitter {
  connect(): Promise<PgClient & { release(destroy?: boolean): void }>
  readonly totalCount: number
  readonly options: { max?: number }
}

/** What is used of a single client, which the user has connected. */
export interface PgSingle extends PgClient {
  readonly escapeIdentifier: unknown
  getTransactionStatus?(): string | null
}

/** As it is: what we read of a row is made ours in one place. */
const AS_TEXT = { getTypeParser: () => (text: unknown) => text }

function run(
  client: PgClient,
  { name, text, prepared }: Statement,
  values: readonly Value[],
  prepare: boolean,
): Promise<Result> {
  const query: Query = { text, values: values.map(sent), rowMode: 'array', types: AS_TEXT }
  if (prepared && prepare) query.name = name
  // Of its own promises, one after the other, each keeps the answers before it from the collector until it looks through everything.
  return new Promise((resolve, reject) => {
    const { binary } = client
    if (binary) client.binary = false
    try {
      client.query(query, (error, answer) => {
        if (answer) resolve({ rows: answer.rows, changed: answer.rowCount ?? 0 })
        else reject(error)
      })
    } finally {
      if (binary) client.binary = binary
    }
  })
}

function sent(value: Value): unknown {
  return value instanceof BytesList ? binaryArray(value.items) : value
}

/** The type of its items, to the server. */
const BYTEA = 17
/** Dimensions, whether it holds NULL, the type; then of the one dimension its length and where it begins. */
const ARRAY_HEAD = 20

/** A `bytea[]` as the server itself keeps it. A Buffer is sent as it is; as text each byte would be two, and read by both sides. */
function binaryArray(items: readonly (Uint8Array | null)[]): Buffer {
  let size = ARRAY_HEAD
  for (const item of items) size += 4 + (item?.length ?? 0)
  const array = Buffer.allocUnsafe(size)
  array.writeInt32BE(1, 0)
  array.writeInt32BE(items.includes(null) ? 1 : 0, 4)
  array.writeInt32BE(BYTEA, 8)
  array.writeInt32BE(items.length, 12)
  array.writeInt32BE(1, 16)
  let at = ARRAY_HEAD
  for (const item of items) {
    array.writeInt32BE(item?.length ?? -1, at)
    at += 4
    if (item === null) continue
    array.set(item, at)
    at += item.length
  }
  return array
}

/** The user's pool, or a single client of his. */
export function adoptPg(given: object, { prepare }: { prepare: boolean }): Lender | undefined {
  if (isPool(given)) return fromPool(given, prepare)
  if (isSingle(given)) return fromSingle(given, prepare)
  return undefined
}

function isPool(given: object): given is PgPool {
  return 'totalCount' in given && 'idleCount' in given && 'connect' in given && 'options' in given
}

function isSingle(given: object): given is PgSingle {
  return 'escapeIdentifier' in given && 'query' in given && 'connection' in given
}

const nothing = () => {}

/** A connection that is lost says `error`, and where nobody listens that ends the process. We are told by what was under way on it. */
function listened<E extends Emitter>(emitter: E): E {
  if (emitter.listenerCount('error', nothing) === 0) emitter.on('error', nothing)
  return emitter
}

function fromPool(pool: PgPool, prepare: boolean): Lender {
  listened(pool)
  return {
    async acquire(): Promise<Connection> {
      // While a client is lent its pool does not listen to it.
      const client = listened(await pool.connect())
      return {
        run: (statement, values) => run(client, statement, values, prepare),
        release: (broken) => client.release(broken),
      }
    },
    drop() {},
    async close() {},
  }
}

function fromSingle(client: PgSingle, prepare: boolean): Lender {
  if (client.getTransactionStatus === undefined) {
    throw new ConfigError(
      'SINGLE_CONNECTION',
      'postgres(): this client does not tell whether it is in a transaction: give a Pool, or pg from 8.19 on',
    )
  }
  listened(client)
  return {
    acquire: () => ({
      async run(statement, values) {
        if (client.getTransactionStatus?.() !== 'I') {
          throw inTransaction(
            'postgres(): the client is inside a transaction, which the cache must take no part in: give a Pool',
          )
        }
        return run(client, statement, values, prepare)
      },
      release() {},
    }),
    drop() {},
    async close() {},
  }
}

/** Loads the package; rejects with `ERR_MODULE_NOT_FOUND` where it is not installed. */
export async function loadPg(): Promise<Driver> {
  const { default: pg } = await import('pg')
  return {
    async connect({ url, clientOptions, connectTimeout, prepare }): Promise<OwnConnection> {
      const client = new pg.Client({
        keepAlive: true,
        ...clientOptions,
        connectionString: url,
        connectionTimeoutMillis: connectTimeout,
      })
      const ending = new Ending()
      client.on('error', ending.tell)
      client.on('end', ending.tell)
      const socket = client.connection?.stream
      try {
        await client.connect()
      } catch (error) {
        socket?.destroy()
        throw error
      }
      return {
        run: (statement, values) => run(client, statement, values, prepare),
        hear(listener) {
          client.on('notification', ({ payload }) => listener(payload ?? ''))
        },
        onEnd: ending.onEnd,
        destroy: () => client.connection.stream.destroy(),
      }
    },
  }
}
