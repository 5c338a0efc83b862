/**
 * Pages in Hono. A middleware there cannot have the route run again, so an expired page is a miss; for stale
 * pages wrap the whole site: `pageCache(caches).wrap(app.fetch)` of `stillwarm/http/fetch`.
 */
import type { Ttl } from '../../core/values/expiry.ts'
import type { Watch } from '../credentials.ts'
import { headerMiddlewares } from '../header-middlewares.ts'
import {
  conditionally,
  fieldsSet,
  type Handle,
  recorded,
  responseOf,
  serve,
  visitOf,
} from '../on-fetch/serve.ts'
import { prepare } from '../on-fetch/watched-request.ts'
import type { PageCache } from '../page-cache.ts'
import type { PageCacheOptions, RouteOptions } from '../page-options.ts'
import { type PageCaches, Pages, type Purge } from '../pages.ts'
import type { Exchange } from '../visit.ts'
import { warnOrder } from '../warnings.ts'

/** What is looked at of Hono's own context. */
export interface HonoContext {
  req: { raw: Request }
  body(data: null): Response
  get res(): Response
  set res(response: Response | undefined)
  // Hono types its variables by names that are not known here.
  get: (name: never) => unknown
}

export type HonoMiddleware<C> = (context: C, next: () => Promise<void>) => Promise<Response | undefined>

export interface HonoPageCache<C> {
  /** The page cache of the whole site: goes before everything that makes pages. */
  siteCache(): HonoMiddleware<C>
  /** The storing half: goes first, so that it sees the response as it leaves. */
  updateCache(): HonoMiddleware<C>
  /** The looking-up half: goes last, behind what changes the request. */
  fetchFromCache(): HonoMiddleware<C>
  /** The page cache of one route. */
  cachePage(ttl?: Ttl, options?: RouteOptions): HonoMiddleware<C>
  purge: Purge
}

export function pageCache<C extends HonoContext = HonoContext>(
  caches: PageCaches,
  options?: PageCacheOptions<C>,
): HonoPageCache<C> {
  const pages = new Pages(caches, options)
  const updates = new WeakMap<object, { exchange?: Exchange; own?: ReturnType<typeof fieldsSet> }>()
  const through =
    (cache: PageCache<C>): HonoMiddleware<C> =>
    async (context, next) => {
      let handled = false
      const handle: Handle = async (request, exchange) => {
        handled = true
        context.req.raw = request
        if (exchange?.watch) watchVariables(context, exchange.watch)
        await next()
        return context.res
      }
      const response = await serve(cache, context, context.req.raw, handle, undefined, () =>
        setBefore(context),
      )
      if (!handled) return response
      if (response !== context.res) replace(context, response)
      return undefined
    }
  return {
    siteCache: () => through(pages.site),
    updateCache: () => async (context, next) => {
      const update: { exchange?: Exchange; own?: ReturnType<typeof fieldsSet> } = {}
      updates.set(context, update)
      await next()
      if (update.exchange) replace(context, await recorded(update.exchange, context.res, update.own))
      return undefined
    },
    fetchFromCache: () => async (context, next) => {
      const update = updates.get(context)
      if (update === undefined) {
        warnOrder()
        await next()
        return undefined
      }
      const course = await pages.site.begin(visitOf(context, context.req.raw))
      const own = setBefore(context)
      if (course.do === 'reply') return responseOf(course.reply, own)
      update.exchange = course.exchange
      update.own = own
      const { watch } = course.exchange
      context.req.raw = prepare(context.req.raw, course.exchange)
      if (watch) watchVariables(context, watch)
      await next()
      return undefined
    },
    cachePage: (ttl, route) => through(pages.route(ttl, route)),
    purge: pages.purge,
  }
}

/** What was set on the response so far. Looking at `context.res` instead would change what the handler's answer is merged with. */
function setBefore(context: HonoContext): ReturnType<typeof fieldsSet> {
  return fieldsSet(context.body(null))
}

/** Hono's middlewares hand on sessions and users as variables. */
function watchVariables(context: HonoContext, watch: Watch): void {
  const { get } = context
  const variable = get as (name: string) => unknown
  watch.variables(context, (name) => variable.call(context, name))
  context.get = (name: string) => {
    watch.noteProperty(name)
    return variable.call(context, name)
  }
  const all: unknown = Reflect.get(context, 'var')
  if (typeof all !== 'object' || all === null) return
  Object.defineProperty(context, 'var', {
    configurable: true,
    get: () =>
      new Proxy(Reflect.get(Object.getPrototypeOf(context) as object, 'var', context) as object, {
        get(target, name) {
          watch.noteProperty(String(name))
          return Reflect.get(target, name)
        },
        ownKeys(target) {
          watch.noteAll()
          return Reflect.ownKeys(target)
        },
      }),
  })
}

/** Hono would merge the fields of two responses. */
function replace(context: HonoContext, response: Response): void {
  context.res = undefined
  context.res = response
}

export const { cacheControl, neverCache, varyOnHeaders, varyOnCookie } = headerMiddlewares<
  HonoMiddleware<HonoContext>
>((apply) => async (context, next) => {
  await next()
  apply(context.res)
  return undefined
})

/** Conditional GET alone: 304 where the client has the page already. */
export function conditionalGet(): HonoMiddleware<HonoContext> {
  return async (context, next) => {
    const response = await conditionally(context.req.raw, async () => {
      await next()
      return context.res
    })
    replace(context, response)
    return undefined
  }
}

export { quiet } from '../quiet.ts'
