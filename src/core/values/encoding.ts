/**
 * The stored bytes. A safe integer without grace rests as its ASCII digits and nothing else, so that a
 * server can count it. Everything else is an entry, numbers big-endian:
 *
 *   0      mark: PLAIN, or GRACED when it carries grace
 *   1      format version: 1
 *   2      kind of body (low half) and compression (high half: 0 none, 1 gzip, 2 brotli, 3 zstd)
 *   3–10   createdAt, float64, milliseconds since 1970
 *   11–18  staleAt, the same, and
 *   19–26  staleFor, float64, milliseconds: both only when GRACED
 *   …      the codec's name, its length in a byte before it, only for kind CODEC; never compressed
 *   …      body
 *   last 4 CRC-32 of all before it, little-endian
 *
 * The kind stands outside the user's bytes, so text that looks like an entry is text. test/wire/ keeps entries of
 * every released version; they are read back for ever, or a new version number is taken.
 */
import { SerializeError } from '../errors.ts'
import { addChecksum, CHECKSUM, isIntact } from './checksum.ts'
import { type Compression, compressorNamed, compressorOf } from './compression.ts'
import { CREATED_AT, GRACED, PLAIN } from './entry.ts'
import type { Codec, Decoded, Format, Grace } from './format.ts'

const VERSION = 1
const PLAIN_HEAD = 11
const GRACED_HEAD = 27
const TAIL = CHECKSUM
const STALE_AT = 11
const STALE_FOR = 19

// Kinds of body. A number is never used again for another.
const DIGITS = 0
const TEXT = 1
/** Text with lone surrogates, which UTF-8 cannot carry: UTF-16, little-endian. */
const TEXT16 = 2
const BUFFER = 3
const BYTES = 4
const CODEC = 5

/** Below this, compression costs more than it saves. */
const LEAST_TO_COMPRESS = 1024

const noName = new Uint8Array(0)

export interface FormatOptions {
  codec: Codec
  /** Default `'none'`: compressing 10 KB takes about as long as fetching them from a server nearby. */
  compress?: Compression
  /** Bytes of body from which compression is tried; default and least 1024. It is kept when it made the body smaller. */
  compressAbove?: number
  /** Largest entry, in bytes before compression; default 1 MiB. Nothing is ever expanded beyond it. */
  maxValueBytes?: number
}

/**
 * Makes the format of one cache.
 *
 * `encode` throws `SerializeError` for what the codec refuses and answers `undefined` for what is larger than
 * `maxValueBytes`, by an estimate before it is serialised. Serialising and compressing block: values of many megabytes are for a file.
 */
export function makeFormat(options: FormatOptions): Format {
  const { codec, compress = 'none', compressAbove = LEAST_TO_COMPRESS, maxValueBytes = 2 ** 20 } = options
  const compressor = compressorNamed(compress)
  const leastToCompress = Math.max(compressAbove, LEAST_TO_COMPRESS)
  const name = nameBytes(codec.name ?? 'custom')

  function encode(value: unknown, createdAt: number, grace?: Grace): Uint8Array | undefined {
    if (typeof value === 'number' && Number.isSafeInteger(value) && !Object.is(value, -0)) {
      const digits = String(value)
      return grace === undefined
        ? Buffer.from(digits, 'latin1')
        : seal(DIGITS, noName, digits, createdAt, grace)
    }
    if (codec.raw === true) {
      if (typeof value === 'string') {
        if (value.length > maxValueBytes) return undefined
        return value.isWellFormed()
          ? seal(TEXT, noName, value, createdAt, grace)
          : seal(TEXT16, noName, Buffer.from(value, 'utf16le'), createdAt, grace)
      }
      if (value instanceof Uint8Array) {
        const prototype = Object.getPrototypeOf(value)
        if (prototype === Buffer.prototype) return seal(BUFFER, noName, value, createdAt, grace)
        if (prototype === Uint8Array.prototype) return seal(BYTES, noName, value, createdAt, grace)
      }
    }
    const body = encodeBody(value)
    return body === undefined ? undefined : seal(CODEC, name, body, createdAt, grace)
  }

  function encodeBody(value: unknown): string | Uint8Array | undefined {
    let body: unknown
    try {
      body = codec.encode(value, maxValueBytes)
    } catch (error) {
      if (error instanceof SerializeError) throw error
      throw new SerializeError('value', `refused by the codec ${codec.name ?? ''}`.trim(), { cause: error })
    }
    if (typeof body === 'string' || body instanceof Uint8Array || body === undefined) return body
    throw new SerializeError('value', 'not made into bytes or text by its codec (encode must be synchronous)')
  }

  function seal(
    kind: number,
    codecName: Uint8Array,
    body: string | Uint8Array,
    createdAt: number,
    grace: Grace | undefined,
  ): Buffer | undefined {
    const head = (grace === undefined ? PLAIN_HEAD : GRACED_HEAD) + codecName.length
    let entry = roomFor(head, body)
    if (entry.length > maxValueBytes) return undefined
    let how = kind
    if (compressor !== undefined && entry.length - head - TAIL >= leastToCompress) {
      const full = entry.subarray(head, -TAIL)
      const small = compressor.compress(full)
      if (small.length < full.length) {
        entry = roomFor(head, small)
        how |= compressor.id << 4
      }
    }
    return finish(entry, how, codecName, createdAt, grace)
  }

  function decode(bytes: Uint8Array): Decoded {
    const mark = bytes[0]
    if (mark !== PLAIN && mark !== GRACED) return decodeDigits(bytes)
    const entry = asBuffer(bytes)
    const fault = faultOf(entry)
    if (fault !== undefined) return { reason: fault }
    const createdAt = entry.readDoubleBE(CREATED_AT)
    const grace = mark === GRACED ? readGrace(entry) : undefined
    if (Number.isNaN(createdAt) || grace === null) return { reason: 'corrupt' }

    const kind = entry[2]! & 0x0f
    let start = mark === GRACED ? GRACED_HEAD : PLAIN_HEAD
    if (kind > CODEC) return { reason: 'unknown-format' }
    if (kind === CODEC) {
      for (let i = 0; i < name.length; i++) if (entry[start + i] !== name[i]) return { reason: 'undecodable' }
      start += name.length
    }
    let body = entry.subarray(start, -TAIL)
    const compression = entry[2]! >> 4
    if (compression !== 0) {
      const made = compressorOf(compression)
      if (made === undefined) return { reason: 'unknown-format' }
      if (made === 'missing') return { reason: 'undecodable' }
      try {
        body = asBuffer(made.expand(body, Math.min(maxValueBytes, MOST_EXPANDED)))
      } catch {
        return { reason: 'undecodable' }
      }
    }
    const value = open(kind, body)
    return value === undefined ? { reason: 'undecodable' } : { value, createdAt, grace }
  }

  function open(kind: number, body: Buffer): unknown {
    switch (kind) {
      case DIGITS:
        return wholeNumber(body)
      case TEXT:
        return body.toString()
      case TEXT16:
        return body.toString('utf16le')
      case BUFFER:
        return Buffer.from(body) // a copy: the stored bytes may be another reader's too
      case BYTES:
        return new Uint8Array(body)
      default:
        try {
          return codec.decode(body)
        } catch {
          return undefined
        }
    }
  }

  return { encode, decode, retime }
}

// A limit of Infinity must not turn a bomb's ten kilobytes into all the memory there is.
const MOST_EXPANDED = 2 ** 30

/** The body where it will rest, with room for the head before it and the checksum behind. */
function roomFor(head: number, body: string | Uint8Array): Buffer {
  const { length } = body
  if (typeof body !== 'string') {
    const entry = Buffer.allocUnsafe(head + length + TAIL)
    entry.set(body, head)
    return entry
  }
  // Most text is ASCII, and counting its bytes would take as long as writing them. A character cut off at the end
  // leaves at most three bytes free, so with four to spare `length` are written only if every character took one.
  const entry = Buffer.allocUnsafe(head + length + TAIL)
  if (entry.write(body, head) === length) return entry
  const whole = Buffer.allocUnsafe(head + Buffer.byteLength(body) + TAIL)
  whole.write(body, head)
  return whole
}

/** Writes everything but the body, which is there. */
function finish(
  entry: Buffer,
  how: number,
  codecName: Uint8Array,
  createdAt: number,
  grace: Grace | undefined,
): Buffer {
  entry[0] = grace === undefined ? PLAIN : GRACED
  entry[1] = VERSION
  entry[2] = how
  entry.writeDoubleBE(createdAt, CREATED_AT)
  if (grace !== undefined) {
    entry.writeDoubleBE(grace.staleAt, STALE_AT)
    entry.writeDoubleBE(grace.staleFor, STALE_FOR)
  }
  const head = grace === undefined ? PLAIN_HEAD : GRACED_HEAD
  for (let i = 0; i < codecName.length; i++) entry[head + i] = codecName[i]!
  addChecksum(entry)
  return entry
}

/** Why these bytes, which begin as an entry, are none to be read; `undefined` when they are. */
function faultOf(entry: Buffer): 'corrupt' | 'unknown-format' | undefined {
  if (entry.length > 1 && entry[1] !== VERSION) return 'unknown-format'
  if (entry.length < (entry[0] === GRACED ? GRACED_HEAD : PLAIN_HEAD) + TAIL) return 'corrupt'
  return isIntact(entry) ? undefined : 'corrupt'
}

/** `null` where the times are none. */
function readGrace(entry: Buffer): Grace | null {
  const staleAt = entry.readDoubleBE(STALE_AT)
  const staleFor = entry.readDoubleBE(STALE_FOR)
  return Number.isNaN(staleAt) || !(staleFor >= 0) ? null : { staleAt, staleFor }
}

function retime(bytes: Uint8Array, createdAt: number, grace: Grace): Uint8Array | undefined {
  const was = asBuffer(bytes)
  if (was[0] !== PLAIN && was[0] !== GRACED) {
    if (wholeNumber(was) === undefined) return undefined
    return finish(roomFor(GRACED_HEAD, was), DIGITS, noName, createdAt, grace)
  }
  if (faultOf(was) !== undefined) return undefined // else damage would get a checksum that fits it
  const rest = was.subarray(was[0] === GRACED ? GRACED_HEAD : PLAIN_HEAD, -TAIL) // the codec's name and the body
  return finish(roomFor(GRACED_HEAD, rest), was[2]!, noName, createdAt, grace)
}

/** A server's counter may have gone beyond what a number holds exactly: then it is nobody's we can read. */
function decodeDigits(bytes: Uint8Array): Decoded {
  const value = wholeNumber(asBuffer(bytes))
  return value === undefined ? { reason: 'foreign' } : { value, createdAt: undefined, grace: undefined }
}

function wholeNumber(digits: Buffer): number | undefined {
  if (digits.length > 17) return undefined // −(2^53 − 1) has 17
  const text = digits.toString('latin1')
  if (!/^(?:0|-?[1-9][0-9]*)$/.test(text)) return undefined
  const value = Number(text)
  return Number.isSafeInteger(value) ? value : undefined
}

function asBuffer(bytes: Uint8Array): Buffer {
  return bytes instanceof Buffer ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
}

function nameBytes(name: string): Uint8Array {
  const text = Buffer.from(name)
  if (text.length < 1 || text.length > 255) throw new RangeError('codec.name must be 1 to 255 bytes long')
  return Buffer.concat([Uint8Array.of(text.length), text])
}
