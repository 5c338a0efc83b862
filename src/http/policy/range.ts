import { parseHttpDate } from './dates.ts'
import { type Fields, field } from './fields.ts'
import type { PageHead } from './page.ts'
import { entityTag, stronglyEqual } from './validators.ts'

/**
 * A byte range cut from a whole stored page (RFC 9110 §14). One range is answered; several, another unit,
 * or anything malformed get the whole page, which is always allowed (§14.2).
 */
export interface ByteRange {
  readonly first: number
  /** Inclusive, as in Content-Range. */
  readonly last: number
}

/** The part a request asks for, `unsatisfiable` for a 416, or undefined for the whole page. */
export function requestedRange(
  fields: Fields,
  head: PageHead,
  length: number,
  now: number,
): ByteRange | 'unsatisfiable' | undefined {
  const range = field(fields, 'range')
  if (range === undefined || head.status !== 200) return undefined
  const found = /^bytes=(\d*)-(\d*)$/i.exec(range.trim())
  if (!found || !appliesTo(head, field(fields, 'if-range'), now)) return undefined
  const [, from = '', to = ''] = found
  if (from === '') {
    if (to === '') return undefined
    // The last `to` bytes.
    const count = Math.min(Number(to), length)
    return count === 0 ? 'unsatisfiable' : { first: length - count, last: length - 1 }
  }
  const first = Number(from)
  if (to !== '' && Number(to) < first) return undefined
  if (first >= length) return 'unsatisfiable'
  return { first, last: to === '' ? length - 1 : Math.min(Number(to), length - 1) }
}

/** Content-Range of a 206, or of a 416 (§14.4). */
export function contentRange(range: ByteRange | 'unsatisfiable', length: number): string {
  return range === 'unsatisfiable' ? `bytes */${length}` : `bytes ${range.first}-${range.last}/${length}`
}

// §13.1.5: If-Range needs a strong match; a date is strong once it is a second older than Date (§8.8.2.2).
function appliesTo(head: PageHead, condition: string | undefined, now: number): boolean {
  if (condition === undefined) return true
  const tag = entityTag(condition)
  if (tag !== null) return head.etag !== null && stronglyEqual(tag, head.etag)
  const instant = parseHttpDate(condition, now)
  if (instant === undefined || instant !== head.lastModified) return false
  return head.date - head.lastModified >= 1000
}
