/** Checks of what a caller hands in, made before anything is sent. No message repeats a value. */
import { argumentError } from './errors.ts'

const MAX_64 = 2n ** 64n - 1n

/** Refuses a name that is none of `known`: a typing mistake that would silently do something else. */
export function checkNames(of: string, options: object, known: readonly string[]): void {
  if (typeof options !== 'object' || options === null) {
    throw argumentError(TypeError, 'INVALID_ARGUMENT', `${of}: expected an object`)
  }
  for (const name in options) {
    if (known.includes(name)) continue
    throw argumentError(
      TypeError,
      'INVALID_ARGUMENT',
      `${of}: no such option ${JSON.stringify(name)}; there are ${known.join(', ')}`,
    )
  }
}

export function checkFlags(flags: number | undefined): number {
  if (flags === undefined) return 0
  if (!Number.isInteger(flags) || flags < 0 || flags > 0xffff_ffff) {
    throw argumentError(RangeError, 'INVALID_ARGUMENT', 'flags: a whole number of 32 bits, not below 0')
  }
  return flags
}

/** An unsigned number of 64 bits, as digits. */
export function unsigned64(name: string, number: number | bigint): bigint {
  const whole = typeof number === 'bigint' || Number.isSafeInteger(number)
  if (!whole || number < 0 || number > MAX_64) {
    throw argumentError(
      RangeError,
      'INVALID_ARGUMENT',
      `${name}: a whole number from 0 to 2^64 - 1, a bigint above 2^53 - 1`,
    )
  }
  return BigInt(number)
}

/** What a value is sent as. Text becomes UTF-8. */
export function bytesOf(value: string | Uint8Array, maxBytes: number): Uint8Array {
  if (typeof value !== 'string' && !(value instanceof Uint8Array)) {
    throw argumentError(TypeError, 'INVALID_VALUE', 'value: a string or a Uint8Array')
  }
  const bytes = typeof value === 'string' ? Buffer.from(value) : value
  if (bytes.length > maxBytes) {
    throw argumentError(
      RangeError,
      'INVALID_VALUE',
      `value: ${bytes.length} bytes are over maxValueBytes (${maxBytes}); raise it together with the server's -I`,
    )
  }
  return bytes
}
