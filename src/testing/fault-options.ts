/** What the faults take, checked as it is set: a fault that is mistyped would be none, and a test that proves nothing. */
import { argumentError } from '../core/errors.ts'
import { kindOf } from '../core/options.ts'

/** Milliseconds: 0 or more. */
export function checkMs(name: string, value: unknown): number {
  return checkNumber(name, value, 'a number of milliseconds, 0 or more', Number.MAX_VALUE)
}

/** From 0 to 1. */
export function checkProbability(name: string, value: unknown): number {
  return checkNumber(name, value, 'a probability from 0 to 1', 1)
}

export function checkBoolean(name: string, value: unknown): boolean {
  if (typeof value === 'boolean') return value
  throw wrong(TypeError, name, `true or false, not ${kindOf(value)}`)
}

export function wrong(kind: new (message: string) => Error, name: string, what: string): Error {
  return argumentError(kind, 'INVALID_OPTION', `${name} must be ${what}`)
}

function checkNumber(name: string, value: unknown, what: string, most: number): number {
  if (typeof value !== 'number') throw wrong(TypeError, name, `${what}, not ${kindOf(value)}`)
  if (value >= 0 && value <= most) return value
  throw wrong(RangeError, name, what)
}
