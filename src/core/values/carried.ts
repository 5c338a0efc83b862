/**
 * Encoded bytes on their way between a far store and a near one. Which codec reads them only the cache's form knows, so the form
 * puts beside them what rests near, read once: a near hit then decodes nothing. Going out, `near` is there already; coming in,
 * `keep` takes it as soon as the bytes are read, unless the key was written meanwhile.
 */
import type { Stored } from './entry.ts'

export class Carried {
  readonly bytes: Uint8Array
  /** What is to rest near; `undefined` where that cannot be. */
  readonly near: Stored | undefined
  /** Takes what is to rest near. */
  readonly keep: ((near: Stored) => void) | undefined

  constructor(bytes: Uint8Array, near: Stored | undefined, keep?: (near: Stored) => void) {
    this.bytes = bytes
    this.near = near
    this.keep = keep
  }
}

/** The encoded bytes in what rests or travels, where there are some. */
export function bytesOf(what: Stored): Uint8Array | undefined {
  if (what instanceof Carried) return what.bytes
  return what instanceof Uint8Array ? what : undefined
}
