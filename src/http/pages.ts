/** The pages of a site: the places they rest in, the site's cache, its routes', and purging. */
import { type Answer, isPromise } from '../core/answer.ts'
import { argumentError } from '../core/errors.ts'
import { checkOptions, kindOf } from '../core/options.ts'
import type { Ttl } from '../core/values/expiry.ts'
import { PageCache } from './page-cache.ts'
import {
  checkKeyPrefix,
  type PageCacheOptions,
  type PageSettings,
  type RouteOptions,
  settlePages,
  settleRoute,
} from './page-options.ts'
import type { PageUrl } from './policy/page-key.ts'
import { purgedUrls } from './purge.ts'
import { Spot } from './spot.ts'

/** What the page cache needs of `createCaches()`. */
export interface PageCaches {
  get(alias: string): object
}

export interface PurgeOptions {
  /** Only the pages that rest in this alias; every one that this page cache uses, when left out. */
  alias?: string
  /** Only the pages under this prefix; every one that this page cache uses, when left out. */
  keyPrefix?: string
}

/**
 * Removes every variant of a URL, for all methods, and keeps what is being made from being stored. `true`
 * when there was one. `url` is whole, with scheme and host, as visitors ask for it.
 */
export type Purge = (url: string | URL, options?: PurgeOptions) => Promise<boolean>

export class Pages<R> {
  readonly settings: PageSettings<R>
  readonly #caches: PageCaches
  readonly #spots = new Map<string, { spot: Spot; alias: string; keyPrefix: string }>()
  /** The cache of all pages. */
  readonly site: PageCache<R>

  constructor(caches: PageCaches, options: PageCacheOptions<R> = {}) {
    if (typeof caches !== 'object' || caches === null || typeof caches.get !== 'function') {
      throw argumentError(
        TypeError,
        'INVALID_CACHES',
        `pageCache() takes what createCaches() made, not ${kindOf(caches)}`,
      )
    }
    this.#caches = caches
    this.settings = settlePages(options)
    this.site = this.#cacheOf(this.settings)
  }

  /** The cache of one route. `ttl` left out: the site's. */
  route(ttl: Ttl | undefined, options: RouteOptions = {}): PageCache<R> {
    return this.#cacheOf(settleRoute(this.settings, ttl, options))
  }

  readonly purge: Purge = async (url, options = {}) => {
    checkOptions('purge()', options, ['alias', 'keyPrefix'])
    const { alias, keyPrefix } = options
    const urls = purgedUrls(url)
    const known = [...this.#spots.values()].filter(
      (place) =>
        (alias === undefined || place.alias === alias) &&
        (keyPrefix === undefined || place.keyPrefix === keyPrefix),
    )
    // Another process may keep pages where this one never did.
    const spots =
      known.length > 0
        ? known.map(({ spot }) => spot)
        : [
            this.#spot({
              ...this.settings,
              alias: alias ?? this.settings.alias,
              keyPrefix: keyPrefix === undefined ? this.settings.keyPrefix : checkKeyPrefix(keyPrefix),
            }),
          ]
    const removed = await Promise.all(spots.flatMap((spot) => urls.map((one) => spot.remove(one))))
    return removed.includes(true)
  }

  #cacheOf(settings: PageSettings<R>): PageCache<R> {
    return new PageCache(this.#spot(settings), settings, (url) => this.#invalidate(url))
  }

  #spot(settings: PageSettings<R>): Spot {
    const { alias, keyPrefix, maxVariants } = settings
    const name = `${alias.length}:${alias}${keyPrefix}`
    let place = this.#spots.get(name)
    if (place === undefined) {
      place = { spot: new Spot(this.#caches.get(alias), keyPrefix, maxVariants), alias, keyPrefix }
      this.#spots.set(name, place)
    }
    return place.spot
  }

  #invalidate(url: PageUrl): Answer<unknown> {
    const pending: Promise<unknown>[] = []
    for (const { spot } of this.#spots.values()) {
      try {
        const removed = spot.remove(url)
        if (isPromise(removed)) pending.push(removed)
      } catch (error) {
        // A closed cache serves nothing any more.
        pending.push(Promise.reject(error))
      }
    }
    return pending.length === 0 ? undefined : Promise.allSettled(pending)
  }
}
