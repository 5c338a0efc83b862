/**
 * What went wrong, without what was sent: the errors of the client libraries carry their command with its arguments,
 * and so values, keys and, from the handshake, the password. None of them leaves this folder; what leaves is made here.
 */
import { BackendError, CacheError } from '../../core/errors.ts'

/** A fault with the code of the system (`ECONNREFUSED`, `ETIMEDOUT`) or the first word of Redis's answer (`OOM`, `READONLY`). */
export function failure(code: string, message: string): BackendError {
  return new BackendError(code, message)
}

const ANSWERED = 'Redis answered: '

/** Any error of a client library, made ours. */
export function failureOf(error: unknown): CacheError {
  if (error instanceof CacheError) return error
  if (!(error instanceof Error)) return failure('REDIS', 'Redis failed')
  const answer = /^([A-Z][A-Z0-9]+) /.exec(error.message)
  if (answer) return failure(answer[1]!, `${ANSWERED}${withoutArguments(error.message)}`)
  const code = codeOf(error)
  return failure(code ?? 'ECONNRESET', code ? `Redis: ${code}` : 'The connection to Redis was lost')
}

/** What an old or renamed server says of a command repeats its arguments. */
function withoutArguments(message: string): string {
  return message.split(', with args beginning', 1)[0]!.slice(0, 200)
}

/** Some wrap what the system said, some give a list of attempts. */
function codeOf(error: Error): string | undefined {
  if ('code' in error && typeof error.code === 'string') return error.code
  if (error.cause instanceof Error) return codeOf(error.cause)
  if (error instanceof AggregateError && error.errors[0] instanceof Error) return codeOf(error.errors[0])
  return undefined
}

/** Did Redis itself answer so? */
export function answered(error: unknown, code: string): boolean {
  return error instanceof BackendError && error.code === code
}

/** What the system or the library says when nobody answers, and what a server says that cannot serve anything now. */
const NO_ANSWER =
  /^(ECONN|EPIPE|ETIMEDOUT|EHOST|ENET|ENOTFOUND|EAI_|ENOENT|EACCES|ERR_TLS|ERR_SSL|CERT_|DEPTH_ZERO|SELF_SIGNED|UNABLE_TO|NO_LEADER|LOADING|MASTERDOWN|CLUSTERDOWN|BUSY$|READONLY|NOAUTH|WRONGPASS|NOT_SERVED)/

/** Does it say that there is no server, or none that serves us, rather than that one refused this one thing? */
export function isNoAnswer(error: unknown): boolean {
  return error instanceof BackendError && NO_ANSWER.test(error.code)
}

const REFUSALS = ['NOAUTH', 'WRONGPASS', 'NOT_SERVED']

/** The server does not want us: trying again every second would only fill its log. */
export function isRefusal(error: CacheError): boolean {
  return REFUSALS.includes(error.code)
}

/** It will not say PONG, to us (an ACL) or to anybody (it cannot save to disk); other commands it does. */
export function isServing(error: CacheError): boolean {
  return ['NOPERM', 'MISCONF'].includes(error.code)
}

/** Why nothing can be asked of a server that answered otherwise before the first command. */
export function unserved(error: CacheError): CacheError {
  if (isNoAnswer(error) || !error.message.startsWith(ANSWERED)) return error
  return failure(LASTING.test(error.message) ? 'NOT_SERVED' : 'ECONNREFUSED', error.message)
}

/** Until somebody sees to it: no such database, protected mode, a password that it does not take. What else it says may pass. */
const LASTING = /DB index|DENIED|AUTH|password/
