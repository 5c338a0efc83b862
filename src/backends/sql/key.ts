/**
 * The key column: any storage key, told apart byte by byte. What is longer than the column is kept by its beginning and its
 * SHA-256; the beginning, so that `clear` finds it by its prefix. Such a key is as long as the column, and no other is, so
 * that none is taken for another.
 */
import { createHash } from 'node:crypto'

/** Bytes of the column: what an index of MySQL and of PostgreSQL takes, and little enough for its pages. */
export const KEY_BYTES = 1_000

/** So many bytes of a long key are kept as they are. A character may be cut: then less. */
export const KEPT_BYTES = KEY_BYTES - 64

/** The text that stands for a storage key in the column. Storage keys are well-formed text. */
export function columnKey(storageKey: string): string {
  // NUL ends a text in SQLite. No storage key holds a lone U+FFFD before a 0: there it is doubled, or before a `d`.
  const text = storageKey.includes('\0') ? storageKey.replaceAll('\0', '\ufffd0') : storageKey
  // A UTF-16 unit is three bytes at most.
  if (text.length * 3 < KEY_BYTES || Buffer.byteLength(text) < KEY_BYTES) return text
  const digest = createHash('sha256').update(text).digest('hex')
  const kept = new TextDecoder().decode(Buffer.from(text).subarray(0, KEPT_BYTES), { stream: true })
  // In place of the character that was cut, so that the length tells.
  return kept + '.'.repeat(KEPT_BYTES - Buffer.byteLength(kept)) + digest
}

/** What is no key of any cache: the row that holds the count. */
export const TALLY = '\ufffdcount'
