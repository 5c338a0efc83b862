/**
 * What rests, and the value in it: one face over the two kinds of backend. Bytes are encoded and decoded by a Format; values rest
 * as they are, checked and copied where the backend keeps private copies.
 */
import type { Backend } from '../backend.ts'
import { SerializeError } from '../errors.ts'
import { Carried } from './carried.ts'
import { Entry, type Stored } from './entry.ts'
import type { Format, Grace, ValueTypes } from './format.ts'

/** What was found: a value, and its times where it has some. */
export interface Found {
  value: unknown
  createdAt: number | undefined
  grace: Grace | undefined
}

export interface Form {
  /** Where values rest bare: what a reader gets of one without times of its own. */
  bare?(what: Stored): unknown
  /** What to store for a value; throws `SerializeError`; `undefined` when it is larger than the limit. */
  pack(value: unknown, createdAt: number, grace?: Grace): Stored | undefined
  /** What rests, read: a copy of the reader's own where copies are private. A string says why there is no value in it. */
  read(what: Stored): Found | string
  /** The same under other times. `undefined` for what cannot carry any. */
  retime(what: Stored, createdAt: number, grace: Grace): Stored | undefined
}

export function bytesForm(format: Format): Form {
  return {
    pack: (value, createdAt, grace) => format.encode(value, createdAt, grace),
    read(what) {
      if (!(what instanceof Uint8Array)) return 'foreign'
      const decoded = format.decode(what)
      return 'reason' in decoded ? decoded.reason : decoded
    },
    retime: (what, createdAt, grace) =>
      what instanceof Uint8Array ? format.retime(what, createdAt, grace) : undefined,
  }
}

/** Bytes far, the same values near: what was read from the one is kept for the other, and a near hit decodes nothing. */
export function tieredForm(far: Form, near: Form): Form {
  /** What a codec of the user's can encode and the near backend cannot copy rests far alone. */
  const nearly = (value: unknown, createdAt: number, grace?: Grace): Stored | undefined => {
    try {
      return near.pack(value, createdAt, grace)
    } catch (error) {
      if (error instanceof SerializeError) return undefined
      throw error
    }
  }
  const pack = (value: unknown, createdAt: number, grace?: Grace) => {
    const bytes = far.pack(value, createdAt, grace)
    return bytes instanceof Uint8Array ? new Carried(bytes, nearly(value, createdAt, grace)) : undefined
  }
  return {
    ...(near.bare && { bare: near.bare }),
    pack,
    read(what) {
      if (!(what instanceof Carried)) return near.read(what)
      const found = far.read(what.bytes)
      if (typeof found === 'string' || what.keep === undefined) return found
      const kept = nearly(found.value, found.createdAt ?? 0, found.grace)
      if (kept !== undefined) what.keep(kept)
      return found
    },
    retime(what, createdAt, grace) {
      if (what instanceof Entry) return pack(what.value, createdAt, grace)
      const bytes = what instanceof Carried ? far.retime(what.bytes, createdAt, grace) : undefined
      return bytes instanceof Uint8Array ? new Carried(bytes, undefined) : undefined
    },
  }
}

export function valuesForm(backend: Backend, maxValueBytes: number, types?: ValueTypes): Form {
  const lend = backend.lend
    ? (value: unknown) => (typeof value === 'object' && value !== null ? backend.lend!(value) : value)
    : (value: unknown) => value
  return {
    bare: lend,
    pack(value, createdAt, grace) {
      const own = backend.admit ? backend.admit(value, maxValueBytes, types) : value
      return own === undefined || grace === undefined
        ? own
        : new Entry(own, createdAt, grace.staleAt, grace.staleFor)
    },
    read(what) {
      if (!(what instanceof Entry)) return { value: lend(what), createdAt: undefined, grace: undefined }
      return { value: lend(what.value), createdAt: what.createdAt, grace: what }
    },
    retime: (what, createdAt, grace) =>
      new Entry(what instanceof Entry ? what.value : what, createdAt, grace.staleAt, grace.staleFor),
  }
}
