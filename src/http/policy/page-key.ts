import { type Fields, field, fieldLines } from './fields.ts'

/**
 * Which page a request is about: the URL as received, and nothing that was guessed. Target and port are
 * taken byte for byte (no dot segments, no decoding, no sorting), since a router that
 * sees them otherwise than the key does would let one page answer for another. Only the letter case of
 * the host is dropped. What cannot be keyed safely passes the cache by, and the reason says why.
 */
export type Scheme = 'http' | 'https'

export interface PageUrl {
  readonly scheme: Scheme
  /** In lower case, with the port as received. */
  readonly host: string
  /** Path and query as received. */
  readonly target: string
}

export type UrlBypass =
  /** No Host field, several, or `:authority` saying something else. */
  | 'host-missing'
  | 'host-ambiguous'
  /** Userinfo, blanks, a port that is no number, anything a host name does not have. */
  | 'host-invalid'
  /** Not on the site's list. */
  | 'host-unknown'
  /** `*`, `host:port` or `http://…`: only a path is cached. */
  | 'target-form'
  /** A fragment, blanks, control characters. */
  | 'target-invalid'
  | 'target-too-long'

/** Longer targets are attacks or mistakes; they would only fill the store with keys. */
export const MAX_TARGET = 8192

const HOST = /^(?:[a-z0-9_-]+(?:\.[a-z0-9_-]+)*\.?|\[[0-9a-f:.]+\])(?::[0-9]{1,5})?$/
const TARGET = /^\/[\x21\x22\x24-\x7e\x80-\xff]*$/

/**
 * The URL of a request, or the reason why it has none that can be keyed. `scheme` is the one the
 * application trusts and shows to its handlers. `hosts`, where given, is the list of known hosts, in lower
 * case, with their ports.
 */
export function pageUrl(
  scheme: Scheme,
  target: string,
  fields: Fields,
  hosts?: ReadonlySet<string>,
): PageUrl | UrlBypass {
  const host = hostOf(fields)
  if (host === undefined) return 'host-missing'
  if (host === null) return 'host-ambiguous'
  if (host.length > 261 || !HOST.test(host)) return 'host-invalid'
  if (hosts !== undefined && !hosts.has(host)) return 'host-unknown'
  if (target.charCodeAt(0) !== 0x2f) return 'target-form'
  if (target.length > MAX_TARGET) return 'target-too-long'
  if (!TARGET.test(target)) return 'target-invalid'
  return { scheme, host, target }
}

/**
 * The key of a URL under a prefix, the same for every method, language and variant, so that one delete
 * makes the whole URL unreachable. Each part but the last is framed by its length, so that no two
 * lists of parts make the same key.
 */
export function pageKey(prefix: string, url: PageUrl): string {
  return `${prefix.length}:${prefix}${url.scheme}:${url.host.length}:${url.host}${url.target}`
}

// null: more than one host is named, and the handler may believe another than we do.
function hostOf(fields: Fields): string | null | undefined {
  const lines = fieldLines(fields, 'host')
  if (lines.length > 1) return null
  const host = lines[0]?.toLowerCase()
  const authority = field(fields, ':authority')?.toLowerCase()
  if (authority === undefined || host === authority) return host
  return host === undefined ? authority : null
}
