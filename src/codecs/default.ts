/**
 * The default codec: JSON where it keeps the value, else text that keeps everything (`rich-text.ts`). What lies in a
 * store can be read by eye and by other programs, and plain records cost what JSON costs.
 */
import type { Codec, ValueTypes } from '../core/values/format.ts'
import { LARGE, PLAIN, survey } from '../core/values/survey.ts'
import { richText } from './rich-text.ts'

/** Begins rich text. No JSON begins with it. */
const RICH_MARK = '~'

export interface JsonCodecOptions {
  /** Classes whose instances can be stored, by the name that travels in the bytes. */
  types?: ValueTypes
}

/**
 * Makes the default codec. Keeps JSON's types, undefined, NaN, ±Infinity, −0, bigint, Date, Map, Set, RegExp, errors
 * (name, message, cause and own properties; not the stack), Buffer, ArrayBuffer and its views, holes, cycles, objects
 * without a prototype and an own `__proto__`. Of an array its elements, of an object its enumerable properties.
 *
 * @throws TypeError `INVALID_TYPE_NAME` for a name in `types` that is taken or odd.
 */
export function jsonCodec(options: JsonCodecOptions = {}): Codec {
  const rich = richText('jsonCodec()', options)
  return {
    name: 'json',
    raw: true,
    encode(value, maxBytes) {
      const sort = survey(value, maxBytes)
      if (sort === LARGE) return undefined
      if (sort === PLAIN && !hijacked()) return JSON.stringify(value)
      const text = rich.encode(value, maxBytes)
      return text && RICH_MARK + text
    },
    decode(bytes) {
      const text = asText(bytes)
      return text.startsWith(RICH_MARK) ? rich.decode(text.slice(1)) : JSON.parse(text)
    },
  }
}

/** Did someone teach all objects or arrays a `toJSON`? JSON.stringify would call it. */
function hijacked(): boolean {
  return 'toJSON' in Array.prototype
}

function asText(bytes: Uint8Array): string {
  const { buffer, byteOffset, byteLength } = bytes
  return (bytes instanceof Buffer ? bytes : Buffer.from(buffer, byteOffset, byteLength)).toString()
}
