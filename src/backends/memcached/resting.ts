/**
 * How an entry rests in an item: its bytes as they are, and a word in the item's client flags. Two bits of it say what kind of item
 * it is, thirty hold a second: on the meta protocol when it was made (for `clear: 'epoch'`, else 0), on the older ones when it
 * ends, since their servers do not tell.
 *
 * A claim rests in the same item, before the entry: whoever writes the key writes over the claim, in one step and without knowing
 * of it.
 */

import { isGraced } from '../../core/values/entry.ts'
import type { Item } from './client/index.ts'

/** What kind of item it is. Items of others have a 0 here: their bytes are looked at as they are. */
export const BARE = 0
export const GRACED = 1
/** A claim, and no entry. */
export const STUB = 2
/** A claim, and an entry behind it. */
export const CLAIMED = 3

const KIND = 2 ** 30

/** Seconds are counted from 2020, so that thirty bits last until 2054. */
const FIRST_SECOND = Date.UTC(2020, 0, 1) / 1_000

export interface Claim {
  readonly nonce: string
  /** When it is over, by the clock of whoever claimed. */
  readonly until: number
}

/** An item, read. */
export interface Rest {
  readonly claim: Claim | undefined
  readonly entry: Uint8Array | undefined
  /** When the entry ends; `undefined` where that is the item's own end. */
  readonly end: number | undefined
}

export function flagsOf(kind: number, second: number): number {
  const counted = second - FIRST_SECOND
  return kind * KIND + (counted > 0 && counted < KIND ? counted : 0)
}

export function kindOf(flags: number): number {
  return flags >>> 30
}

/** The second in the flags; 0 for none. */
export function secondOf(flags: number): number {
  const counted = flags % KIND
  return counted === 0 ? 0 : counted + FIRST_SECOND
}

export function entryKind(what: Uint8Array): number {
  return isGraced(what) ? GRACED : BARE
}

const MARK = 0xf3
export const NONCE_BYTES = 16
const UNTIL = 1 + NONCE_BYTES
const END = UNTIL + 8
const HEAD = END + 8

/** The bytes of an item that holds a claim, and an entry where there is one. */
export function withClaim(
  { nonce, until }: Claim,
  entry: Uint8Array | undefined,
  end = Number.POSITIVE_INFINITY,
): Buffer {
  const bytes = Buffer.alloc(HEAD + (entry?.length ?? 0))
  bytes[0] = MARK
  bytes.write(nonce, 1, 'base64url')
  bytes.writeDoubleBE(until, UNTIL)
  bytes.writeDoubleBE(end, END)
  if (entry) bytes.set(entry, HEAD)
  return bytes
}

export function readRest({ value, flags }: Item): Rest {
  const kind = kindOf(flags)
  if (kind < STUB || value.length < HEAD || value[0] !== MARK) {
    return { claim: undefined, entry: withoutPadding(value), end: undefined }
  }
  const nonce = value.toString('base64url', 1, UNTIL)
  const claim = { nonce, until: value.readDoubleBE(UNTIL) }
  return kind === STUB
    ? { claim, entry: undefined, end: undefined }
    : { claim, entry: value.subarray(HEAD), end: value.readDoubleBE(END) }
}

const SPACE = 0x20
const ZERO = 0x30
const NINE = 0x39

/** The server fills a number that became shorter with spaces. */
function withoutPadding(value: Buffer): Buffer {
  if (value[value.length - 1] !== SPACE || value[0]! < ZERO || value[0]! > NINE) return value
  let end = value.length
  while (value[end - 1] === SPACE) end--
  return value.subarray(0, end)
}
