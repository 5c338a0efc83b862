import { type RequestControl, requestControl } from './cache-control.ts'
import { field } from './fields.ts'
import {
  ageInSeconds,
  currentAge,
  isFresh,
  mayServeOnError,
  mayServeStale,
  mayServeWhileRefreshing,
} from './freshness.ts'
import type { Page, PageHead, PageRequest } from './page.ts'
import type { PageRules } from './page-rules.ts'
import { type ByteRange, contentRange, requestedRange } from './range.ts'
import { OVERRIDES } from './storable.ts'
import { CONDITIONAL_FIELDS, isNotModified, notModifiedLines } from './validators.ts'
import { fits } from './vary.ts'

export type MissReason =
  /** Nothing is stored for this URL. */
  | 'uri-miss'
  /** What is stored is for requests with other values of its Vary fields. */
  | 'vary-miss'
  /** The request carries Authorization, and the page does not say it may be shared with it. */
  | 'authorization'
  /** It is past its lifetime, or may not be used without being validated. */
  | 'stale'
  /** It is fresh, but not as fresh as the request asks. */
  | 'request'

/** How a page answers a request; all that is left is to write it. */
export interface Hit {
  readonly do: 'hit'
  readonly status: number
  /**
   * Names and values in turn; not to be changed, it may be the stored list itself. Age and Content-Range are
   * not in it, nor the Content-Length of a part.
   */
  readonly lines: readonly string[]
  /** The Age field: whole seconds. */
  readonly age: number
  /** Which part of the body to send; undefined is the whole. */
  readonly range: ByteRange | undefined
  /** The Content-Range field, for 206 and 416. */
  readonly contentRange: string | undefined
  /** Whether a body is sent: not to HEAD, nor with 304 and 416. */
  readonly body: boolean
  /** The page is stale and one refresh has to be started behind this answer. */
  readonly refresh: boolean
}

export interface Miss {
  readonly do: 'miss'
  readonly why: MissReason
  /** The stored page may still be sent, by `answer`, if the handler fails (`mayServeOnError`). */
  readonly onError: boolean
}

/** `only-if-cached`, and nothing to answer with: 504, the handler is not asked (RFC 9111 §5.2.1.7). */
export interface Refused {
  readonly do: 'refuse'
  readonly status: 504
}

export type Lookup = Hit | Miss | Refused

/**
 * Decides whether a stored page answers a request, and how.
 *
 * To be called only for requests that `bypassReason` let in, with a page stored under `pageKey` of the
 * request's own URL, or undefined where there is none. The page is not changed and may be shared between
 * requests. On a miss the handler runs; if its answer is to be stored, `CONDITIONAL_FIELDS` are taken out
 * of the request that it sees, and the client is answered by `answer` of the new page. A stale page may be
 * validated with `conditionsFor` and `renew`.
 *
 * Never throws, whatever the fields hold.
 */
export function lookup(request: PageRequest, page: Page | undefined, rules: PageRules, now: number): Lookup {
  const control = requestControl(request.fields)
  if (page === undefined) return miss('uri-miss', control, false)
  const { head } = page
  if (!fits(head, request, rules)) return miss('vary-miss', control, false)
  if (field(request.fields, 'authorization') !== undefined && !head.forCredentials) {
    return miss('authorization', control, false)
  }
  const onError = mayServeOnError(head, now)
  if (isFresh(head, now)) {
    return isFreshEnough(head, control, rules, now)
      ? answer(request, page, now)
      : miss('request', control, onError)
  }
  if (!isFreshEnough(head, control, rules, now)) return miss('stale', control, onError)
  if (rules.obeyRequests && control.maxStale !== undefined && mayServeStale(head, now, control.maxStale)) {
    return answer(request, page, now)
  }
  if (mayServeWhileRefreshing(head, now)) return { ...answer(request, page, now), refresh: true }
  return miss('stale', control, onError)
}

/**
 * Every field of a request that `bypassReason`, `lookup` or `answer` looks at, besides those that select the page. One
 * that has none of them is a plain one: it gets `plainAnswer` of any fresh page that fits.
 */
export const WEIGHED_FIELDS: readonly string[] = Object.freeze([
  ...OVERRIDES,
  ...CONDITIONAL_FIELDS,
  'if-match',
  'if-unmodified-since',
  'content-length',
  'transfer-encoding',
  'authorization',
  'cache-control',
  'pragma',
])

/** `answer` for a plain GET; `age` in whole seconds. */
export function plainAnswer(head: PageHead, age: number): Hit {
  return hit(head.status, head.lines, age, undefined, undefined, true)
}

/**
 * How a page that may be used answers a request: whole, a part of it, or 304 where the client has it
 * already.
 */
export function answer(request: PageRequest, page: Page, now: number): Hit {
  const { head } = page
  const age = ageInSeconds(head, now)
  if (isNotModified(request.fields, head, now)) {
    return hit(304, notModifiedLines(head), age, undefined, undefined, false)
  }
  // RFC 9110 §14.2: Range is for GET alone.
  if (request.method === 'GET') {
    const range = requestedRange(request.fields, head, page.body.length, now)
    if (range !== undefined) {
      const where = contentRange(range, page.body.length)
      // The page's own lifetime is not that of an error about it.
      if (range === 'unsatisfiable') return hit(416, [], age, undefined, where, false)
      return hit(206, withoutLength(head.lines), age, range, where, true)
    }
  }
  return hit(head.status, head.lines, age, undefined, undefined, request.method !== 'HEAD')
}

// §5.2.1: max-age and no-cache let any client force work, so they count only where the site says so.
function isFreshEnough(head: PageHead, control: RequestControl, rules: PageRules, now: number): boolean {
  if (control.minFresh !== undefined && head.freshUntil !== null) {
    if (head.freshUntil - now < control.minFresh * 1000) return false
  }
  if (!rules.obeyRequests) return true
  if (control.noCache) return false
  return control.maxAge === undefined || currentAge(head, now) <= control.maxAge * 1000
}

function miss(why: MissReason, control: RequestControl, onError: boolean): Miss | Refused {
  return control.onlyIfCached ? { do: 'refuse', status: 504 } : { do: 'miss', why, onError }
}

function hit(
  status: number,
  lines: readonly string[],
  age: number,
  range: ByteRange | undefined,
  where: string | undefined,
  body: boolean,
): Hit {
  return { do: 'hit', status, lines, age, range, contentRange: where, body, refresh: false }
}

// The length of the whole is not that of the part.
function withoutLength(lines: readonly string[]): string[] {
  return lines.filter((_, i) => lines[i - (i % 2)] !== 'content-length')
}
