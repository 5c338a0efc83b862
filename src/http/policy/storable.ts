import type { RequestControl, ResponseControl } from './cache-control.ts'
import { type Fields, field, fieldLines } from './fields.ts'
import { storedStatuses } from './freshness.ts'
import { areWritable, flatLines, type PageRequest, type PageResponse } from './page.ts'
import type { UrlBypass } from './page-key.ts'
import type { PageRules } from './page-rules.ts'
import type { VaryFault } from './vary.ts'

/**
 * May the store be asked about this request, and may this response be kept (RFC 9111 §3)? The answer is a
 * reason, the same in Cache-Status, in events and in the dashboard; undefined means nothing stands against
 * it.
 */
export type BypassReason =
  | UrlBypass
  /** Not GET or HEAD: neither answered from the store nor stored, whatever is configured. */
  | 'method'
  /** GET or HEAD with a body: the handler may read it, the key does not. */
  | 'request-body'
  /** The handler may take it for another method. */
  | 'method-override'
  /** An argument that is not among `queryNames`. */
  | 'query'
  /** If-Match, If-Unmodified-Since: for the handler to judge (RFC 9111 §4.3.2). */
  | 'precondition'
  /** `bypassOnCookie`. */
  | 'cookie'

export type RefusalReason =
  | BypassReason
  | VaryFault
  | 'status'
  | 'partial'
  | 'must-understand'
  | 'no-store'
  | 'private'
  | 'no-cache'
  | 'request-no-store'
  /** The request carried Authorization, and the response does not say that it may be shared all the same. */
  | 'authorization'
  /** Something behind the cache read a cookie or a credential that this request carried. */
  | 'credentials-read'
  | 'set-cookie'
  /** A nonce in Content-Security-Policy is good for one visitor. */
  | 'csp-nonce'
  /** Nothing gives the response a lifetime. */
  | 'no-lifetime'
  /** It was over on arrival: `max-age=0`, an Expires that is past or unreadable, a ttl of 0. */
  | 'already-stale'
  | 'field-invalid'
  | 'fields-too-large'

/** More field lines than this, or characters in them, are not stored. */
export const MAX_LINES = 256
const MAX_LINES_LENGTH = 65_536

/** Fields by which a handler may take a request for one of another method. */
export const OVERRIDES = ['x-http-method-override', 'x-http-method', 'x-method-override'] as const

/** RFC 9111 §5.2.2.3: statuses whose rules for caches are known here. A 206 is not: parts are not stored. */
const UNDERSTOOD: ReadonlySet<number> = new Set([
  200, 201, 202, 203, 204, 205, 300, 301, 302, 303, 307, 308, 400, 401, 402, 403, 404, 405, 406, 407, 408,
  409, 410, 411, 413, 414, 415, 417, 421, 422, 426, 500, 501, 502, 503, 504, 505,
])

/**
 * Why a request passes the cache by: it is not looked up, and its response is not stored. `target` is path
 * and query as received.
 */
export function bypassReason(
  request: PageRequest,
  target: string,
  rules: PageRules,
): BypassReason | undefined {
  const { method, fields } = request
  if (method !== 'GET' && method !== 'HEAD') return 'method'
  if (fields['transfer-encoding'] !== undefined) return 'request-body'
  const length = fields['content-length']
  if (length !== undefined && length !== '0' && length !== 0) return 'request-body'
  if (OVERRIDES.some((name) => fields[name] !== undefined) || namesMethod(target)) return 'method-override'
  if (rules.queryNames && !isKnownQuery(target, rules.queryNames)) return 'query'
  if (fields['if-match'] !== undefined || fields['if-unmodified-since'] !== undefined) return 'precondition'
  if (rules.bypassOnCookie && fields.cookie !== undefined) return 'cookie'
  return undefined
}

/** Why a response may not be stored whatever its lifetime, or undefined. */
export function refusalReason(
  request: PageRequest,
  requested: RequestControl,
  response: PageResponse,
  control: ResponseControl,
  rules: PageRules,
): RefusalReason | undefined {
  const { status, fields } = response
  // A HEAD has no body to keep, and an answer without one must never be a GET's.
  if (request.method !== 'GET') return 'method'
  if (requested.noStore) return 'request-no-store'
  // RFC 9111 §5.2.2.3 leaves it to the cache whether must-understand lifts no-store.
  const lifted = rules.mustUnderstand && control.liftsNoStore && UNDERSTOOD.has(status)
  if (control.noStore && !lifted) return 'no-store'
  if (control.private) return 'private'
  if (control.noCache && !(rules.keepToValidate && hasValidator(fields))) return 'no-cache'
  // §3.3: a part is not the page. With any other status Content-Range has no meaning (RFC 9110 §14.4).
  if (status === 206) return 'partial'
  if (!isFinal(status, request)) return 'status'
  if (control.mustUnderstand && !UNDERSTOOD.has(status)) return 'must-understand'
  if (!rules.anyStatus && !storedStatuses(rules).includes(status)) return 'status'
  if (field(fields, 'set-cookie') !== undefined && !rules.stripSetCookie) return 'set-cookie'
  // §3.5
  if (field(request.fields, 'authorization') !== undefined && !control.allowsCredentials)
    return 'authorization'
  if (hasNonce(fields)) return 'csp-nonce'
  return badLines(fields)
}

/** Whether the response may be kept to be asked about again: it has something to ask with. */
export function hasValidator(fields: Fields): boolean {
  return field(fields, 'etag') !== undefined || field(fields, 'last-modified') !== undefined
}

/** Whether a status is an answer about the page, and not about the conditions of this one request. */
function isFinal(status: number, request: PageRequest): boolean {
  if (!Number.isInteger(status) || status < 200 || status > 599 || status === 304) return false
  const { fields } = request
  const ranged = fields.range !== undefined
  const conditional = fields['if-none-match'] !== undefined || fields['if-modified-since'] !== undefined
  return !(status === 416 || (status === 412 && (ranged || conditional)))
}

function hasNonce(fields: Fields): boolean {
  for (const name of ['content-security-policy', 'content-security-policy-report-only']) {
    if (field(fields, name)?.toLowerCase().includes("'nonce-")) return true
  }
  return false
}

function badLines(fields: Fields): RefusalReason | undefined {
  let count = 0
  let length = 0
  for (const name of Object.keys(fields)) {
    for (const line of fieldLines(fields, name)) {
      count += 1
      length += name.length + line.length
    }
  }
  if (count > MAX_LINES || length > MAX_LINES_LENGTH) return 'fields-too-large'
  return areWritable(flatLines(fields, () => true)) ? undefined : 'field-invalid'
}

// Names are compared as they stand: one that is written in another way would be another key.
function isKnownQuery(target: string, names: ReadonlySet<string>): boolean {
  const query = target.indexOf('?')
  if (query === -1) return true
  const given = target
    .slice(query + 1)
    .split('&')
    .map((pair) => pair.split('=', 1)[0]!)
  return new Set(given).size === given.length && given.every((name) => names.has(name))
}

// `?_method=DELETE` is what method-override libraries read, however its name is encoded.
function namesMethod(target: string): boolean {
  const query = target.indexOf('?')
  if (query === -1) return false
  const text = target.slice(query + 1)
  if (!text.includes('%')) return /(?:^|[&;])_method(?:[=&;[]|$)/i.test(text)
  return text.split(/[&;]/).some((pair) => /^_method(?:\[|$)/i.test(decoded(pair.split('=', 1)[0]!)))
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    return text
  }
}
