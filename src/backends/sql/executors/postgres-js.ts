/** postgres.js: `postgres`, from 3.4 on. */
import { argumentError } from '../../../core/errors.ts'
import { BytesList, type Result, type Statement, type Value } from '../dialect.ts'
import type { Connection, Driver, Lender, OwnConnection } from '../executor.ts'
import { inTransaction } from '../failure.ts'
import { Ending } from './ending.ts'

type Rows = (Buffer | null)[][] & { count: number | null }

/** What is used of `postgres(…)`. */
export interface PostgresJsSql {
  unsafe(
    text: string,
    values: Exclude<Value, BytesList>[],
    options: { prepare: boolean },
  ): { raw(): PromiseLike<Rows> }
  readonly options: { max: number; transform?: { row?: { from?: unknown } } }
}

async function run(
  sql: PostgresJsSql,
  { text, prepared }: Statement,
  values: readonly Value[],
  prepare: boolean,
): Promise<Result> {
  // As the server sent it, whatever types and transforms the user has set.
  const rows = await sql.unsafe(text, values.map(asText), { prepare: prepared && prepare }).raw()
  const texts = Array.from(rows, (row) => row.map((column) => (column === null ? null : column.toString())))
  return { rows: texts, changed: rows.count ?? 0 }
}

/** It takes numbers for text where the type is not known yet, and sends lists as text. */
function asText(value: Value): Exclude<Value, BytesList> {
  if (value instanceof BytesList) return `{${value.items.map(literal).join()}}`
  return typeof value === 'number' ? String(value) : value
}

function literal(bytes: Uint8Array | null): string {
  return bytes === null ? 'NULL' : `"\\\\x${Buffer.from(bytes).toString('hex')}"`
}

/** The user's own. It is a pool, and each statement gets a connection that no transaction is on. */
export function adoptPostgresJs(given: object, { prepare }: { prepare: boolean }): Lender | undefined {
  if (typeof given !== 'function' || !('unsafe' in given)) return undefined
  // That of a transaction or of one reserved connection has no options.
  if (!isSql(given)) {
    throw inTransaction(
      'postgres(): this is the sql of one transaction or connection: give what postgres() made',
    )
  }
  // Of what a user may set this alone touches what is asked for raw.
  if (given.options.transform?.row?.from !== undefined) {
    throw argumentError(
      TypeError,
      'INVALID_OPTION',
      'postgres(): the transform.row of this pool changes the rows of every statement, the cache’s too: give a pool without it, or a url',
    )
  }
  const connection: Connection = {
    run: (statement, values) => run(given, statement, values, prepare),
    release() {},
  }
  return { acquire: () => connection, drop() {}, async close() {} }
}

function isSql(given: object): given is PostgresJsSql {
  return 'unsafe' in given && 'options' in given && !('savepoint' in given)
}

/** Loads the package; rejects with `ERR_MODULE_NOT_FOUND` where it is not installed. */
export async function loadPostgresJs(): Promise<Driver> {
  const { default: postgres } = await import('postgres')
  return {
    async connect({ url, clientOptions, connectTimeout, prepare }): Promise<OwnConnection> {
      const ending = new Ending()
      const sql = postgres(url, {
        ...clientOptions,
        transform: {},
        // One connection each, so that one can be ended alone.
        max: 1,
        connect_timeout: connectTimeout / 1_000,
        fetch_types: false,
        onnotice() {},
        onclose: ending.tell,
      })
      try {
        await sql`select 1`
      } catch (error) {
        sql.end({ timeout: 0 }).catch(() => {})
        throw error
      }
      return {
        run: (statement, values) => run(sql, statement, values, prepare),
        onEnd: ending.onEnd,
        destroy: () => void sql.end({ timeout: 0 }).catch(() => {}),
      }
    },
  }
}
