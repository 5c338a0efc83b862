/**
 * What a site or a route may decide about its pages; everything else is HTTP. Settled once at the door and
 * passed in frozen. All lifetimes here are seconds, fractions allowed; all instants elsewhere are
 * milliseconds since 1970. Every default is the safe one.
 */
export interface PageRules {
  /**
   * The route's own lifetime (`cachePage(60)`): beats `s-maxage`, `max-age` and `Expires` of the response,
   * never `no-store`, `private` or `no-cache`. `null` has no end; 0 or less stores nothing.
   */
  readonly ttl?: number | null
  /**
   * The lifetime of a response that says nothing, for those of `statuses` that may be kept without one (RFC 9111 §3).
   * Left out: such a response is not stored.
   */
  readonly defaultTtl?: number | null
  /** Statuses that are stored at all. Default `[200]`. */
  readonly statuses?: readonly number[]
  /** Stores any final status that carries a lifetime of its own. Default false. */
  readonly anyStatus?: boolean
  /**
   * Lets `must-understand` lift `no-store` where the rules of the status are known (RFC 9111 §5.2.2.3). Default false:
   * `no-store` wins.
   */
  readonly mustUnderstand?: boolean
  /** Stores a response with Set-Cookie, without that field. Default false: it is not stored. */
  readonly stripSetCookie?: boolean
  /**
   * Fields that speak to this cache alone and are obeyed in place of Cache-Control and Expires, the first
   * that says something (RFC 9213), such as `['cdn-cache-control']`. Lower case. They are passed
   * on. Default none.
   */
  readonly targets?: readonly string[]
  /** Lets every request with a Cookie field pass by. Default false. */
  readonly bypassOnCookie?: boolean
  /**
   * Fields that select a page though no Vary names them; see `FORWARDED_FIELDS`. Lower case. Default none.
   */
  readonly varyOn?: readonly string[]
  /** The names that arguments of a query may have, each once, as they stand in it. Default: whatever the query is. */
  readonly queryNames?: ReadonlySet<string>
  /**
   * Functions that bring the values of a selecting field to one form, by name in lower case, such as
   * `acceptChoices`. They decide who shares a page: they must not join values that the handler tells apart.
   */
  readonly normalise?: Readonly<Record<string, (value: string) => string>>
  /**
   * A fraction of the time since Last-Modified as lifetime, where nothing else gives one; a tenth is usual.
   * Default 0.
   */
  readonly heuristic?: number
  /** Seconds a page is served stale while it is made anew, where the response does not say. Default 0. */
  readonly staleWhileRevalidate?: number
  /** Seconds a stale page stands in for a handler that fails, where the response does not say. Default 0. */
  readonly staleIfError?: number
  /**
   * Seconds a page with a validator is kept past its lifetime, so that a 304 can renew it; `no-cache` pages
   * too. Default 0.
   */
  readonly keepToValidate?: number
  /**
   * Obeys `no-cache`, `max-age` and `max-stale` of requests, and `Pragma`. Default false: they let any client
   * force work on the handler. `only-if-cached`, `min-fresh` and `no-store` are always obeyed.
   */
  readonly obeyRequests?: boolean
}

/**
 * Fields that proxies and frameworks build URLs from. They are in no Vary, so a handler that believes them
 * would poison the page for everybody: they select the page until the site names its trusted proxy.
 */
export const FORWARDED_FIELDS: readonly string[] = Object.freeze([
  'forwarded',
  'x-forwarded-host',
  'x-forwarded-port',
  'x-forwarded-prefix',
  'x-forwarded-proto',
  'x-forwarded-scheme',
  'x-host',
  'x-original-url',
  'x-rewrite-url',
])
