/**
 * The compressors, all of `node:zlib` and all synchronous: up to some 100 KB the thread pool costs more than it saves. An
 * algorithm's number stands in stored bytes and is never used again for another.
 */
import * as zlib from 'node:zlib'
import { argumentError } from '../errors.ts'

/** `'auto'` is zstd where this Node has it (22.15 on), else gzip. */
export type Compression = 'none' | 'auto' | 'gzip' | 'brotli' | 'zstd'

interface Compressor {
  readonly id: number
  compress(body: Uint8Array): Uint8Array
  /** Throws for damaged bytes, and as soon as the result would be longer than `maxBytes`. */
  expand(body: Uint8Array, maxBytes: number): Uint8Array
}

// Node 20, whose types we build against, has no zstd.
interface Zstd {
  zstdCompressSync?(body: Uint8Array): Buffer
  zstdDecompressSync?(body: Uint8Array, options: { maxOutputLength: number }): Buffer
}
const { zstdCompressSync, zstdDecompressSync }: Zstd = zlib as Zstd

// gzip 1 and brotli 4: beyond these the time doubles for a few percent of size.
const gzip: Compressor = {
  id: 1,
  compress: (body) => zlib.gzipSync(body, { level: 1 }),
  expand: (body, maxOutputLength) => zlib.gunzipSync(body, { maxOutputLength }),
}
const brotli: Compressor = {
  id: 2,
  compress: (body) =>
    zlib.brotliCompressSync(body, {
      params: {
        [zlib.constants.BROTLI_PARAM_QUALITY]: 4,
        [zlib.constants.BROTLI_PARAM_SIZE_HINT]: body.length,
      },
    }),
  expand: (body, maxOutputLength) => zlib.brotliDecompressSync(body, { maxOutputLength }),
}
const zstd: Compressor | undefined =
  zstdCompressSync && zstdDecompressSync
    ? {
        id: 3,
        compress: (body) => zstdCompressSync(body),
        expand: (body, maxOutputLength) => zstdDecompressSync(body, { maxOutputLength }),
      }
    : undefined

/** `undefined` for `'none'`. Throws where this Node lacks what was asked for by name. */
export function compressorNamed(name: Compression): Compressor | undefined {
  switch (name) {
    case 'none':
      return undefined
    case 'auto':
      return zstd ?? gzip
    case 'gzip':
      return gzip
    case 'brotli':
      return brotli
    case 'zstd':
      if (zstd === undefined) {
        throw argumentError(
          TypeError,
          'INVALID_ARGUMENT',
          "compress: 'zstd' needs Node 22.15; use 'auto' or 'gzip'",
        )
      }
      return zstd
    default:
      throw argumentError(
        TypeError,
        'INVALID_ARGUMENT',
        `compress must be one of none, auto, gzip, brotli, zstd`,
      )
  }
}

/** By the number in stored bytes; `'missing'`: a known one that this Node lacks; `undefined`: nobody's. */
export function compressorOf(id: number): Compressor | 'missing' | undefined {
  switch (id) {
    case gzip.id:
      return gzip
    case brotli.id:
      return brotli
    case 3:
      return zstd ?? 'missing'
    default:
      return undefined
  }
}
