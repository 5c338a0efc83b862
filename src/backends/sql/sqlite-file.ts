/**
 * SQLite in this process: a file that several processes share, memory, or the user's own handle. Statements run in the
 * caller's turn; only when another process is writing does one wait, in short pauses and not in the database, which would
 * hold up the event loop.
 *
 * A database that we make gets its table with it. In one that was there before, the table is made as everywhere else.
 */
import { closeSync, openSync, statSync } from 'node:fs'
import { resolve } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { type Answer, andThen } from '../../core/answer.ts'
import { ClosedError, ConfigError } from '../../core/errors.ts'
import type { Call, Result, Statement, TableName } from './dialect.ts'
import { sqlite } from './dialects/sqlite.ts'
import type { Handle } from './executor.ts'
import { failure, failureOf, inTransaction, means, type SqlError } from './failure.ts'
import type { Runner } from './runner.ts'
import { checkFile } from './sqlite-check.ts'

/** How long it waits for another process that is writing, in milliseconds. */
const PATIENCE = 250
/** Of that a pause counts for so much at most: longer it is only where this process got no processor, and no chance to look. */
const LONGEST_PAUSE = 2.5
/** How often it is looked whether the file is still the one that was opened: in milliseconds, and in statements. */
const LOOKED_AT_EVERY = 500
const LOOKED_AT_AFTER = 1_000

const MEMORY = ':memory:'

export interface SqliteSource {
  /** A path; or nothing, and then the handle is the user's. */
  readonly path: string | undefined
  open(path: string): Promise<Handle>
  readonly handle: Handle | undefined
  readonly force: boolean
  readonly migrates: boolean
}

export class SqliteFile implements Runner {
  readonly network = undefined
  readonly migrates: boolean
  readonly check?: Runner['check']
  readonly #source: SqliteSource
  readonly #table: TableName
  #handle: Handle | undefined
  #opening: Promise<Handle> | undefined
  #file: string | undefined
  /** Statements until the next look; none once the time for it has come. */
  #trust = 0
  #look: NodeJS.Timeout | undefined
  #madeTable = false
  #closed = false

  constructor(source: SqliteSource, table: TableName) {
    this.#source = source
    this.#table = table
    this.migrates = source.migrates
    const { path } = source
    if (path !== undefined && path !== MEMORY) this.check = (context) => checkFile(path, context)
    this.#handle = source.handle
  }

  read(call: Call): Answer<Result> {
    return this.#with((handle) => handle.run(call.statement, call.values))
  }

  readAll(calls: readonly Call[]): Answer<Result[]> {
    return this.#with((handle) => calls.map((call) => handle.run(call.statement, call.values)))
  }

  pick(call: Call): Answer<unknown> {
    return this.#with((handle) => handle.pick(call.statement, call.values))
  }

  write(call: Call): Answer<Result> {
    return this.#with((handle) => handle.run(call.statement, call.values))
  }

  writeAll(calls: readonly Call[]): Answer<Result[]> {
    return this.#with((handle) => {
      const all = () => calls.map((call) => handle.run(call.statement, call.values))
      return calls.length > 1 ? transaction(handle, all) : all()
    })
  }

  async migrate(statements: readonly string[]): Promise<void> {
    await this.#with((handle) =>
      transaction(handle, () => {
        for (const text of statements) handle.exec(text)
      }),
    )
  }

  madeTable(): boolean {
    const made = this.#madeTable
    this.#madeTable = false
    return made
  }

  async inspect(call: Call): Promise<Result> {
    return this.read(call)
  }

  close(): void {
    this.#closed = true
    this.#end()
  }

  /** Nearly always in this turn, and then with nothing around it. */
  #with<T>(act: (handle: Handle) => T): Answer<T> {
    if (this.#trust-- > 0 && this.#handle) return this.#attempt(this.#handle, act)
    return andThen(this.#opened(), (handle) => this.#attempt(handle, act))
  }

  #attempt<T>(handle: Handle, act: (handle: Handle) => T, waited = 0): Answer<T> {
    if (this.#closed) throw new ClosedError()
    if (this.#source.handle?.inTransaction) {
      throw inTransaction(
        'sqlite(): the handle is inside a transaction, which the cache must take no part in: give it a path, or a handle of its own',
      )
    }
    try {
      return act(handle)
    } catch (error) {
      const failed = this.#failed(error)
      if (!means(failed, 'transient') || waited > PATIENCE || this.#hasWaited(handle)) throw failed
      const since = performance.now()
      // Soon, or those who write without a pause would always come first.
      return sleep(Math.random() * 2).then(() => {
        const pause = Math.min(performance.now() - since, LONGEST_PAUSE)
        return andThen(this.#opened(), (again) => this.#attempt(again, act, waited + pause))
      })
    }
  }

  /** A handle of the user's waits by itself, inside the database, where it is told to: once is enough. */
  #hasWaited(handle: Handle): boolean {
    return this.#source.handle !== undefined && Number(handle.pick(BUSY_TIMEOUT, [])) > 0
  }

  #opened(): Answer<Handle> {
    if (this.#closed) return Promise.reject(new ClosedError())
    if (this.#handle && this.#trust <= 0) {
      if (this.#file !== undefined && identity(this.#source.path) !== this.#file) this.#end()
      else this.#trusted()
    }
    if (this.#handle) return this.#handle
    this.#opening ??= this.#open().finally(() => {
      this.#opening = undefined
    })
    return this.#opening
  }

  async #open(): Promise<Handle> {
    const path = this.#source.path ?? MEMORY
    const isNew = path === MEMORY || (this.migrates && makeFile(path))
    if (path !== MEMORY && !this.#source.force) refuseUnsafe(path)
    let handle: Handle | undefined
    const begun = performance.now()
    for (;;) {
      try {
        handle ??= await this.#source.open(path)
        // Only the file is shared: what is in memory has no log.
        if (path !== MEMORY) handle.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL')
        if (isNew || isEmpty(handle)) {
          const made = handle
          if (this.migrates) {
            transaction(made, () => {
              for (const text of sqlite.create(this.#table)) made.exec(text)
            })
            this.#madeTable = true
          }
        }
        break
      } catch (error) {
        const failed = this.#failed(error)
        if (!means(failed, 'transient') || performance.now() - begun > 4 * PATIENCE) {
          handle?.close()
          throw failed
        }
        await sleep(5 + Math.random() * 10)
      }
    }
    if (this.#closed) {
      handle.close()
      throw new ClosedError()
    }
    this.#handle = handle
    this.#file = path === MEMORY ? undefined : identity(path)
    this.#trusted()
    return handle
  }

  /** It is the file that it should be: for a while it need not be looked at. */
  #trusted(): void {
    this.#trust = LOOKED_AT_AFTER
    if (this.#file === undefined) return
    this.#look ??= setTimeout(() => {
      this.#look = undefined
      this.#trust = 0
    }, LOOKED_AT_EVERY).unref()
  }

  #end(): void {
    clearTimeout(this.#look)
    this.#look = undefined
    this.#trust = 0
    if (this.#source.handle === undefined) this.#handle?.close()
    this.#handle = undefined
  }

  #failed(error: unknown): Error {
    if (error instanceof Error && /^no such table/.test(error.message)) {
      return failure('NO_TABLE', 'SQLite has no such table', 'missing-table')
    }
    return failureOf(error, sqlite.title, sqlite.meaning) as SqlError
  }
}

const plain = (text: string, prepared = false): Statement => ({ name: '', text, params: [], prepared })
const BUSY_TIMEOUT = plain('PRAGMA busy_timeout')
const BEGIN_IMMEDIATE = plain('BEGIN IMMEDIATE', true)
const COMMIT = plain('COMMIT', true)

/** All or nothing, and one wait for the disk. The writer's turn is taken first, so that none is lost halfway. */
function transaction<T>(handle: Handle, act: () => T): T {
  handle.run(BEGIN_IMMEDIATE, [])
  try {
    const value = act()
    handle.run(COMMIT, [])
    return value
  } catch (error) {
    if (handle.inTransaction) handle.exec('ROLLBACK')
    throw error
  }
}

/** A database of nobody's yet. */
function isEmpty(handle: Handle): boolean {
  const { rows } = handle.run(plain('SELECT count(*) FROM sqlite_schema'), [])
  return Number(rows[0]?.[0]) === 0
}

/** Makes an empty file that is ours alone to read and write; `true` when it was not there. */
function makeFile(path: string): boolean {
  try {
    closeSync(openSync(path, 'wx', 0o600))
    return true
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'EEXIST') return false
    throw failure('SQLITE_CANTOPEN', `sqlite(): the file cannot be made: ${codeOf(error)}`, 'refused')
  }
}

function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : 'it failed'
}

/** Whoever may write to the file chooses what the site says. */
function refuseUnsafe(path: string): void {
  const { getuid } = process
  if (getuid === undefined) return
  const { mode, uid } = statSync(path, { throwIfNoEntry: false }) ?? {}
  if (mode === undefined || uid === undefined) return
  const strange = uid !== getuid.call(process) && uid !== 0
  if ((mode & 0o002) === 0 && !strange) return
  throw new ConfigError(
    'UNSAFE_DIRECTORY',
    `sqlite(): ${strange ? 'another user owns' : 'any user may write to'} ${JSON.stringify(resolve(path))}: give it a file of its own, or force: true`,
  )
}

/** Which file is there now, whatever its name. */
function identity(path: string | undefined): string | undefined {
  const found = path === undefined ? undefined : statSync(path, { throwIfNoEntry: false })
  return found && `${found.dev}:${found.ino}`
}
