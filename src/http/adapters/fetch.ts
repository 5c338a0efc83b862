/** Pages in front of any `(request) => Response`: each door wraps a handler. */
import { argumentError } from '../../core/errors.ts'
import { kindOf } from '../../core/options.ts'
import type { Ttl } from '../../core/values/expiry.ts'
import { headerMiddlewares } from '../header-middlewares.ts'
import { conditionally, recorded, responseOf, serve, visitOf } from '../on-fetch/serve.ts'
import { prepare } from '../on-fetch/watched-request.ts'
import type { PageCache } from '../page-cache.ts'
import type { PageCacheOptions, RouteOptions } from '../page-options.ts'
import { type PageCaches, Pages, type Purge } from '../pages.ts'
import type { Exchange } from '../visit.ts'
import { warnOrder } from '../warnings.ts'

/** A handler; what follows the request (an environment, a context) is passed on. */
export type FetchHandler<A extends unknown[] = unknown[]> = (
  request: Request,
  ...rest: A
) => Response | Promise<Response>

/** Wraps a handler. */
export type FetchMiddleware = <A extends unknown[]>(
  handler: FetchHandler<A>,
) => (request: Request, ...rest: A) => Promise<Response>

export interface FetchPageCache {
  /** The page cache of the whole site. */
  siteCache(): FetchMiddleware
  /** As `siteCache()(handler)`. */
  wrap: FetchMiddleware
  /** The storing half, outermost: sees the response as it leaves. */
  updateCache(): FetchMiddleware
  /** The looking-up half, innermost; it must get the very request that `updateCache` got. */
  fetchFromCache(): FetchMiddleware
  /** The page cache of one handler. */
  cachePage(ttl?: Ttl, options?: RouteOptions): FetchMiddleware
  purge: Purge
}

export function pageCache(caches: PageCaches, options?: PageCacheOptions<Request>): FetchPageCache {
  const pages = new Pages(caches, options)
  const updates = new WeakMap<Request, { exchange?: Exchange }>()
  const through =
    (cache: PageCache<Request>): FetchMiddleware =>
    (handler) =>
    (request, ...rest) => {
      const site = async (again: Request) => serve(cache, again, again, (raw) => handler(raw, ...rest))
      return serve(cache, request, request, (raw) => handler(raw, ...rest), site)
    }
  const site = through(pages.site)
  return {
    siteCache: () => site,
    wrap: site,
    updateCache:
      () =>
      (handler) =>
      async (request, ...rest) => {
        const update: { exchange?: Exchange } = {}
        updates.set(request, update)
        try {
          const response = await handler(request, ...rest)
          return update.exchange ? await recorded(update.exchange, response) : response
        } catch (error) {
          const reply = update.exchange?.fail()
          if (reply === undefined) throw error
          return responseOf(reply)
        }
      },
    fetchFromCache:
      () =>
      (handler) =>
      async (request, ...rest) => {
        const update = updates.get(request)
        if (update === undefined) {
          warnOrder()
          return handler(request, ...rest)
        }
        const course = await pages.site.begin(visitOf(request, request))
        if (course.do === 'reply') return responseOf(course.reply)
        update.exchange = course.exchange
        return handler(prepare(request, course.exchange), ...rest)
      },
    cachePage: (ttl, route) => through(pages.route(ttl, route)),
    purge: pages.purge,
  }
}

export const { cacheControl, neverCache, varyOnHeaders, varyOnCookie } = headerMiddlewares<FetchMiddleware>(
  (apply) => (handler) => {
    if (typeof handler !== 'function') throw wrongCall(handler)
    return async (request, ...rest) => {
      if (typeof request?.headers?.get !== 'function') throw wrongCall(request)
      const response = await handler(request, ...rest)
      // What fetch() answered cannot be changed.
      const copy = new Response(response.body, response)
      apply(copy)
      return copy
    }
  },
)

function wrongCall(given: unknown): Error {
  return argumentError(
    TypeError,
    'INVALID_REQUEST',
    `a header middleware wraps a handler of Fetch requests; it was called with ${kindOf(given)}`,
  )
}

/** Conditional GET alone: 304 where the client has the page already. */
export function conditionalGet(): FetchMiddleware {
  return (handler) =>
    (request, ...rest) =>
      conditionally(request, () => handler(request, ...rest))
}

export { quiet } from '../quiet.ts'
