/** How a command ends when it could not do what it was told: one line, and a code that scripts can tell apart. */
import { BackendError, CacheError, ConfigError, isDeliberate, UnknownCacheError } from '../core/errors.ts'
import { kindOf } from '../core/options.ts'
import { redact } from './redact.ts'

/** What was asked for was done, and a check found nothing wrong. */
export const DONE = 0
/** It was not there, the check failed, a server did not answer. */
export const FAILED = 1
/** The call or the configuration is wrong: nothing was done. */
export const WRONG = 2

/** A call that cannot be meant as it stands. */
export class UsageError extends Error {
  override name = 'UsageError'
}

/** A cache whose backend does not do what it is asked. */
export class CacheFailed extends Error {
  override name = 'CacheFailed'
}

export function exitCodeOf(error: unknown): number {
  if (error instanceof UsageError || error instanceof ConfigError || error instanceof UnknownCacheError)
    return WRONG
  // A wrong argument of a verb is a wrong argument of the command.
  return isDeliberate(error) && !(error instanceof CacheError) ? WRONG : FAILED
}

/** Why, in one line without secrets. Never the thing itself where it is no error: it may be anything. */
export function reasonOf(error: unknown): string {
  return redact(lineOf(error))
}

function lineOf(error: unknown): string {
  if (!(error instanceof Error)) return `${kindOf(error)} was thrown`
  if (error instanceof AggregateError && error.message === '' && error.errors.length > 0) {
    return lineOf(error.errors[0])
  }
  const text = (error.message || codeOf(error) || error.name).split('\n', 1)[0] ?? ''
  const { cause } = error
  return error instanceof BackendError && cause instanceof Error ? `${text}: ${lineOf(cause)}` : text
}

/** Where it was thrown: of its stack the places alone. */
export function framesOf(error: unknown): string {
  const lines = error instanceof Error ? (error.stack ?? '').split('\n') : []
  return redact(lines.filter((line) => /^ +at /.test(line)).join('\n'))
}

export function codeOf(error: unknown): string | undefined {
  const code = error instanceof Error && 'code' in error ? error.code : undefined
  return typeof code === 'string' ? code : undefined
}
