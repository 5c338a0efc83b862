/**
 * An entry as a value backend keeps it when it has times of its own: made with `staleFor`, by a
 * job, or expired by hand. A value without them rests bare, so that a plain hit makes no object.
 */
export class Entry {
  readonly value: unknown
  readonly createdAt: number
  /** Until here it is fresh. */
  readonly staleAt: number
  /** So long after `staleAt`, in milliseconds, it may be served stale; then it is over, whatever the backend thinks. */
  readonly staleFor: number

  constructor(value: unknown, createdAt: number, staleAt: number, staleFor: number) {
    this.value = value
    this.createdAt = createdAt
    this.staleAt = staleAt
    this.staleFor = staleFor
  }
}

/**
 * What the handle gives a backend and wants back unchanged: bytes where `holds` is `'bytes'`, else
 * a bare value or an Entry. Never `undefined`: that is a miss.
 */
export type Stored = unknown

/**
 * First byte of encoded bytes that carry times of their own, the byte form of an `Entry`. Digits
 * and plain entries begin otherwise, so a backend can tell by one byte (see `Backend.touch`).
 */
export const GRACED = 0xf2

/** First byte of encoded bytes without times of their own. */
export const PLAIN = 0xf1

/** First byte of pages, whose form is their own. No UTF-8 begins with it. */
export const OWN_FORM = 0xf5

/** Do these bytes begin as an encoded entry, which ends with a checksum that decoding looks at? */
export function isEncoded(bytes: Uint8Array): boolean {
  return bytes[0] === PLAIN || bytes[0] === GRACED
}

/** Has it times of its own, that a new expiry alone would not move? */
export function isGraced(what: Stored): boolean {
  return what instanceof Uint8Array ? what[0] === GRACED : what instanceof Entry
}

/** Where an encoded entry says when it was made: a big-endian double, in milliseconds since 1970. */
export const CREATED_AT = 3

/** When what rests was made; `undefined` for what does not say (the bare digits of a number). */
export function madeAt(what: Stored): number | undefined {
  if (what instanceof Entry) return what.createdAt
  if (!(what instanceof Uint8Array) || what.length < CREATED_AT + 8) return undefined
  if (!isEncoded(what)) return undefined
  return new DataView(what.buffer, what.byteOffset).getFloat64(CREATED_AT)
}
