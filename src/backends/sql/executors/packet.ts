/** MySQL refuses a statement larger than `max_allowed_packet` and ends the connection: such a one is not even sent. */
import type { Result, Statement, Value } from '../dialect.ts'
import type { Connection, Lender } from '../executor.ts'
import { failure } from '../failure.ts'

/** Asks for the limit, in bytes. */
const LARGEST: Statement = {
  name: '',
  text: 'SELECT @@max_allowed_packet',
  params: [],
  prepared: false,
}

/** Each statement stands for itself: with fewer locks between keys there are fewer deadlocks. */
export const READ_COMMITTED: Statement = {
  name: '',
  text: 'SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED',
  params: [],
  prepared: false,
}

/** For what is around the values. */
const OVERHEAD = 4_096

/** @throws SqlError that means `too-large` */
export function checkSize(text: string, values: readonly Value[], asPrepared: boolean, limit: number): void {
  const size = values.reduce<number>(
    (sum, value) => sum + (value instanceof Uint8Array ? value.length : 0),
    0,
  )
  // Written into the text, a byte may take two letters.
  if (text.length + size * (asPrepared ? 1 : 2) + OVERHEAD <= limit) return
  throw failure('ER_NET_PACKET_TOO_LARGE', 'The value is larger than max_allowed_packet', 'too-large')
}

/** @param run runs a statement whatever its size */
export async function largest(run: (statement: Statement) => Promise<Result>): Promise<number> {
  const { rows } = await run(LARGEST)
  return Number(rows[0]?.[0])
}

/** A pool of the user's, by either package. */
export interface Pool<C extends { destroy(): void }> {
  take(): Promise<C>
  run(connection: C, statement: Statement, values: readonly Value[], limit: number): Promise<Result>
  giveBack(connection: C): void
}

/** Its connections, with the limit asked of the first. */
export function lenderOf<C extends { destroy(): void }>(pool: Pool<C>): Lender {
  let limit: Promise<number> | undefined
  return {
    async acquire(): Promise<Connection> {
      const connection = await pool.take()
      try {
        limit ??= largest((statement) => pool.run(connection, statement, [], Number.POSITIVE_INFINITY))
        const most = await limit
        return {
          run: (statement, values) => pool.run(connection, statement, values, most),
          release: (broken) => (broken ? connection.destroy() : pool.giveBack(connection)),
        }
      } catch (error) {
        limit = undefined
        connection.destroy()
        throw error
      }
    },
    drop() {},
    async close() {},
  }
}
