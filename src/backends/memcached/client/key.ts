/**
 * Keys in front of the wire. A key is any well-formed string up to the length that the protocol carries; none is ever
 * shortened or hashed here, and a character that would end a word or a line never leaves as it is: the meta protocol
 * carries it as base64, the text protocol refuses it. On every protocol the same key names the same item.
 */
import { argumentError } from './errors.ts'

/** The longest key on the wire, in bytes. In base64 that is 186 bytes of UTF-8. */
export const MAX_KEY_BYTES = 250

const PLAIN = /^[\x21-\x7e]{1,250}$/
const SEPARATOR = /[\p{Cc}\x20]/u
const LONE_SURROGATE = /\p{Surrogate}/u

/** Can it stand in a command as it is? */
export function isPlain(key: string): boolean {
  return typeof key === 'string' && PLAIN.test(key)
}

/** The base64 of a key that is not plain, for the `b` flag of a meta command. */
export function base64Key(key: string): string {
  checkKey(key)
  const wire = Buffer.from(key).toString('base64')
  if (wire.length > MAX_KEY_BYTES) throw tooLong(Buffer.byteLength(key))
  return wire
}

/** A key of the text protocol, as latin1 of its UTF-8 bytes. */
export function textKey(key: string): string {
  if (isPlain(key)) return key
  checkKey(key)
  if (SEPARATOR.test(key)) {
    throw argumentError(
      TypeError,
      'INVALID_KEY',
      "key: the text protocol carries no space and no control character; use protocol 'meta', or encode it",
    )
  }
  return binaryKey(key).toString('latin1')
}

/** A key as bytes, whatever they are. */
export function binaryKey(key: string): Buffer {
  checkKey(key)
  const bytes = Buffer.from(key)
  if (bytes.length > MAX_KEY_BYTES) throw tooLong(bytes.length)
  return bytes
}

/** What no protocol carries. */
export function checkKey(key: string): void {
  if (typeof key !== 'string') throw argumentError(TypeError, 'INVALID_KEY', 'key: must be a string')
  if (key === '') throw argumentError(TypeError, 'INVALID_KEY', 'key: must not be empty')
  if (key.length > MAX_KEY_BYTES) throw tooLong(key.length)
  // UTF-8 has no lone surrogates: written as U+FFFD, two keys would be one.
  if (LONE_SURROGATE.test(key)) {
    throw argumentError(TypeError, 'INVALID_KEY', 'key: must be well-formed, without lone surrogates')
  }
}

function tooLong(length: number): Error {
  return argumentError(
    RangeError,
    'INVALID_KEY',
    `key: ${length} is too long for one of ${MAX_KEY_BYTES} bytes, 186 where it is sent as base64; hash it`,
  )
}
