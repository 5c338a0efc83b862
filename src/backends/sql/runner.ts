/** How the backend reaches its database: servers behind connections, or a file in this process. */
import type { Answer } from '../../core/answer.ts'
import type { Backend, Network } from '../../core/backend.ts'
import type { Call, Result } from './dialect.ts'

export interface Runner {
  /** Where it may lag behind what was written. */
  read(call: Call): Answer<Result>
  readAll(calls: readonly Call[]): Answer<Result[]>
  /** Of a database in this process: the first column of the first row; `undefined` where there is none. */
  pick?(call: Call): Answer<unknown>
  /** Sees and does what is now. */
  write(call: Call): Answer<Result>
  /** Together, where the database is in the process; else one after the other. */
  writeAll(calls: readonly Call[]): Answer<Result[]>
  /** Where tables are made, outside of every deadline of a cache. All or nothing, where the database can. */
  migrate(statements: readonly string[]): Promise<void>
  /** On the same way as `migrate`. */
  inspect(call: Call): Promise<Result>
  /** Has opening the database made the table too? Answered once, so that one call tells of it as made. */
  madeTable?(): boolean
  /** `false`: this cache is told never to make tables. */
  readonly migrates: boolean
  readonly network: Network | undefined
  /** What is worth a warning about where it lies. */
  readonly check?: Backend['check']
  close(): Answer<void>
}
