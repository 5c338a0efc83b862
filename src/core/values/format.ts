/**
 * How values become the bytes that rest in a `holds: 'bytes'` backend, and back. The header (mark, codec,
 * compression, checksum, times) comes before the payload, so that what is dead, damaged or foreign is told undecoded.
 */

/** One codec: the body alone. The bytes it gets back are always bytes that it made, checked by a checksum. */
export interface Codec {
  /** Throws `SerializeError` for what it could not give back equal. */
  encode(value: unknown): Uint8Array
  decode(bytes: Uint8Array): unknown
}

/** How instances of a class are kept: told, taken apart, and made again. */
export interface ValueType<T = unknown> {
  is(value: unknown): value is T
  /** To plain values that can be kept. */
  to(value: T): unknown
  from(plain: unknown): T
}

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
