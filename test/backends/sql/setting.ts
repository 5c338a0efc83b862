/** What the suites beside this need to know of a database. */
import type { SqlBackend, SqlOptions } from '../../../src/backends/sql/sql.ts'
import { systemClock } from '../../../src/core/clock.ts'
import type { TestServer } from '../../servers/server.ts'

export interface Setting {
  /** A backend over the same database each time; another table for each name. */
  make(options: SqlOptions & Record<string, unknown>): SqlBackend
  /** The user's own way to the database; rows as arrays. */
  ask(text: string): Promise<unknown[][]> | unknown[][]
  quote(name: string): string
}

/** A setting with a server behind it. */
export interface ServerSetting extends Setting {
  server(): TestServer
  /** The same database by another address. */
  at(address: string): string
  /** Pools of the user's, of this size, by each driver, and how they are ended. */
  pools(size: number): { name: string; pool: object; end(): Promise<unknown> }[]
  /** Pools of the user's on which something is set that changes what statements take or answer. */
  readonly oddPools: readonly { name: string; open(): { pool: object; end(): Promise<unknown> } }[]
  /** The user's load on his own pool: takes so many milliseconds in the database. */
  slowly(pool: object, ms: number): Promise<unknown>
  /** Ends every connection but the one that asks, as an idle timeout would. */
  endConnections(): Promise<unknown>
}

export function later(): number {
  return systemClock.now() + 60_000
}

export function what(text: string): Buffer {
  return Buffer.from(`\u00f1${text}`, 'latin1')
}

let names = 0

/** A table of its own. */
export function anyTable(): string {
  return `t${names++}`
}
