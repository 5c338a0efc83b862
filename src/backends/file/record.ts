/**
 * How one file reads: a header, the storage key, the payload. The header says what is over or somebody else's before
 * the rest is looked at; the key makes a hash that collides, or a file put in another's place, a miss; the checksum
 * covers all that follows it, so that of a torn, cut or flipped file nothing is ever believed. Of a large encoded entry, which
 * ends with a checksum of its own, it leaves out the payload: then a plain read need not look at every byte twice.
 *
 *      0 magic   4 crc32 of the rest   8 expiresAt   16 createdAt   24 stamp
 *     32 key length   36 payload length   40 mark of the writer   60 kind   61 sealed   64 key, payload
 *
 * Another version of this layout has another magic, and is a miss.
 */
import { randomFillSync } from 'node:crypto'
import { crc32 } from 'node:zlib'
import { isIntact } from '../../core/values/checksum.ts'
import { isEncoded } from '../../core/values/entry.ts'
import { MARK, ownMark } from './holder.ts'

export const HEADER = 64
const MAGIC = 0x5357_4601 // 'SWF', layout 1

/** `LOCK`: a lock that holds nothing yet. It is no entry, wherever it rests. */
const LOCK = 0
export const ENTRY = 1
export const CLAIM = 2

/** The stamp of nothing. */
export const NO_STAMP = '0000000000000000'

const pool = Buffer.alloc(4096)
let used = pool.length

/** Eight random bytes, as hex. */
export function newStamp(): string {
  if (used === pool.length) {
    randomFillSync(pool)
    used = 0
  }
  used += 8
  return pool.toString('hex', used - 8, used)
}

export function encodeRecord(
  kind: number,
  key: Buffer,
  payload: Uint8Array,
  times: { expiresAt: number; createdAt: number; stamp: string },
): Buffer {
  const bytes = Buffer.allocUnsafe(HEADER + key.length + payload.length)
  bytes.writeUInt32BE(MAGIC, 0)
  bytes.writeDoubleBE(times.expiresAt, 8)
  bytes.writeDoubleBE(times.createdAt, 16)
  bytes.write(times.stamp, 24, 8, 'hex')
  bytes.writeUInt32BE(key.length, 32)
  bytes.writeUInt32BE(payload.length, 36)
  ownMark().copy(bytes, 40)
  const sealed = payload.length >= WORTH_SEALING && isEncoded(payload) && isIntact(payload)
  bytes.writeUInt32BE((kind << 24) | (sealed ? SEALED << 16 : 0), 60)
  key.copy(bytes, HEADER)
  bytes.set(payload, HEADER + key.length)
  bytes.writeUInt32BE(crc32(covered(bytes)), 4)
  return bytes
}

/** A payload of at least so many bytes keeps its own checksum; looking at a smaller one twice costs nothing. */
const WORTH_SEALING = 16 * 1024
const SEALED = 1

function isSealed(bytes: Buffer): boolean {
  return bytes[61] === SEALED
}

/** What the header's checksum is of. */
function covered(bytes: Buffer): Buffer {
  return bytes.subarray(8, isSealed(bytes) ? HEADER + bytes.readUInt32BE(32) : bytes.length)
}

const NOTHING = Buffer.alloc(0)

/** What a lock holds until there is something to commit: whose it is. */
export function encodeLock(): Buffer {
  return encodeRecord(LOCK, NOTHING, NOTHING, { expiresAt: 0, createdAt: 0, stamp: NO_STAMP })
}

/** Does it begin as our files do? */
export function isOurs(bytes: Buffer): boolean {
  return bytes.length >= HEADER && bytes.readUInt32BE(0) === MAGIC
}

/** Was it ours before the power failed? Such a file is empty, or begins with zeros. */
export function isBlank(bytes: Buffer): boolean {
  return bytes.length === 0 || bytes[0] === 0
}

export function kindOf(bytes: Buffer): number {
  return bytes[60]!
}

export function markOf(bytes: Buffer): Buffer {
  return bytes.subarray(40, 40 + MARK)
}

export function expiresAtOf(bytes: Buffer): number {
  return bytes.readDoubleBE(8)
}

export function createdAtOf(bytes: Buffer): number {
  return bytes.readDoubleBE(16)
}

export function stampOf(bytes: Buffer): string {
  return bytes.toString('hex', 24, 32)
}

/** The storage key's bytes, where so much was read; not checked. */
export function keyOf(bytes: Buffer): Buffer {
  return bytes.subarray(HEADER, HEADER + bytes.readUInt32BE(32))
}

/** How long the whole file must be. */
export function lengthOf(bytes: Buffer): number {
  return HEADER + bytes.readUInt32BE(32) + bytes.readUInt32BE(36)
}

/**
 * Why a file gives nothing, `undefined` where it is whole. Not its times: those are for the caller.
 *
 * @param decoded the payload is about to be decoded, which looks at its own checksum.
 */
export function faultOf(
  bytes: Buffer,
  kind: number,
  key: Buffer,
  decoded = false,
): 'foreign' | 'corrupt' | 'other-key' | undefined {
  if (bytes.length < HEADER) return 'corrupt'
  if (bytes.readUInt32BE(0) !== MAGIC) return isBlank(bytes) ? 'corrupt' : 'foreign'
  if (lengthOf(bytes) !== bytes.length || crc32(covered(bytes)) !== bytes.readUInt32BE(4)) return 'corrupt'
  if (kindOf(bytes) !== kind) return 'corrupt'
  const start = HEADER + bytes.readUInt32BE(32)
  if (isSealed(bytes)) {
    const payload = bytes.subarray(start)
    if (!isEncoded(payload) || !(decoded || isIntact(payload))) return 'corrupt'
  }
  return start - HEADER === key.length && key.compare(bytes, HEADER, start) === 0 ? undefined : 'other-key'
}

/** From this size on, a payload keeps the memory that it was read into: copying would cost more than other memory. */
const KEEP = 32 * 1024

export function payloadOf(bytes: Buffer, keep: () => void): Buffer {
  const start = HEADER + bytes.readUInt32BE(32)
  if (bytes.length - start >= KEEP) {
    keep()
    return bytes.subarray(start)
  }
  const payload = Buffer.allocUnsafe(bytes.length - start)
  bytes.copy(payload, 0, start)
  return payload
}
