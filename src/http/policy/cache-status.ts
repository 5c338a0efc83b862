import { isToken } from './fields.ts'
import type { MissReason } from './lookup.ts'
import type { BypassReason } from './storable.ts'

/**
 * Cache-Status (RFC 9211): one member for each cache, the one nearest the handler first. Ours is appended,
 * never put in place of another's. `key` and `detail` tell what others read, so they are for whoever asked
 * for them.
 */
export interface CacheStatus {
  /** Answered from the store. Excludes `fwd`. */
  readonly hit?: boolean
  /** Why the handler was asked. */
  readonly fwd?: Forward
  /** The status the handler gave, where it is not the one sent. */
  readonly fwdStatus?: number
  /** Whole seconds the page is still fresh; negative when it is stale. */
  readonly ttl?: number
  readonly stored?: boolean
  /** One call of the handler answered this request and others. */
  readonly collapsed?: boolean
  readonly key?: string
  readonly detail?: string
}

/** RFC 9211 §2.2. */
export type Forward =
  | 'bypass'
  | 'method'
  | 'uri-miss'
  | 'vary-miss'
  | 'miss'
  | 'request'
  | 'stale'
  | 'partial'

/** The word RFC 9211 has for one of our reasons. */
export function forwardFor(reason: MissReason | BypassReason): Forward {
  switch (reason) {
    case 'uri-miss':
    case 'vary-miss':
    case 'stale':
    case 'request':
    case 'method':
      return reason
    case 'authorization':
      return 'miss'
    default:
      return 'bypass'
  }
}

/**
 * The value of Cache-Status: `existing` (several lines joined with commas), and ours behind it. `name`
 * identifies this cache. A text in `key` or `detail` is cut down to what a structured field can hold: other
 * characters are written as `?`.
 */
export function cacheStatus(existing: string | undefined, name: string, status: CacheStatus): string {
  let member = isStructuredToken(name) ? name : quoted(name)
  if (status.hit) member += '; hit'
  else if (status.fwd !== undefined) member += `; fwd=${status.fwd}`
  if (status.fwdStatus !== undefined) member += `; fwd-status=${status.fwdStatus}`
  if (status.ttl !== undefined) member += `; ttl=${integer(status.ttl)}`
  if (status.stored) member += '; stored'
  if (status.collapsed) member += '; collapsed'
  if (status.key !== undefined) member += `; key=${quoted(status.key)}`
  if (status.detail !== undefined) {
    member += `; detail=${isStructuredToken(status.detail) ? status.detail : quoted(status.detail)}`
  }
  return existing ? `${existing}, ${member}` : member
}

// RFC 9651 §3.3.4: a token begins with a letter or `*`, and may hold `:` and `/`.
function isStructuredToken(text: string): boolean {
  return /^[A-Za-z*]/.test(text) && isToken(text.replace(/[:/]/g, ''))
}

// §3.3.3: printable ASCII, with `"` and `\` escaped.
function quoted(text: string): string {
  return `"${text.replace(/[^\x20-\x7e]/g, '?').replace(/[\\"]/g, '\\$&')}"`
}

// §3.3.1: fifteen digits at most.
function integer(value: number): number {
  const most = 999_999_999_999_999
  return Math.trunc(Math.max(-most, Math.min(most, value))) || 0
}
