/**
 * The codec of msgpackr, an optional package: the fastest here for lists of records of like shape, in half the
 * bytes. Its private extensions are read by msgpackr alone.
 */
import { createRequire } from 'node:module'
import type { Packr } from 'msgpackr'
import { ConfigError, SerializeError } from '../core/errors.ts'
import type { Codec, ValueTypes } from '../core/values/format.ts'
import { LARGE, RICH, survey } from '../core/values/survey.ts'
import { richText } from './rich-text.ts'

/** First byte of rich text: the one byte that MessagePack never uses. */
const RICH_MARK = 0xc1

export interface MsgpackrCodecOptions {
  /** Classes whose instances can be stored, by the name that travels in the bytes. */
  types?: ValueTypes
}

/**
 * Makes the codec. It keeps what the default codec keeps: what msgpackr would change (−0, holes, cycles, lone
 * surrogates, errors, an own `__proto__`) is stored as rich text.
 *
 * @throws ConfigError `MISSING_PACKAGE` when msgpackr is not installed.
 */
export function msgpackrCodec(options: MsgpackrCodecOptions = {}): Codec {
  const rich = richText('msgpackrCodec()', options)
  const packr = new (loadMsgpackr().Packr)({
    useRecords: true, // a record's keys once for all of its shape
    moreTypes: true,
    int64AsType: 'bigint', // numbers never travel as int64, so what comes back of one was a bigint
    useBigIntExtension: true,
    copyBuffers: true,
  })
  return {
    name: 'msgpackr',
    raw: true,
    encode(value, maxBytes) {
      const sort = survey(value, maxBytes, true)
      if (sort === LARGE) return undefined
      if (sort <= RICH) return packed(packr, value)
      const text = rich.encode(value, maxBytes)
      return text && Buffer.concat([Uint8Array.of(RICH_MARK), Buffer.from(text)])
    },
    decode(bytes) {
      if (bytes[0] === RICH_MARK) return rich.decode(Buffer.from(bytes.subarray(1)).toString())
      return packr.unpack(bytes)
    },
  }
}

function packed(packr: Packr, value: unknown): Uint8Array {
  try {
    return packr.pack(value)
  } catch (error) {
    throw new SerializeError('value', 'no value that can be kept', { cause: error })
  }
}

function loadMsgpackr(): typeof import('msgpackr') {
  try {
    return createRequire(import.meta.url)('msgpackr')
  } catch (error) {
    throw new ConfigError(
      'MISSING_PACKAGE',
      'The msgpackr codec needs the package msgpackr: npm install msgpackr',
      {
        cause: error,
      },
    )
  }
}
