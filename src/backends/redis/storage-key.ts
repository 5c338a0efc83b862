/**
 * The storage key as it rests in Redis: as the space makes it, unless it is so long that to send it, and its claim's key with it, would
 * hold up the event loop. Then its beginning, so that `clear` finds it, and its SHA-256 behind a mark that no storage key holds (a
 * lone U+FFFD is doubled there).
 */
import { createHash } from 'node:crypto'
import type { Space } from '../../core/backend.ts'

/** In characters. */
const LONGEST = 8_192
const KEPT = 1_024
const MARK = '\ufffd#'

export function storageKeyOf(space: Space, key: string): string {
  const whole = space.frame(key)
  if (whole.length <= LONGEST || (space.start?.length ?? 0) > KEPT) return whole
  // A character may be cut in two: half of one is none.
  const kept = whole
    .slice(0, KEPT)
    .toWellFormed()
    .replace(/\ufffd+$/, '')
  return kept + MARK + createHash('sha256').update(whole).digest('hex')
}
