/**
 * Expiries as the server counts them. On the wire 0 is never, up to 30 days are seconds from now, and more is an instant
 * of the wall clock: 30 days and a second, sent as they are, would be a date in 1970 and the item gone at once.
 */
import { argumentError } from './errors.ts'

const RELATIVE_MAX = 30 * 24 * 60 * 60

/** The server reads the number as a signed 32-bit integer; what would end after that never ends. */
const LATEST = 2 ** 31 - 1

/** @param seconds from now; a fraction counts as a whole second; 0 or less is over at once; omitted never ends */
export function expiryOnWire(seconds: number | undefined): number {
  if (seconds === undefined) return 0
  if (typeof seconds !== 'number') {
    throw argumentError(TypeError, 'INVALID_ARGUMENT', 'expiry: a number of seconds; omit it for never')
  }
  if (!Number.isFinite(seconds)) {
    throw argumentError(
      RangeError,
      'INVALID_ARGUMENT',
      'expiry: a finite number of seconds; omit it for never',
    )
  }
  if (seconds <= 0) return -1
  const whole = Math.ceil(seconds)
  if (whole <= RELATIVE_MAX) return whole
  const instant = Math.floor(Date.now() / 1000) + whole
  return instant > LATEST ? 0 : instant
}
