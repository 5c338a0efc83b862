/** Pages in Koa. `app.proxy` says that X-Forwarded fields are believed. */
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Ttl } from '../../core/values/expiry.ts'
import { ConditionalExchange } from '../conditional.ts'
import { headerMiddlewares } from '../header-middlewares.ts'
import { beforeHead } from '../on-node/before-head.ts'
import { Capture } from '../on-node/capture.ts'
import { isUpdated, serve, update } from '../on-node/serve.ts'
import type { PageCache } from '../page-cache.ts'
import type { PageCacheOptions, RouteOptions } from '../page-options.ts'
import { type PageCaches, Pages, type Purge } from '../pages.ts'
import { warnOrder } from '../warnings.ts'

type Listener = (request: IncomingMessage, response: ServerResponse) => unknown

/** What is looked at of Koa's own context. */
export interface KoaContext {
  req: IncomingMessage
  res: ServerResponse
  originalUrl: string
  respond?: boolean | undefined
  app: { proxy?: boolean; callback(): Listener }
}

export type KoaMiddleware<C> = (context: C, next: () => Promise<unknown>) => Promise<void>

export interface KoaPageCache<C> {
  /** The page cache of the whole site: goes before everything that makes pages. */
  siteCache(): KoaMiddleware<C>
  /** The storing half: goes first, so that it sees the response as it leaves. */
  updateCache(): KoaMiddleware<C>
  /** The looking-up half: goes last, behind what changes the request. */
  fetchFromCache(): KoaMiddleware<C>
  /** The page cache of one route. */
  cachePage(ttl?: Ttl, options?: RouteOptions): KoaMiddleware<C>
  purge: Purge
}

export function pageCache<C extends KoaContext = KoaContext>(
  caches: PageCaches,
  options?: PageCacheOptions<C>,
): KoaPageCache<C> {
  const pages = new Pages(caches, options)
  const through = (cache: PageCache<C>): KoaMiddleware<C> => {
    return async (context, next) => {
      const { req, res, originalUrl, app } = context
      const visit = {
        request: context,
        raw: req,
        response: res,
        target: originalUrl,
        trusted: () => app.proxy === true,
        site: siteOf(app),
        beside: [context],
      }
      await serve(cache, visit, next, async () => {
        context.respond = false
      })
    }
  }
  const site = through(pages.site)
  return {
    siteCache: () => site,
    updateCache: () => async (context, next) => {
      update(context.res)
      await next()
    },
    fetchFromCache: () => (context, next) => {
      if (isUpdated(context.res)) return site(context, next)
      warnOrder()
      return next() as Promise<void>
    },
    cachePage: (ttl, route) => through(pages.route(ttl, route)),
    purge: pages.purge,
  }
}

const sites = new WeakMap<object, Listener>()

function siteOf(app: KoaContext['app']): Listener {
  return (request, response) => {
    const site = sites.get(app) ?? app.callback()
    sites.set(app, site)
    return site(request, response)
  }
}

export const { cacheControl, neverCache, varyOnHeaders, varyOnCookie } = headerMiddlewares<
  KoaMiddleware<KoaContext>
>((apply) => async (context, next) => {
  beforeHead(context.res, apply)
  await next()
})

/** Conditional GET alone: an ETag where there is none, 304 where the client has the page already. */
export function conditionalGet(): KoaMiddleware<KoaContext> {
  return async ({ req, res }, next) => {
    new Capture(res).begin(new ConditionalExchange(req.method ?? '', req.headers))
    await next()
  }
}

export { quiet } from '../quiet.ts'
