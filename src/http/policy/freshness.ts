import type { ResponseControl } from './cache-control.ts'
import { MAX_SECONDS } from './cache-control.ts'
import { parseHttpDate } from './dates.ts'
import { type Fields, field, fieldLines, stripBlanks } from './fields.ts'
import type { PageHead } from './page.ts'
import type { PageRules } from './page-rules.ts'

/**
 * How long a response is fresh and how old it already is (RFC 9111 §4.2). Lifetimes and ages are in
 * seconds, instants in milliseconds since 1970.
 */
export interface Lifetime {
  /** May be Infinity (a ttl of `null`), 0 or negative. */
  readonly seconds: number
  /** What gave it: the first one present, even where it says 0 or cannot be read (§4.2.1). */
  readonly from: 'ttl' | 's-maxage' | 'max-age' | 'expires' | 'heuristic' | 'default'
}

/** §4.2.2: statuses that may be stored without a lifetime of their own, and be given one. */
const HEURISTIC_STATUSES: ReadonlySet<number> = new Set([
  200, 203, 204, 206, 300, 301, 308, 404, 405, 410, 414, 501,
])
/**
 * Statuses that the site's own lifetime is for: of the others (an error, a redirect for now) only the response, or a route's ttl, can
 * say that it may be kept (§3).
 */
const DEFAULT_STATUSES: ReadonlySet<number> = new Set([200, 203, 204, 300, 301, 308, 404, 410])
const LONGEST_HEURISTIC = 86_400
// Two machines seldom agree to the millisecond, and HTTP counts whole seconds.
const CLOCK_TOLERANCE = 1_000

/**
 * The lifetime of a response, or undefined where nothing gives it one. `date` is its Date, or the instant
 * of receipt.
 */
export function lifetime(
  status: number,
  fields: Fields,
  control: ResponseControl,
  date: number,
  rules: PageRules,
  now: number,
): Lifetime | undefined {
  const governed = storedStatuses(rules).includes(status)
  // A ttl of 0 stores nothing; any other is for the statuses the site stores, not for whatever says how
  // long it is fresh.
  if (rules.ttl !== undefined && (governed || (rules.ttl !== null && rules.ttl <= 0))) {
    return { seconds: rules.ttl ?? Infinity, from: 'ttl' }
  }
  const own = ownLifetime(fields, control, date, now)
  if (own !== undefined) return own
  if (rules.heuristic && mayBeGuessed(status, control)) {
    const modified = parseHttpDate(field(fields, 'last-modified') ?? '', now)
    if (modified !== undefined && modified < date) {
      const seconds = Math.min(((date - modified) / 1000) * rules.heuristic, LONGEST_HEURISTIC)
      return { seconds, from: 'heuristic' }
    }
  }
  if (rules.defaultTtl !== undefined && governed && (control.public || DEFAULT_STATUSES.has(status))) {
    return { seconds: rules.defaultTtl ?? Infinity, from: 'default' }
  }
  return undefined
}

/**
 * The lifetime that the response itself gives (§4.2.1): what is present but cannot be read is no lifetime,
 * not the next one's turn.
 */
export function ownLifetime(
  fields: Fields,
  control: ResponseControl,
  date: number,
  now: number,
): Lifetime | undefined {
  if (control.sMaxAge !== undefined) return { seconds: control.sMaxAge, from: 's-maxage' }
  if (control.maxAge !== undefined) return { seconds: control.maxAge, from: 'max-age' }
  const expires = control.targeted ? undefined : field(fields, 'expires')
  if (expires === undefined) return undefined
  // §5.3: an invalid date, `0` above all, is in the past. Several lines, joined, are invalid too.
  const instant = parseHttpDate(expires, now)
  return { seconds: instant === undefined ? 0 : (instant - date) / 1000, from: 'expires' }
}

/** Whether a response may be kept without a lifetime of its own: by its status, or because it says `public`. */
export function mayBeGuessed(status: number, control: ResponseControl): boolean {
  return control.public || HEURISTIC_STATUSES.has(status)
}

export function storedStatuses(rules: PageRules): readonly number[] {
  return rules.statuses ?? ONLY_OK
}

const ONLY_OK: readonly number[] = Object.freeze([200])

/** Date (RFC 9110 §6.6.1), or the instant of receipt where it is missing or unreadable. */
export function dateOf(fields: Fields, now: number): number {
  return parseHttpDate(field(fields, 'date') ?? '', now) ?? now
}

/**
 * The age of a response on arrival (§4.2.3), in seconds. Dates count whole seconds, so the apparent age
 * does too: else a response would be up to a second old at birth, and a lifetime of two seconds would last
 * one.
 */
export function ageOnArrival(fields: Fields, date: number, requestedAt: number, now: number): number {
  const apparentAge = Math.max(0, Math.floor((now - date) / 1000))
  const correctedAge = ageValue(fields) + Math.max(0, now - requestedAt) / 1000
  return Math.max(apparentAge, correctedAge)
}

/** §5.1: the first member of the first line; what is not digits only is ignored. */
function ageValue(fields: Fields): number {
  const first = fieldLines(fields, 'age')[0]
  if (first === undefined) return 0
  const digits = stripBlanks(first.split(',', 1)[0]!)
  return /^[0-9]+$/.test(digits) ? Math.min(Number(digits), MAX_SECONDS) : 0
}

/** The current age of a stored page in milliseconds, never negative (§4.2.3). */
export function currentAge(head: PageHead, now: number): number {
  return Math.max(0, now - head.bornAt, head.receivedAt - head.bornAt)
}

/** What the Age field of a hit says: whole seconds. */
export function ageInSeconds(head: PageHead, now: number): number {
  return Math.floor(currentAge(head, now) / 1000)
}

/** Whole seconds the page is still fresh, negative when it is stale, undefined without an end. */
export function remaining(head: PageHead, now: number): number | undefined {
  return head.freshUntil === null ? undefined : Math.floor((head.freshUntil - now) / 1000)
}

/** Fresh: its lifetime is greater than its age (§4.2). */
export function isFresh(head: PageHead, now: number): boolean {
  return isUsable(head, head.freshUntil, now)
}

/** Whether a stale page may be served while one refresh runs behind it (RFC 5861 §3). */
export function mayServeWhileRefreshing(head: PageHead, now: number): boolean {
  return isUsable(head, head.staleUntil, now)
}

/** Whether a stale page is within what the client puts up with: `max-stale`, in seconds (§5.2.1.2). */
export function mayServeStale(head: PageHead, now: number, maxStale: number): boolean {
  if (!head.mayBeStale) return false
  return isUsable(head, head.freshUntil === null ? null : head.freshUntil + maxStale * 1000 + 1, now)
}

/**
 * Whether a stored page may stand in for a handler that threw, took too long or answered with a `status` of
 * 500, 502, 503 or 504 (RFC 5861 §4). No status: it threw.
 */
export function mayServeOnError(head: PageHead, now: number, status?: number): boolean {
  if (status !== undefined && status !== 500 && (status < 502 || status > 504)) return false
  return isUsable(head, head.errorUntil, now)
}

// A clock set back would lengthen every lifetime by as much, so a page from the future is of no use.
function isUsable(head: PageHead, end: number | null, now: number): boolean {
  return (end === null || now < end) && now >= head.receivedAt - CLOCK_TOLERANCE
}
