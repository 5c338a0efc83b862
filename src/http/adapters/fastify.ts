/**
 * Pages in Fastify: the doors of a site are plugins (`app.register(siteCache())`), those of a route
 * `onRequest` hooks. With `trustProxy`, host and protocol are what Fastify says they are.
 */
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Ttl } from '../../core/values/expiry.ts'
import { ConditionalExchange } from '../conditional.ts'
import { headerMiddlewares } from '../header-middlewares.ts'
import { beforeHead } from '../on-node/before-head.ts'
import { Capture } from '../on-node/capture.ts'
import { isUpdated, type NodeVisit, serve, update } from '../on-node/serve.ts'
import type { PageCache } from '../page-cache.ts'
import type { PageCacheOptions, RouteOptions } from '../page-options.ts'
import { type PageCaches, Pages, type Purge } from '../pages.ts'
import { warnOrder } from '../warnings.ts'

/** What is looked at of Fastify's own request. */
export interface FastifyRequest {
  raw: IncomingMessage
  originalUrl: string
  host: string
  protocol: string
  ips?: string[] | undefined
  server: { routing(request: IncomingMessage, response: ServerResponse): unknown }
}

export interface FastifyReply {
  raw: ServerResponse
  getHeaders(): Readonly<Record<string, number | string | string[] | undefined>>
  hijack(): unknown
}

type Done = (error?: Error) => void
export type FastifyHook<R> = (request: R, reply: FastifyReply, done: Done) => void
interface Instance<R> {
  addHook(name: 'onRequest', hook: FastifyHook<R>): unknown
}
// Fastify types its instances too widely to be named here.
export type FastifyPlugin = (instance: object, options: object, done: Done) => void

export interface FastifyPageCache<R> {
  /** The page cache of the whole site: registered before everything that makes pages. */
  siteCache(): FastifyPlugin
  /** The storing half: registered first, so that it sees the response as it leaves. */
  updateCache(): FastifyPlugin
  /** The looking-up half: registered last, behind what changes the request. */
  fetchFromCache(): FastifyPlugin
  /** The page cache of one route: `{ onRequest: cachePage('15m') }`. */
  cachePage(ttl?: Ttl, options?: RouteOptions): FastifyHook<R>
  purge: Purge
}

export function pageCache<R extends FastifyRequest = FastifyRequest>(
  caches: PageCaches,
  options?: PageCacheOptions<R>,
): FastifyPageCache<R> {
  const pages = new Pages(caches, options)
  const through =
    (cache: PageCache<R>): FastifyHook<R> =>
    (request, reply, done) => {
      const served = serve(
        cache,
        describe(request, reply),
        () => done(),
        () => {
          reply.hijack()
        },
      )
      if (served instanceof Promise) served.catch(done)
    }
  return {
    siteCache: () => plugin(through(pages.site)),
    updateCache: () =>
      plugin<R>((_request, reply, done) => {
        update(reply.raw)
        done()
      }),
    fetchFromCache() {
      const site = through(pages.site)
      return plugin<R>((request, reply, done) => {
        if (isUpdated(reply.raw)) return site(request, reply, done)
        warnOrder()
        done()
      })
    },
    cachePage: (ttl, route) => through(pages.route(ttl, route)),
    purge: pages.purge,
  }
}

function describe<R extends FastifyRequest>(request: R, reply: FastifyReply): NodeVisit<R> {
  const { raw, originalUrl, server, ips } = request
  return {
    request,
    raw,
    response: reply.raw,
    target: originalUrl,
    // With a proxy that it trusts, Fastify tells more addresses than that one's.
    ...(ips && { told: { scheme: request.protocol, host: request.host }, trusted: () => ips.length > 1 }),
    site: (again, response) => server.routing(again, response),
    set: () => reply.getHeaders(),
    beside: [request],
  }
}

/** A plugin that is not encapsulated: its hook is for the routes of whoever registers it. */
function plugin<R>(hook: FastifyHook<R>): FastifyPlugin {
  const register: FastifyPlugin = (instance, _options, done) => {
    ;(instance as Instance<R>).addHook('onRequest', hook)
    done()
  }
  return Object.assign(register, {
    [Symbol.for('skip-override')]: true,
    [Symbol.for('fastify.display-name')]: 'stillwarm',
  })
}

export const { cacheControl, neverCache, varyOnHeaders, varyOnCookie } = headerMiddlewares<
  FastifyHook<FastifyRequest>
>((apply) => (_request, reply, done) => {
  beforeHead(reply.raw, apply)
  done()
})

/** Conditional GET alone: an ETag where there is none, 304 where the client has the page already. */
export function conditionalGet(): FastifyHook<FastifyRequest> {
  return ({ raw }, reply, done) => {
    new Capture(reply.raw).begin(new ConditionalExchange(raw.method ?? '', raw.headers))
    done()
  }
}

export { quiet } from '../quiet.ts'
