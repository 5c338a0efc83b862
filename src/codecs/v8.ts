/**
 * The codec of `node:v8`: no package, and quicker than the default for dates, maps, sets and bytes, though not for
 * plain records. Readable by Node alone. V8 promises that newer versions read what older ones wrote, not the reverse, and its
 * reader is no border against malice: for stores that only your own processes write to.
 */
import { deserialize, serialize } from 'node:v8'
import { SerializeError } from '../core/errors.ts'
import type { Codec, ValueTypes } from '../core/values/format.ts'
import { LARGE, RICH, survey } from '../core/values/survey.ts'
import { richText } from './rich-text.ts'

/** First byte of rich text; V8's own format begins with 0xff. */
const RICH_MARK = 0x7e

export interface V8CodecOptions {
  /** Classes whose instances can be stored, by the name that travels in the bytes. */
  types?: ValueTypes
}

/** Makes the codec. It keeps what the default codec keeps: what V8 would change is stored as rich text. */
export function v8Codec(options: V8CodecOptions = {}): Codec {
  const rich = richText('v8Codec()', options)
  return {
    name: 'v8',
    raw: true,
    encode(value, maxBytes) {
      const sort = survey(value, maxBytes)
      if (sort === LARGE) return undefined
      if (sort <= RICH) return serialized(value)
      const text = rich.encode(value, maxBytes)
      return text && String.fromCharCode(RICH_MARK) + text
    },
    decode(bytes) {
      if (bytes[0] === RICH_MARK) return rich.decode(Buffer.from(bytes.subarray(1)).toString())
      return deserialize(Uint8Array.from(bytes)) // a copy: what it makes may be views of what it reads
    },
  }
}

function serialized(value: unknown): Uint8Array {
  try {
    return serialize(value)
  } catch (error) {
    throw new SerializeError('value', 'no value that can be kept', { cause: error })
  }
}
