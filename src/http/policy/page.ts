import { type Fields, isFieldValue, isToken } from './fields.ts'
import { isNeverStored } from './hop-by-hop.ts'

/** A request, as far as a page cache has to know it. */
export interface PageRequest {
  /** As received; methods are case-sensitive. */
  readonly method: string
  readonly fields: Fields
  /**
   * The language the answer will be in, where the site tells (`localeOf`). It then stands for
   * Accept-Language.
   */
  readonly locale?: string
  /** The time zone the answer will be in, where the site tells (`timeZoneOf`). */
  readonly timeZone?: string
}

/** The head of a response, as it leaves. */
export interface PageResponse {
  readonly status: number
  readonly fields: Fields
  /**
   * Fields of the request, in lower case, that were read on the way to this response and make it personal:
   * `cookie`, `authorization`. They select the page as if Vary named them, but only for requests without
   * them.
   */
  readonly credentialsRead?: readonly string[]
  /** When the handler was called, for the delay of RFC 9111 §4.2.3. Default: the moment of recording. */
  readonly requestedAt?: number
}

/**
 * The head of a stored response: plain JSON data, instants in milliseconds since 1970, `null` for an end
 * that never comes. Everything a hit has to know was worked out when it was recorded.
 */
export interface PageHead {
  readonly status: number
  /**
   * Names and values in turn, in lower case, in order, repeated lines apart; no Age, nothing of the
   * connection.
   */
  readonly lines: readonly string[]
  /** What selected this page, sorted: field names in lower case, `:locale`, `:zone`. */
  readonly vary: readonly string[]
  /**
   * The value of each of them in the request that made it; `null` is absent, which is not the same as
   * empty.
   */
  readonly selected: readonly (string | null)[]
  /** When the response was made, its Age on arrival counted in. The Age of a hit counts from here. */
  readonly bornAt: number
  readonly receivedAt: number
  /** Fresh before this instant. */
  readonly freshUntil: number | null
  /** May be served before this instant while it is made anew; `freshUntil` where that is not allowed. */
  readonly staleUntil: number | null
  /** May stand in for a failing handler before this instant; `freshUntil` where that is not allowed. */
  readonly errorUntil: number | null
  /** Of no more use from this instant on: when the store may let it go. */
  readonly keepUntil: number | null
  /** Nothing in the response forbids serving it stale (RFC 9111 §4.2.4). */
  readonly mayBeStale: boolean
  /** The response allows itself to be shared with requests that carry Authorization (RFC 9111 §3.5). */
  readonly forCredentials: boolean
  readonly etag: string | null
  /** Last-Modified, where it is an exact date. */
  readonly lastModified: number | null
  /** Date, as received or, where it was missing, the instant of receipt. */
  readonly date: number
  /** Its freshness fields were added here and not by the handler, so that a renewal may replace them. */
  readonly addedFreshness: boolean
}

/** A stored page: its head, and a body of known length, whatever it is kept as. */
export interface Page {
  readonly head: PageHead
  readonly body: { readonly length: number }
}

/** Names and values in turn, from fields; each line of a repeated field is a pair of its own. */
export function flatLines(fields: Fields, keep: (name: string) => boolean): string[] {
  const lines: string[] = []
  for (const [name, value] of Object.entries(fields)) {
    if (value === undefined || !keep(name)) continue
    if (typeof value === 'object') for (const line of value) lines.push(name, line)
    else lines.push(name, String(value))
  }
  return lines
}

/**
 * Whether lines can be written into a response without ending it early: names are tokens, no CR, LF or NUL.
 */
export function areWritable(lines: readonly string[]): boolean {
  if (lines.length % 2 !== 0) return false
  for (let i = 0; i < lines.length; i += 2) {
    if (!isToken(lines[i]!) || !isFieldValue(lines[i + 1]!)) return false
  }
  return true
}

/**
 * A head that comes out of a store others can write to, or undefined where it is not one: a wrong shape, a
 * member missing, a header that would split the response or that no page is stored with. To be read as a miss.
 */
export function readPageHead(value: unknown): PageHead | undefined {
  if (typeof value !== 'object' || value === null) return undefined
  const head = value as Partial<Record<keyof PageHead, unknown>>
  const { status, lines, vary, selected } = head
  const sound =
    Number.isInteger(status) &&
    (status as number) >= 200 &&
    (status as number) <= 599 &&
    isList(lines, isText) &&
    areWritable(lines) &&
    lines.every((name, i) => i % 2 === 1 || (name === name.toLowerCase() && !isNeverStored(name))) &&
    isList(vary, isText) &&
    isList(selected, isTextOrNull) &&
    vary.length === selected.length &&
    [head.bornAt, head.receivedAt, head.date].every(Number.isFinite) &&
    [head.freshUntil, head.staleUntil, head.errorUntil, head.keepUntil, head.lastModified].every(
      (at) => at === null || Number.isFinite(at),
    ) &&
    isTextOrNull(head.etag) &&
    [head.mayBeStale, head.forCredentials, head.addedFreshness].every((yes) => typeof yes === 'boolean')
  return sound ? (value as PageHead) : undefined
}

function isList<T>(value: unknown, isMember: (member: unknown) => member is T): value is readonly T[] {
  return Array.isArray(value) && value.every(isMember)
}

function isText(value: unknown): value is string {
  return typeof value === 'string'
}

function isTextOrNull(value: unknown): value is string | null {
  return value === null || typeof value === 'string'
}
