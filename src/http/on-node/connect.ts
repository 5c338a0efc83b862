/** The doors as middlewares of connect's shape, `(req, res, next)`, for every framework that has it. */
import type { IncomingMessage, ServerResponse } from 'node:http'
import { argumentError } from '../../core/errors.ts'
import { kindOf } from '../../core/options.ts'
import type { Ttl } from '../../core/values/expiry.ts'
import { ConditionalExchange } from '../conditional.ts'
import type { Bind } from '../header-middlewares.ts'
import type { PageCache } from '../page-cache.ts'
import type { RouteOptions } from '../page-options.ts'
import type { Pages, Purge } from '../pages.ts'
import { warnOrder } from '../warnings.ts'
import { beforeHead } from './before-head.ts'
import { Capture } from './capture.ts'
import { isUpdated, type NodeVisit, serve, update } from './serve.ts'

export type Next = (error?: unknown) => void
export type Handler<R> = (request: R, response: ServerResponse, next?: Next) => unknown

/** A middleware; given a handler alone, it wraps that. */
export interface Middleware<R> {
  (request: R, response: ServerResponse, next: Next): void
  (handler: Handler<R>): (request: R, response: ServerResponse, next?: Next) => unknown
}

export interface ConnectDoors<R> {
  /** The page cache of the whole site: goes before everything that makes pages. */
  siteCache(): Middleware<R>
  /** The storing half: goes first, so that it sees the response as it leaves. */
  updateCache(): Middleware<R>
  /** The looking-up half: goes last, behind what changes the request. */
  fetchFromCache(): Middleware<R>
  /** The page cache of one route. `ttl` beats what the response says of its lifetime, never `no-store`, `private` or `no-cache`. */
  cachePage(ttl?: Ttl, options?: RouteOptions): Middleware<R>
  purge: Purge
}

/** How an adapter sees a request. */
export type Describe<R> = (request: R, response: ServerResponse) => NodeVisit<R>

export function connectDoors<R extends IncomingMessage>(
  pages: Pages<R>,
  describe: Describe<R>,
): ConnectDoors<R> {
  const through = (name: string, cache: PageCache<R>) =>
    middleware<R>(name, (request, response, next) => serve(cache, describe(request, response), () => next()))
  return {
    siteCache: () => through('siteCache', pages.site),
    updateCache: () =>
      middleware('updateCache', (_request, response, next) => {
        update(response)
        return next()
      }),
    fetchFromCache: () =>
      middleware('fetchFromCache', (request, response, next) => {
        if (isUpdated(response)) return serve(pages.site, describe(request, response), () => next())
        warnOrder()
        return next()
      }),
    cachePage: (ttl, options) => through('cachePage', pages.route(ttl, options)),
    purge: pages.purge,
  }
}

/** Binds what is to be done to a response to a middleware of connect's shape. */
export function onConnect<R extends IncomingMessage>(name: string): Bind<Middleware<R>> {
  return (apply) =>
    middleware(name, (_request, response, next) => {
      beforeHead(response, apply)
      return next()
    })
}

/** Conditional GET alone: an ETag where there is none, 304 where the client has the page already. */
export function conditionalGet<R extends IncomingMessage>(): Middleware<R> {
  return middleware('conditionalGet', (request, response, next) => {
    new Capture(response).begin(new ConditionalExchange(request.method ?? '', request.headers))
    return next()
  })
}

function middleware<R extends IncomingMessage>(
  name: string,
  act: (request: R, response: ServerResponse, next: () => unknown) => unknown,
): Middleware<R> {
  const run = (request: R, response: ServerResponse, next: () => unknown, fail?: Next): unknown => {
    if (!isRequest(request) || typeof response?.writeHead !== 'function') throw wrongCall(name, request)
    const done = act(request, response, next)
    return fail && done instanceof Promise ? done.catch(fail) : done
  }
  function connect(
    first: R | Handler<R>,
    response?: ServerResponse,
    next?: Next,
  ): ((request: R, response: ServerResponse, next?: Next) => unknown) | undefined {
    if (typeof first === 'function' && response === undefined) {
      return (request, answer, then) => run(request, answer, () => first(request, answer, then))
    }
    if (response === undefined || typeof next !== 'function') throw wrongCall(name, first)
    run(first as R, response, () => next(), next)
    return undefined
  }
  Object.defineProperty(connect, 'name', { value: name })
  return connect as Middleware<R>
}

function isRequest(request: unknown): request is IncomingMessage {
  return typeof request === 'object' && request !== null && 'headers' in request && 'method' in request
}

function wrongCall(name: string, given: unknown): Error {
  return argumentError(
    TypeError,
    'INVALID_REQUEST',
    `${name}() makes a middleware (req, res, next), or wraps a handler (req, res); it was called with ${kindOf(given)}`,
  )
}
