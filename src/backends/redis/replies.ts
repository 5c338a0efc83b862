/**
 * What a reply must look like to be that of a command. Replies carry no name: one damaged length on the wire shifts those behind it by
 * one, and then whole and sound entries answer for other keys. The piece of a value that is taken for a reply hardly ever looks so.
 */
import { isEncoded, OWN_FORM } from '../../core/values/entry.ts'
import type { Reply } from './client.ts'

const MINUS = 0x2d
const ZERO = 0x30
const NINE = 0x39

/** Of a whole number that we count, and of no other. */
const MOST_DIGITS = 17

/** Of GET: nothing, an entry or a page, or digits. What others keep under our keys is anything, and is asked about. */
export function isOfRead(reply: Reply | undefined): boolean {
  return reply === null || (reply instanceof Buffer && (isOurs(reply) || isNumeral(reply)))
}

/** Of a script: numbers, short text, or a value with a number behind it; never an entry. */
export function isOfScript(reply: Reply): boolean {
  if (reply instanceof Buffer) return !isOurs(reply)
  return !Array.isArray(reply) || reply.length === 0 || typeof reply.at(-1) === 'number'
}

function isOurs(bytes: Buffer): boolean {
  return isEncoded(bytes) || bytes[0] === OWN_FORM
}

export function beginsNumeral(byte: number): boolean {
  return byte === MINUS || (byte >= ZERO && byte <= NINE)
}

function isNumeral(bytes: Buffer): boolean {
  if (bytes.length === 0 || bytes.length > MOST_DIGITS || !beginsNumeral(bytes[0]!)) return false
  for (let i = 1; i < bytes.length; i++) if (bytes[i]! < ZERO || bytes[i]! > NINE) return false
  return true
}
