import { parseHttpDate } from './dates.ts'
import { type Fields, field } from './fields.ts'
import type { PageHead } from './page.ts'

/**
 * Conditions of a client against a stored page (RFC 9110 §13, RFC 9111 §4.3): whether it may be told 304,
 * and what to ask the handler with when a page has to be validated.
 */
/**
 * Fields to take out of the request that a handler sees, where its answer is to be stored: they would make
 * it a 304, a 206 or a 412.
 */
export const CONDITIONAL_FIELDS: readonly string[] = Object.freeze([
  'if-none-match',
  'if-modified-since',
  'if-range',
  'range',
])

/** RFC 9110 §15.4.5, as Django sends them; Age is added by whoever serves. */
const IN_A_304: ReadonlySet<string> = new Set([
  'cache-control',
  'content-location',
  'date',
  'etag',
  'expires',
  'last-modified',
  'vary',
])

/** What stays beside them when the handler's own answer becomes a 304: what is about this one answer, and not about the page. */
const STAYS_IN_A_304: ReadonlySet<string> = new Set([
  ...IN_A_304,
  'age',
  'cache-status',
  'connection',
  'keep-alive',
  'set-cookie',
])

/** Whether a field, by its name in lower case, goes out with a 304 that is made of the handler's answer. */
export function staysIn304(name: string): boolean {
  return STAYS_IN_A_304.has(name)
}

/**
 * Whether the client already has this page. If-None-Match, compared weakly, goes before If-Modified-Since,
 * which is then not looked at (RFC 9110 §13.2.2). Only for a page with status 200.
 */
export function isNotModified(
  fields: Fields,
  head: Pick<PageHead, 'status' | 'etag' | 'lastModified' | 'date'>,
  now: number,
): boolean {
  if (head.status !== 200) return false
  const tags = field(fields, 'if-none-match')
  if (tags !== undefined) return matchesTag(tags, head.etag, weaklyEqual)
  const since = field(fields, 'if-modified-since')
  if (since === undefined) return false
  const instant = parseHttpDate(since, now)
  // §4.3.2: without Last-Modified, Date. Dates count whole seconds.
  return instant !== undefined && instant >= Math.floor((head.lastModified ?? head.date) / 1000) * 1000
}

/** The lines of a 304 for a stored page. */
export function notModifiedLines(head: PageHead): string[] {
  const lines: string[] = []
  for (let i = 0; i < head.lines.length; i += 2) {
    if (IN_A_304.has(head.lines[i]!)) lines.push(head.lines[i]!, head.lines[i + 1]!)
  }
  return lines
}

/**
 * Whether a list of entity tags, or `*`, matches a tag. Unquoted members are no tags and match nothing. In
 * time linear in the list.
 */
export function matchesTag(
  list: string,
  etag: string | null,
  equal: (a: string, b: string) => boolean,
): boolean {
  // `*` matches any stored representation, tagged or not (§13.1.2).
  if (list.trim() === '*') return true
  if (etag === null) return false
  for (const [tag] of list.matchAll(/(?:W\/)?"[^"]*"/g)) {
    if (equal(tag, etag)) return true
  }
  return false
}

/** RFC 9110 §8.8.3.2. */
function weaklyEqual(a: string, b: string): boolean {
  return opaque(a) === opaque(b)
}

/** RFC 9110 §8.8.3.2: a weak tag equals nothing strongly, not even itself. */
export function stronglyEqual(a: string, b: string): boolean {
  return a === b && !isWeak(a)
}

/** An entity tag as it should be written, or null for what is none. */
export function entityTag(value: string | undefined): string | null {
  return value !== undefined && /^(?:W\/)?"[\x21\x23-\x7e\x80-\xff]*"$/.test(value) ? value : null
}

export interface Conditions {
  readonly 'if-none-match'?: string
  readonly 'if-modified-since'?: string
}

/**
 * What to ask the handler with, to validate these pages of one URL (RFC 9111 §4.3.1): every tag, and the
 * Last-Modified of the first, which is the one to be renewed. Undefined where none of them has a validator.
 */
export function conditionsFor(heads: readonly PageHead[]): Conditions | undefined {
  const tags = new Set(heads.map((head) => head.etag).filter((etag) => etag !== null))
  const modified = heads[0] === undefined ? undefined : lineOf(heads[0], 'last-modified')
  const since = heads[0]?.lastModified == null ? undefined : modified
  if (tags.size === 0 && since === undefined) return undefined
  return {
    ...(tags.size > 0 && { 'if-none-match': [...tags].join(', ') }),
    ...(since !== undefined && { 'if-modified-since': since }),
  }
}

/**
 * Whether a 304 is about this page (RFC 9111 §4.3.4): the validator it carries is the page's own, strongly
 * where it is strong; one that carries none is about the page that was asked about.
 */
export function validates(fields: Fields, head: PageHead, now: number): boolean {
  const etag = entityTag(field(fields, 'etag'))
  if (etag !== null && head.etag !== null) {
    return isWeak(etag) ? weaklyEqual(etag, head.etag) : stronglyEqual(etag, head.etag)
  }
  if (etag !== null) return false
  const modified = parseHttpDate(field(fields, 'last-modified') ?? '', now)
  return modified === undefined || head.lastModified === null || modified === head.lastModified
}

/**
 * What a HEAD that the handler answered says about the stored page (RFC 9111 §4.3.5): another validator or
 * length, and the page is to be taken as stale.
 */
export function contradicts(
  fields: Fields,
  page: { head: PageHead; body: { length: number } },
  now: number,
): boolean {
  const length = field(fields, 'content-length')
  if (length !== undefined && Number(length) !== page.body.length) return true
  const etag = entityTag(field(fields, 'etag'))
  if (etag !== null && page.head.etag !== null) return !weaklyEqual(etag, page.head.etag)
  const modified = parseHttpDate(field(fields, 'last-modified') ?? '', now)
  return modified !== undefined && page.head.lastModified !== null && modified !== page.head.lastModified
}

/** One line of a stored head, the first where it is repeated. */
function lineOf(head: PageHead, name: string): string | undefined {
  for (let i = 0; i < head.lines.length; i += 2) if (head.lines[i] === name) return head.lines[i + 1]
  return undefined
}

function isWeak(tag: string): boolean {
  return tag.startsWith('W/')
}

function opaque(tag: string): string {
  return isWeak(tag) ? tag.slice(2) : tag
}
