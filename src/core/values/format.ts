/**
 * How values become the bytes that rest in a `holds: 'bytes'` backend, and back. The header (mark, codec,
 * compression, checksum, times) comes before the payload, so that what is dead, damaged or foreign is told undecoded.
 */

/**
 * One codec: the body alone. The bytes it gets back are always bytes that a codec of its name made, checked by a
 * checksum (which tells damage, not malice: over a store that others may write to, `decode` must run nobody's code).
 */
export interface Codec {
  /** Told from other codecs by it, in the stored bytes: 1 to 255 bytes of UTF-8. Default `'custom'`. */
  readonly name?: string
  /** Text and bytes rest raw and never come here. Default `false`: a codec that encrypts gets all but whole numbers. */
  readonly raw?: boolean
  /**
   * The bytes, or text that is stored as UTF-8. Throws `SerializeError` for what it could not give back equal;
   * `undefined` where it sees that it would be larger than `maxBytes`, which need not be looked at.
   */
  encode(value: unknown, maxBytes: number): Uint8Array | string | undefined
  /** May throw: then the entry is a miss. The bytes are the store's; keep no view of them. */
  decode(bytes: Uint8Array): unknown
}

/** How instances of a class are kept: told, taken apart, and made again. Its name in `types` travels in the bytes. */
export interface ValueType<T = unknown> {
  /** Asked of objects that are neither plain nor of a built-in class. */
  is(value: unknown): boolean
  /** To values that can be kept. */
  to(value: T): unknown
  /** May throw: then the entry is a miss. */
  from(plain: unknown): T
}

/** `{ Money: { is, to, from } }` */
export type ValueTypes = Readonly<Record<string, ValueType>>

/** The times that a graced entry carries: fresh until `staleAt`, then stale for `staleFor` milliseconds. */
export interface Grace {
  staleAt: number
  staleFor: number
}

/** What `decode` answers: the value and its times, or why the bytes give none. */
export type Decoded =
  | { value: unknown; createdAt: number | undefined; grace: Grace | undefined }
  | { reason: 'foreign' | 'corrupt' | 'unknown-format' | 'undecodable' }

export interface Format {
  /** The bytes to store; `undefined` when they would be larger than the limit. */
  encode(value: unknown, createdAt: number, grace?: Grace): Uint8Array | undefined
  /** Never throws, whatever the bytes. */
  decode(bytes: Uint8Array): Decoded
  /** The same body under other times; never decodes it. `undefined` for bytes that are not an entry of ours. */
  retime(bytes: Uint8Array, createdAt: number, grace: Grace): Uint8Array | undefined
}
