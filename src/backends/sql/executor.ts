/**
 * What the backend needs of a driver. A file in `executors/` makes it of one package; another driver is one more file.
 * Drivers of servers give connections; those of SQLite answer in the same turn.
 */
import type { Answer } from '../../core/answer.ts'
import type { Result, Statement, Value } from './dialect.ts'

/** One connection to a server, ours alone until it is given back: it runs one statement at a time, outside any transaction. */
export interface Connection {
  run(statement: Statement, values: readonly Value[]): Promise<Result>
  /** Gives it back; `broken`: it is to be ended, since something on it may still be under way. */
  release(broken: boolean): void
}

/** Where connections come from: a pool of our own, or the user's. */
export interface Lender {
  acquire(): Answer<Connection>
  /** Ends the connections that lie idle, where they are ours: what comes next is a fresh one. */
  drop(): void
  /** Ends what is ours. */
  close(): Promise<void>
}

/** A connection of our own, as a driver makes it. */
export interface OwnConnection {
  run(statement: Statement, values: readonly Value[]): Promise<Result>
  /** Of a driver that can listen: the payloads that are notified on its channels. */
  hear?(listener: (payload: string) => void): void
  /** Calls back once, when it is gone. */
  onEnd(listener: () => void): void
  /** Ends it at once, with whatever is under way. */
  destroy(): void
}

/** What a connection of our own is made of. */
export interface Target {
  readonly url: string
  /** The user's own, for the driver, unchanged. */
  readonly clientOptions: Readonly<Record<string, unknown>>
  /** In milliseconds. */
  readonly connectTimeout: number
  /** Statements are prepared and kept by the server. */
  readonly prepare: boolean
}

/** One driver package. */
export interface Driver {
  connect(target: Target): Promise<OwnConnection>
}

/** How a driver's own pool or handle is used. `undefined`: it is none of this driver's. */
export type Adopt = (given: object, options: { prepare: boolean }) => Lender | undefined

/** A handle of SQLite. It answers in the same turn, or throws. */
export interface Handle {
  run(statement: Statement, values: readonly Value[]): Result
  /** The first column of the first row; `undefined` where there is none. */
  pick(statement: Statement, values: readonly Value[]): unknown
  /** A statement without values and answers. */
  exec(text: string): void
  /** Somebody's transaction is open on it. */
  readonly inTransaction: boolean
  close(): void
}
