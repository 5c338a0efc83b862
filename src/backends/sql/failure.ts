/**
 * What went wrong, without what was sent: errors of the drivers carry their statement, its parameters and the place they
 * connected to, and so values, keys and passwords. None of them leaves this folder; what leaves is made here.
 */
import { BackendError, CacheError } from '../../core/errors.ts'
import type { Meaning } from './dialect.ts'

/** A fault of the database, with its own code (`40P01`, `ER_LOCK_DEADLOCK`, `SQLITE_FULL`) or the system's (`ECONNREFUSED`). */
export class SqlError extends BackendError {
  override name = 'SqlError'
  readonly meaning: Meaning

  constructor(code: string, message: string, meaning: Meaning) {
    super(code, message)
    this.meaning = meaning
  }
}

/** What the system and the drivers say when nobody answers. */
const NO_ANSWER =
  /^(ECONN|EPIPE|ETIMEDOUT|EHOST|ENET|ENOTFOUND|EAI_|ENOENT|EACCES|ERR_TLS|ERR_SSL|ERR_SOCKET|CERT_|DEPTH_ZERO|SELF_SIGNED|UNABLE_TO|CONNECT|PROTOCOL_|CONNECTION_|HANDSHAKE)/

/** Any error of a driver, made ours. */
export function failureOf(error: unknown, title: string, meaningOf: (code: string) => Meaning): CacheError {
  if (error instanceof CacheError) return error
  const code = codeOf(error)
  if (code === undefined) {
    // So `pg` says that it waited in vain; with anything else of its own a connection is over.
    return error instanceof Error && /timeout/i.test(error.message)
      ? failure('ETIMEDOUT', `${title} did not answer in time`, 'no-answer')
      : failure('ECONNRESET', `The connection to ${title} was lost`, 'no-answer')
  }
  const meaning = NO_ANSWER.test(code) ? 'no-answer' : meaningOf(code)
  const said = saidOf(error)
  return new SqlError(code, `${title}: ${code}${said === undefined ? '' : ` ${said}`}`, meaning)
}

/** A handle that could draw the cache into a transaction of the user's. */
export function inTransaction(message: string): CacheError {
  return new CacheError('IN_TRANSACTION', message)
}

/** A fault that we found ourselves. */
export function failure(code: string, message: string, meaning: Meaning): SqlError {
  return new SqlError(code, message, meaning)
}

export function means(error: unknown, meaning: Meaning): boolean {
  return error instanceof SqlError && error.meaning === meaning
}

/** Some wrap what the system said, some give a list of attempts. */
function codeOf(error: unknown): string | undefined {
  if (!(error instanceof Error)) return undefined
  if ('code' in error && typeof error.code === 'string' && error.code !== '') return error.code
  if (error.cause instanceof Error) return codeOf(error.cause)
  if (error instanceof AggregateError && error.errors[0] instanceof Error) return codeOf(error.errors[0])
  return undefined
}

/**
 * The server's own words, where they are about names and not about what was sent. MySQL repeats what it could not read, after
 * "near"; some drivers put the statement behind the words.
 */
function saidOf(error: unknown): string | undefined {
  if (!(error instanceof Error)) return undefined
  const said = 'sqlMessage' in error && typeof error.sqlMessage === 'string' ? error.sqlMessage : undefined
  const isTheirs = 'severity' in error || /^SQLITE_/.test(String(codeOf(error)))
  const words = said ?? (isTheirs ? error.message : undefined)
  return words
    ?.split(/\n| near /, 1)[0]
    ?.replace(/'[^']{64,}'/g, "'…'")
    .slice(0, 200)
}
