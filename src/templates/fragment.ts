/**
 * A fragment: a piece of a page, kept as the HTML it was rendered to. It is `getOrSet` under a key of its own, so one render serves
 * all who ask meanwhile, `staleFor` serves the old one while a new one is made, and a backend that is down
 * costs a render. What is stored is finished HTML: it is never escaped again and never read as a template (A46).
 */
import type { Cache, GetOrSetOptions, SyncCache } from '../core/cache.ts'
import type { Registry } from '../core/caches.ts'
import { argumentError, CacheError, UnknownCacheError } from '../core/errors.ts'
import { checkOptions, kindOf } from '../core/options.ts'
import { MAKE_OPTION_NAMES, type MakeOptions } from '../core/settings.ts'
import { type Ttl, ttlToMs } from '../core/values/expiry.ts'
import { fragmentKey } from './key.ts'
import { watchedBody } from './watch.ts'

/** A fault in how a fragment is written in a template. Codes `FRAGMENT_SYNTAX`, `FRAGMENT_TTL`, `FRAGMENT_BODY`, `FRAGMENT_PLACE`. */
export class FragmentError extends CacheError {
  override name = 'FragmentError'
}

/** What a fragment is told besides its name. */
export interface FragmentOptions extends MakeOptions {
  /** How long it is kept; the cache's own when left out, `null` for ever. 0 or less: rendered, and not kept. */
  ttl?: Ttl
  /** What it depends on: user, language, time zone … See `fragmentKey`. */
  varyOn?: Iterable<unknown> | null
  /** The alias it rests in: `template_fragments` where that is configured, else `default`. */
  using?: string
}

/** Renders the body to finished HTML. */
export type Render = () => string | Promise<string>

const FRAGMENT_OPTIONS = ['ttl', 'varyOn', 'using', ...MAKE_OPTION_NAMES]

/**
 * The HTML of a fragment: what is stored, or what `render` makes of it.
 *
 * @example
 * const html = await cacheFragment(caches, 'sidebar', () => sidebar(user), { ttl: 500, varyOn: [user.name] })
 *
 * @throws UnknownCacheError for `using` an alias that is not configured; FragmentError `FRAGMENT_BODY` for a body that is no text;
 *   what `render` throws. Always by rejecting.
 */
export function cacheFragment(
  caches: Registry,
  name: string,
  render: Render,
  ttl?: Ttl | FragmentOptions,
): Promise<string> {
  try {
    const { cache, key, options, varies } = settle(caches, name, render, ttl)
    const body = () => {
      const html = varies ? render() : watchedBody(name, render)
      return html instanceof Promise ? html.then((text) => checkBody(name, text)) : checkBody(name, html)
    }
    return isKept(options) ? cache.getOrSet<string>(key, body, options) : Promise.resolve(body())
  } catch (error) {
    return Promise.reject(error)
  }
}

/**
 * The same in this turn, for engines that cannot wait: on backends that live in the process.
 *
 * @throws FragmentError `FRAGMENT_PLACE` on a backend that answers later.
 */
export function cacheFragmentSync(
  caches: Registry,
  name: string,
  render: () => string,
  ttl?: Ttl | FragmentOptions,
): string {
  const { cache, key, options, varies } = settle(caches, name, render, ttl)
  const { sync } = cache
  if (sync === undefined) {
    throw new FragmentError(
      'FRAGMENT_PLACE',
      `fragment ${JSON.stringify(name)}: the cache ${JSON.stringify(cache.alias)} cannot answer within a synchronous render: render asynchronously, or name with using= a cache in memory`,
    )
  }
  const body = () => checkBody(name, varies ? render() : watchedBody(name, render))
  return isKept(options) ? sync.getOrSet<string>(key, body, options) : body()
}

/** Does the alias that `using` means answer in the same turn? */
export function answersInTurn(caches: Registry, using: unknown): boolean {
  return cacheOf(caches, using).sync !== undefined
}

/** What has `sync` has it by its backend, which the type of a cache found by name does not tell. */
type AnyCache = Cache & { readonly sync?: SyncCache | undefined }

interface Settled {
  cache: AnyCache
  key: string
  options: GetOrSetOptions
  varies: boolean
}

function settle(
  caches: Registry,
  name: string,
  render: unknown,
  third: Ttl | FragmentOptions | undefined,
): Settled {
  if (typeof render !== 'function') {
    throw argumentError(
      TypeError,
      'INVALID_FUNCTION',
      `fragment ${JSON.stringify(name)}: render must be a function that gives its HTML, not ${kindOf(render)}`,
    )
  }
  if (typeof third !== 'object' || third === null) {
    return {
      cache: cacheOf(caches, undefined),
      key: fragmentKey(name),
      options: { ttl: third },
      varies: false,
    }
  }
  checkOptions('cacheFragment()', third, FRAGMENT_OPTIONS)
  const { varyOn, using, ...options } = third
  const key = fragmentKey(name, varyOn)
  return { cache: cacheOf(caches, using), key, options, varies: key !== fragmentKey(name) }
}

/** FRG-05. */
function cacheOf(caches: Registry, using: unknown): AnyCache {
  checkRegistry(caches)
  if (using === undefined) {
    return caches.get(Object.hasOwn(caches, 'template_fragments') ? 'template_fragments' : 'default')
  }
  if (typeof using === 'string') return caches.get(using)
  throw new UnknownCacheError(
    'UNKNOWN_CACHE',
    `using= must be the name of a cache, not ${kindOf(using)}; there are ${[...caches].join(', ')}`,
  )
}

/** @throws TypeError `INVALID_CACHES` for what `createCaches` did not make. */
export function checkRegistry(caches: unknown): void {
  if (typeof caches === 'object' && caches !== null && 'get' in caches && typeof caches.get === 'function')
    return
  throw argumentError(
    TypeError,
    'INVALID_CACHES',
    `fragments rest in what createCaches() made, not in ${kindOf(caches)}`,
  )
}

/** FRG-03: what is over at once is rendered, neither looked up nor kept. */
function isKept({ ttl }: GetOrSetOptions): boolean {
  return ttl === undefined || ttlToMs('ttl', ttl) > 0
}

function checkBody(name: string, html: unknown): string {
  if (typeof html === 'string') return html
  throw new FragmentError(
    'FRAGMENT_BODY',
    `fragment ${JSON.stringify(name)}: the body must give its HTML as a string, not ${kindOf(html)}`,
  )
}
