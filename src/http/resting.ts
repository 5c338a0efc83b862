/**
 * What rests for a URL, as values in the process and as bytes elsewhere. A page's head and raw body go
 * through no value codec. Bytes that are damaged, foreign or tampered with are read as nothing at all: a
 * store that others can write to must not be able to split a response.
 */
import { crc32 } from 'node:zlib'
import { OWN_FORM } from '../core/values/entry.ts'
import { type PageHead, readPageHead } from './policy/page.ts'
import type { Reply } from './visit.ts'

/** A page as it rests. Shared between requests, and never changed. */
export interface StoredPage {
  readonly head: PageHead
  readonly body: Buffer
  /** The key it rests under, where that is its own: a variant's. */
  readonly place?: string | undefined
  /** No part of it: the answer that was last made of it, for `plain-hits.ts`. */
  given?: Given
}

/** An answer, good for as long as no number in it would be another: less than a second. */
export interface Given {
  /** Whose it is: other settings say other things of a page. */
  readonly by: object
  /** From this instant, in milliseconds since 1970 … */
  readonly from: number
  /** … and before this one. */
  readonly until: number
  readonly reply: Reply
}

/** Where one of the other pages of a URL rests: under what was selected by, and its values. */
export interface VariantPlace {
  readonly id: string
  /** The `vary` of its head. */
  readonly names: readonly string[]
}

/** What rests under a URL. */
export interface UrlEntry {
  /** The key it rests under: a store that answers with another's entry must not make it this URL's page. */
  readonly place: string
  /**
   * Random, anew whenever an entry is made: what was begun under another one is stored where nobody looks.
   */
  readonly generation: string
  /** Oldest first. */
  readonly variants: readonly VariantPlace[]
  /** The page of requests that have none of the fields it is selected by: a plain hit is one read. */
  readonly page: StoredPage | undefined
  /** The last of all its pages ends here; milliseconds since 1970, `null` never. */
  readonly endsAt: number | null
}

const FORMAT = 2
/** Mark, format, checksum of what follows, length of the JSON. */
const FRAME = 10

/** What rests as a value is ours as we left it, unless somebody's own value lies under its key. */
export function urlEntryFromValue(value: unknown): UrlEntry | undefined {
  return typeof value === 'object' && value !== null && 'generation' in value && 'variants' in value
    ? (value as UrlEntry)
    : undefined
}

export function pageFromValue(value: unknown): StoredPage | undefined {
  return typeof value === 'object' && value !== null && 'head' in value && 'body' in value
    ? (value as StoredPage)
    : undefined
}

export function urlEntryToBytes({ page, ...entry }: UrlEntry): Uint8Array {
  return toBytes({ ...entry, head: page?.head }, page?.body)
}

export function pageToBytes({ head, body, place }: StoredPage): Uint8Array {
  return toBytes({ place, head }, body)
}

/** `undefined` for what is none. */
export function urlEntryFromBytes(bytes: unknown): UrlEntry | undefined {
  const read = fromBytes(bytes)
  if (read === undefined) return undefined
  const { place, generation, variants, endsAt, head } = read.meta
  if (typeof place !== 'string') return undefined
  if (typeof generation !== 'string' || !Array.isArray(variants) || !variants.every(isPlace)) return undefined
  if (endsAt !== null && !Number.isFinite(endsAt)) return undefined
  const page = head === undefined ? undefined : pageOf(head, read.body)
  if (head !== undefined && page === undefined) return undefined
  return { place, generation, variants, page, endsAt: endsAt as number | null }
}

/** `undefined` for what is none. */
export function pageFromBytes(bytes: unknown): StoredPage | undefined {
  const read = fromBytes(bytes)
  const page = read && pageOf(read.meta.head, read.body)
  const place = read?.meta.place
  return page && typeof place === 'string' ? { ...page, place } : undefined
}

/** A length that is not the body's would let the rest of it pass for another response. */
function pageOf(meta: unknown, body: Buffer): StoredPage | undefined {
  const head = readPageHead(meta)
  const isSound = head?.lines.every(
    (name, i, all) => i % 2 === 1 || name !== 'content-length' || Number(all[i + 1]) === body.length,
  )
  return head && isSound ? { head, body } : undefined
}

function toBytes(meta: object, body: Buffer | undefined): Uint8Array {
  const json = Buffer.from(JSON.stringify(meta))
  const bytes = Buffer.allocUnsafeSlow(FRAME + json.length + (body?.length ?? 0))
  bytes[0] = OWN_FORM
  bytes[1] = FORMAT
  bytes.writeUInt32BE(json.length, 6)
  json.copy(bytes, FRAME)
  body?.copy(bytes, FRAME + json.length)
  bytes.writeUInt32BE(crc32(bytes.subarray(6)), 2)
  return bytes
}

function fromBytes(bytes: unknown): { meta: Record<string, unknown>; body: Buffer } | undefined {
  if (!(bytes instanceof Uint8Array) || bytes.length < FRAME) return undefined
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length)
  if (buffer[0] !== OWN_FORM || buffer[1] !== FORMAT) return undefined
  const end = FRAME + buffer.readUInt32BE(6)
  if (end > buffer.length || crc32(buffer.subarray(6)) !== buffer.readUInt32BE(2)) return undefined
  try {
    const meta: unknown = JSON.parse(buffer.toString('utf8', FRAME, end))
    if (typeof meta !== 'object' || meta === null) return undefined
    return { meta: meta as Record<string, unknown>, body: buffer.subarray(end) }
  } catch {
    return undefined
  }
}

function isPlace(value: unknown): value is VariantPlace {
  if (typeof value !== 'object' || value === null) return false
  const { id, names } = value as Partial<Record<keyof VariantPlace, unknown>>
  return (
    typeof id === 'string' && Array.isArray(names) && names.every((name: unknown) => typeof name === 'string')
  )
}
