/**
 * What rests in a row. A whole number rests in a column of its own, so that the database can count it in one statement;
 * everything else as the bytes that were given.
 */
import type { Stored } from '../../core/values/entry.ts'
import type { Dialect } from './dialect.ts'

const MINUS = 0x2d
const ZERO = 0x30
const NINE = 0x39
/** Of the digits of ±(2^53 − 1). */
const LONGEST = 17

/** The value and number columns for what is stored. */
export function columnsOf(what: Stored): { value: Buffer | null; number: number | null } {
  const bytes = asBuffer(what)
  const number = numberOf(bytes)
  return number === undefined ? { value: bytes, number: null } : { value: null, number }
}

/** Back from them, as `coalesce` has it. `undefined` for a row that only holds a claim. */
export function storedOf(dialect: Dialect, value: unknown, number: unknown): Buffer | undefined {
  if (value !== null && value !== undefined) return dialect.bytes(value)
  return number === null || number === undefined ? undefined : Buffer.from(String(number))
}

function asBuffer(what: Stored): Buffer {
  if (what instanceof Buffer) return what
  if (what instanceof Uint8Array) return Buffer.from(what.buffer, what.byteOffset, what.byteLength)
  throw new TypeError('SQL backends keep bytes: give the cache a codec')
}

/** The number whose digits these are, exactly as we would write them. */
function numberOf(bytes: Buffer): number | undefined {
  const first = bytes[0]
  if (first === undefined || bytes.length > LONGEST) return undefined
  if (first !== MINUS && (first < ZERO || first > NINE)) return undefined
  const text = bytes.toString('latin1')
  if (!/^(0|-?[1-9]\d*)$/.test(text)) return undefined
  const number = Number(text)
  return Number.isSafeInteger(number) ? number : undefined
}
