/** What a site says about its pages: every option, its default, and the frozen settings made of them. */
import { argumentError } from '../core/errors.ts'
import { type Bytes, checkInteger, checkOptions, checkWord, kindOf, parseBytes } from '../core/options.ts'
import { type Duration, durationToMs, type Ttl, ttlToMs } from '../core/values/expiry.ts'
import { isToken } from './policy/fields.ts'
import { FORWARDED_FIELDS, type PageRules } from './policy/page-rules.ts'
import { unionOfNames } from './policy/vary.ts'

/**
 * Options of `pageCache`. `R` is the framework's request. Lifetimes are **seconds** or durations (`'15m'`).
 * Every default is the safe one.
 */
export interface PageCacheOptions<R = unknown> {
  /** The cache that pages rest in; `'default'`. */
  alias?: string
  /**
   * The lifetime of pages that say nothing of it; 600 seconds. 0: only pages that say themselves how long
   * they are fresh are stored, and nothing is added to the others.
   */
  ttl?: Ttl
  /** Stands in the key of every page, besides the prefix of the alias; `''`. */
  keyPrefix?: string
  /** Statuses that are stored; `[200]`. `ttl` is for 200, 203, 204, 300, 301, 308, 404 and 410; others have to say how long they are fresh. */
  statuses?: readonly number[]
  /** Stores any final status that says itself how long it is fresh. */
  anyStatus?: boolean
  /** Lets `must-understand` lift `no-store` where the rules of the status are known (RFC 9111 §5.2.2.3). */
  mustUnderstand?: boolean
  /** Stores a response with Set-Cookie, without that field. Else it is not stored. */
  stripSetCookie?: boolean
  /** Fields obeyed in place of Cache-Control (RFC 9213), the first that says something, such as `['CDN-Cache-Control']`. */
  targets?: readonly string[]
  /** Fields of the request that select the page though no Vary names them. */
  varyOn?: readonly string[]
  /**
   * The arguments that the site's URLs have, such as `['page', 'sort']`: a request with any other, or with one twice, passes by, so
   * that nobody fills the cache with queries of his own making. Left out: every query is a page.
   */
  queryNames?: readonly string[]
  /** Brings values of selecting fields to one form, by name: `{ 'accept-encoding': acceptChoices(['gzip']) }`. */
  normalise?: Readonly<Record<string, (value: string) => string>>
  /** Pages of one URL that live side by side; 32. The oldest goes. */
  maxVariants?: number
  /** Larger pages are passed on and not stored; `'1mb'`. */
  maxPageBytes?: Bytes
  /** A share of the time since Last-Modified as lifetime, where nothing else gives one; 0. A tenth is usual. */
  heuristic?: number
  /** How long a page is served stale while it is made anew, where the response does not say; 0. */
  staleWhileRevalidate?: Duration
  /** How long a stale page stands in for a failing handler, where the response does not say; 0. */
  staleIfError?: Duration
  /** How long a page with a validator is kept past its lifetime, for the handler to confirm with a 304; 0. */
  keepToValidate?: Duration
  /** Obeys `no-cache`, `max-age` and `max-stale` of requests: they let any client force work. */
  obeyRequests?: boolean
  /** The hosts of this site, with their ports. Others are passed by. Left out: any host, each with its own pages. */
  hosts?: readonly string[]
  /**
   * Whether a request comes from the site's own proxy, whose X-Forwarded-Proto and X-Forwarded-Host are then
   * believed (`true`: always). Until then these fields select pages, so that nobody can poison them. In
   * Express, `trust proxy` says it.
   */
  trustedProxy?: boolean | ((request: R) => boolean)
  /** The language the answer will be in; part of the key in place of Accept-Language. */
  localeOf?: (request: R) => string | undefined
  /** The time zone the answer will be in; part of the key. */
  timeZoneOf?: (request: R) => string | undefined
  /** Cookies taken out of the request before anything sees them: names, or `true` for all. */
  ignoreCookies?: readonly string[] | true
  /** Takes Cookie and Authorization out of every request that is looked up: for sites that have no visitors by name. */
  hideCredentials?: boolean
  /** Lets every request with a cookie pass by. */
  bypassOnCookie?: boolean
  /**
   * `'watch'` (default): what the handler reads of cookies and credentials selects its page. `'declared'`: only Vary and
   * Cache-Control of the response count, for handlers that are HTTP caches' origins already (a proxy).
   */
  credentials?: 'watch' | 'declared'
  /** Adds an ETag where the handler gave none, so that clients can be told 304; true. */
  etag?: boolean
  /** One call of the handler for all who ask for a page meanwhile; true. */
  collapse?: boolean
  /** The field Cache-Status: `true` hit, fwd and ttl; `'detail'` reasons and keys too, the default in development. */
  cacheStatus?: boolean | 'detail'
  /** Tells once a route, as a warning, why a page was not stored. In development. */
  explain?: boolean
}

/** Options of one route. */
export interface RouteOptions {
  /** Another alias for these pages. */
  cache?: string
  /** Another prefix for them. */
  keyPrefix?: string
}

const NAMES = [
  'alias',
  'ttl',
  'keyPrefix',
  'statuses',
  'anyStatus',
  'mustUnderstand',
  'stripSetCookie',
  'targets',
  'varyOn',
  'queryNames',
  'normalise',
  'maxVariants',
  'maxPageBytes',
  'heuristic',
  'staleWhileRevalidate',
  'staleIfError',
  'keepToValidate',
  'obeyRequests',
  'hosts',
  'trustedProxy',
  'localeOf',
  'timeZoneOf',
  'ignoreCookies',
  'hideCredentials',
  'bypassOnCookie',
  'credentials',
  'etag',
  'collapse',
  'cacheStatus',
  'explain',
] as const

/** The options, checked and settled. */
export interface PageSettings<R = unknown> {
  readonly alias: string
  readonly keyPrefix: string
  readonly rules: PageRules
  /** The rules for what a trusted proxy forwards: what it says of the URL selects nothing any more. */
  readonly trustedRules: PageRules
  readonly maxVariants: number
  readonly maxPageBytes: number
  readonly hosts: ReadonlySet<string> | undefined
  readonly trustedProxy: ((request: R) => boolean) | undefined
  readonly localeOf: ((request: R) => string | undefined) | undefined
  readonly timeZoneOf: ((request: R) => string | undefined) | undefined
  readonly ignoreCookies: ReadonlySet<string> | true | undefined
  readonly hideCredentials: boolean
  readonly watch: boolean
  readonly etag: boolean
  readonly collapse: boolean
  readonly cacheStatus: boolean
  readonly detail: boolean
  readonly explain: boolean
}

const DEFAULT_TTL = 600
const DEFAULT_MAX_VARIANTS = 32
const DEFAULT_MAX_PAGE_BYTES = 1024 ** 2

/** What a proxy tells of every request; the others select pages even behind it. */
const TOLD_BY_PROXIES: ReadonlySet<string> = new Set(
  FORWARDED_FIELDS.filter((name) => name === 'forwarded' || name.startsWith('x-forwarded-')),
)

export function settlePages<R>(options: PageCacheOptions<R>): PageSettings<R> {
  const where = 'pageCache()'
  checkOptions(where, options, NAMES)
  for (const name of ['localeOf', 'timeZoneOf'] as const) {
    if (options[name] !== undefined && typeof options[name] !== 'function') {
      throw invalid(`${name} must be a function of the request, not ${kindOf(options[name])}`)
    }
  }
  for (const name of [
    'anyStatus',
    'mustUnderstand',
    'stripSetCookie',
    'obeyRequests',
    'hideCredentials',
    'bypassOnCookie',
    'etag',
    'collapse',
    'explain',
  ] as const) {
    if (options[name] !== undefined && typeof options[name] !== 'boolean') {
      throw invalid(`${name} must be true or false, not ${kindOf(options[name])}`)
    }
  }
  const { alias = 'default', trustedProxy, ignoreCookies, cacheStatus = true } = options
  if (typeof alias !== 'string') throw invalid(`alias must be a string, not ${kindOf(alias)}`)
  if (cacheStatus !== 'detail' && typeof cacheStatus !== 'boolean') {
    throw invalid(`cacheStatus must be true, false or 'detail', not ${kindOf(cacheStatus)}`)
  }
  const development = process.env.NODE_ENV !== 'production'
  const varyOn = names('varyOn', options.varyOn)
  const ttl = options.ttl === undefined ? DEFAULT_TTL : secondsOf('ttl', options.ttl)
  const rules: PageRules = Object.freeze({
    ...(ttl === 0 ? {} : { defaultTtl: ttl }),
    ...(options.statuses && { statuses: statusesOf(options.statuses) }),
    ...(options.queryNames && { queryNames: new Set(strings('queryNames', options.queryNames)) }),
    ...(options.normalise && { normalise: normalisers(options.normalise) }),
    anyStatus: options.anyStatus ?? false,
    mustUnderstand: options.mustUnderstand ?? false,
    stripSetCookie: options.stripSetCookie ?? false,
    obeyRequests: options.obeyRequests ?? false,
    bypassOnCookie: options.bypassOnCookie ?? false,
    targets: names('targets', options.targets),
    varyOn: unionOfNames(varyOn, FORWARDED_FIELDS),
    heuristic: share('heuristic', options.heuristic ?? 0),
    staleWhileRevalidate: durationToMs('staleWhileRevalidate', options.staleWhileRevalidate ?? 0) / 1000,
    staleIfError: durationToMs('staleIfError', options.staleIfError ?? 0) / 1000,
    keepToValidate: durationToMs('keepToValidate', options.keepToValidate ?? 0) / 1000,
  })
  const credentials = checkWord(`${where}: credentials`, options.credentials ?? 'watch', [
    'watch',
    'declared',
  ])
  return Object.freeze({
    alias,
    keyPrefix: checkKeyPrefix(options.keyPrefix ?? ''),
    rules,
    trustedRules: Object.freeze({
      ...rules,
      varyOn: unionOfNames(
        varyOn,
        FORWARDED_FIELDS.filter((name) => !TOLD_BY_PROXIES.has(name)),
      ),
    }),
    maxVariants: checkInteger('maxVariants', options.maxVariants ?? DEFAULT_MAX_VARIANTS, 1, 10_000),
    maxPageBytes:
      options.maxPageBytes === undefined
        ? DEFAULT_MAX_PAGE_BYTES
        : parseBytes('maxPageBytes', options.maxPageBytes),
    hosts: options.hosts && new Set(strings('hosts', options.hosts).map((host) => host.toLowerCase())),
    trustedProxy: trustOf(trustedProxy),
    localeOf: options.localeOf,
    timeZoneOf: options.timeZoneOf,
    ignoreCookies:
      ignoreCookies === undefined || ignoreCookies === true
        ? ignoreCookies
        : new Set(strings('ignoreCookies', ignoreCookies)),
    hideCredentials: options.hideCredentials ?? false,
    watch: credentials === 'watch',
    etag: options.etag ?? true,
    collapse: options.collapse ?? true,
    cacheStatus: cacheStatus !== false,
    detail: cacheStatus === 'detail' || (options.cacheStatus === undefined && development),
    explain: options.explain ?? development,
  })
}

/** The settings of one route over those of its site. */
export function settleRoute<R>(
  settings: PageSettings<R>,
  ttl: Ttl | undefined,
  options: RouteOptions,
): PageSettings<R> {
  checkOptions('cachePage()', options, ['cache', 'keyPrefix'])
  const { cache = settings.alias, keyPrefix } = options
  if (typeof cache !== 'string') throw invalid(`cache must be an alias, not ${kindOf(cache)}`)
  const own = ttl === undefined ? {} : { ttl: secondsOf('ttl', ttl) }
  return Object.freeze({
    ...settings,
    alias: cache,
    keyPrefix: keyPrefix === undefined ? settings.keyPrefix : checkKeyPrefix(keyPrefix),
    rules: Object.freeze({ ...settings.rules, ...own }),
    trustedRules: Object.freeze({ ...settings.trustedRules, ...own }),
  })
}

export function checkKeyPrefix(prefix: unknown): string {
  if (typeof prefix === 'string') return prefix
  throw invalid(`keyPrefix must be a string, not ${kindOf(prefix)}`)
}

function secondsOf(name: string, ttl: Ttl): number | null {
  const ms = ttlToMs(name, ttl)
  return ms === Number.POSITIVE_INFINITY ? null : ms / 1000
}

function share(name: string, value: unknown): number {
  if (typeof value === 'number' && value >= 0 && value <= 1) return value
  throw invalid(`${name} must be a share from 0 to 1`)
}

function trustOf<R>(trusted: PageCacheOptions<R>['trustedProxy']): ((request: R) => boolean) | undefined {
  if (trusted === undefined || trusted === false) return undefined
  if (trusted === true) return () => true
  if (typeof trusted === 'function') return trusted
  throw invalid(`trustedProxy must be true, false or a function of the request, not ${kindOf(trusted)}`)
}

function names(option: string, list: readonly string[] | undefined): readonly string[] {
  return strings(option, list ?? []).map((name) => {
    if (isToken(name)) return name.toLowerCase()
    throw invalid(`${option} takes names of header fields`)
  })
}

function strings(option: string, list: unknown): string[] {
  if (Array.isArray(list) && list.every((item) => typeof item === 'string')) return list
  throw invalid(`${option} must be a list of strings, not ${kindOf(list)}`)
}

function statusesOf(list: unknown): readonly number[] {
  if (Array.isArray(list) && list.every((item) => Number.isInteger(item) && item >= 200 && item <= 599)) {
    return [...list]
  }
  throw invalid('statuses must be a list of status codes from 200 to 599')
}

function normalisers(given: NonNullable<PageRules['normalise']>): PageRules['normalise'] {
  const entries = Object.entries(given)
  if (entries.some(([, normalise]) => typeof normalise !== 'function')) {
    throw invalid('normalise must hold functions, by name of the field')
  }
  return Object.freeze(Object.fromEntries(entries.map(([name, act]) => [name.toLowerCase(), act])))
}

function invalid(message: string): Error {
  return argumentError(TypeError, 'INVALID_OPTION', `pageCache(): ${message}`)
}
