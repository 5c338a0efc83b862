/** One way to put a page cache in front of a view, in each framework, on a real server. */
import http from 'node:http'
import type { AddressInfo } from 'node:net'
import { Readable } from 'node:stream'
import { getRequestListener } from '@hono/node-server'
import express from 'express'
import express4 from 'express4'
import fastify from 'fastify'
import { Hono } from 'hono'
import Koa from 'koa'
import { memory } from '../../../src/backends/memory.ts'
import type { Backend } from '../../../src/core/backend.ts'
import { makeCaches } from '../../../src/core/caches.ts'
import type { Clock } from '../../../src/core/clock.ts'
import * as forExpress from '../../../src/http/adapters/express.ts'
import * as forFastify from '../../../src/http/adapters/fastify.ts'
import * as forFetch from '../../../src/http/adapters/fetch.ts'
import * as forHono from '../../../src/http/adapters/hono.ts'
import * as forKoa from '../../../src/http/adapters/koa.ts'
import * as forNode from '../../../src/http/adapters/node.ts'
import type { PageCacheOptions } from '../../../src/http/page-options.ts'
import type { Purge } from '../../../src/http/pages.ts'

type Listener = (request: http.IncomingMessage, response: http.ServerResponse) => unknown

/** What a view sees, in any framework. */
export interface Asked {
  method: string
  url: string
  header(name: string): string | undefined
  /** Every field, by enumeration. */
  headers(): Record<string, string>
}

export interface Answer {
  status?: number
  headers?: Record<string, string | string[]>
  body?: string
  /** Sent piece by piece. */
  pieces?: Iterable<string> | AsyncIterable<string>
}

export type View = (asked: Asked) => Answer | Promise<Answer>
export type Options = Omit<PageCacheOptions, 'localeOf' | 'timeZoneOf' | 'trustedProxy'>
type Doors =
  | 'site'
  | 'halves'
  | 'wrong order'
  /** `conditionalGet()` alone. */
  | 'conditional'
  | { route: Parameters<ReturnType<typeof forNode.pageCache>['cachePage']> }

export interface Setup {
  options?: Options
  doors?: Doors
  backend?: Backend
  clock?: Clock
  /** Fields that something in front of the page cache sets, anew for each visit. */
  before?: () => Record<string, string>
}

export interface Site {
  url: string
  purge: Purge
  clear(): Promise<unknown>
  close(): Promise<void>
}

export interface Mount {
  name: string
  /** The route can be run again, so that a stale page is served while it is made anew. */
  reruns: boolean
  /** Error handling of its own: what a view throws becomes a 500. */
  start(view: View, setup?: Setup): Promise<Site>
}

function cachesFor({ backend = memory(), clock }: Setup) {
  const none = () => {
    throw new Error('pages go through no codec')
  }
  const format = { encode: none, decode: none, retime: none }
  return makeCaches(
    { default: { backend }, special: { backend: memory() } },
    clock ? { clock } : {},
    () => format,
  )
}

interface DoorsOf<D> {
  siteCache(): D
  updateCache(): D
  fetchFromCache(): D
}

/** The doors of a site that a setup asks for, outermost first; none where it asks for a route's. */
function siteDoors<D>(pages: DoorsOf<D>, doors: Doors = 'site'): D[] {
  switch (doors) {
    case 'site':
      return [pages.siteCache()]
    case 'halves':
      return [pages.updateCache(), pages.fetchFromCache()]
    case 'wrong order':
      return [pages.fetchFromCache(), pages.updateCache()]
    default:
      return []
  }
}

/** Those of a route. */
function routeDoors<R, C>(
  pages: { cachePage(...route: Parameters<ReturnType<typeof forNode.pageCache>['cachePage']>): R },
  conditionalGet: () => C,
  doors: Doors = 'site',
): (R | C)[] {
  if (doors === 'conditional') return [conditionalGet()]
  return typeof doors === 'object' ? [pages.cachePage(...doors.route)] : []
}

async function listen(
  listener: http.RequestListener | http.Server,
  purge: Purge,
  caches: ReturnType<typeof cachesFor>,
  beforeClose: () => unknown = () => {},
): Promise<Site> {
  const server = listener instanceof http.Server ? listener : http.createServer(listener)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  return {
    url: `http://127.0.0.1:${port}`,
    purge,
    clear: () => caches.default.clear(),
    async close() {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
      await beforeClose()
      await caches.close()
    },
  }
}

function nodeAsked(request: http.IncomingMessage & { originalUrl?: string }): Asked {
  return {
    method: request.method ?? '',
    url: request.originalUrl ?? request.url ?? '',
    header: (name) => {
      const value = request.headers[name]
      return Array.isArray(value) ? value.join() : value
    },
    headers: () => Object.fromEntries(Object.entries(request.headers).map(([name, v]) => [name, String(v)])),
  }
}

async function nodeAnswer(response: http.ServerResponse, answer: Answer): Promise<void> {
  response.statusCode = answer.status ?? 200
  for (const [name, value] of Object.entries(answer.headers ?? {})) response.setHeader(name, value)
  if (answer.pieces === undefined) {
    response.end(answer.body ?? '')
    return
  }
  await new Promise<void>((resolve) => {
    response.on('close', resolve)
    Readable.from(answer.pieces!)
      .on('error', () => response.destroy())
      .pipe(response)
  })
}

const nodeView = (view: View) => async (request: http.IncomingMessage, response: http.ServerResponse) =>
  nodeAnswer(response, await view(nodeAsked(request)))

const orFail =
  (listener: Listener): http.RequestListener =>
  async (request, response) => {
    try {
      await listener(request, response)
    } catch {
      if (response.headersSent) response.destroy()
      else response.writeHead(500).end('failed')
    }
  }

const nodeWrap: Mount = {
  name: 'node, wrapped',
  reruns: true,
  start(view, setup = {}) {
    const caches = cachesFor(setup)
    const pages = forNode.pageCache(caches, setup.options)
    return listen(orFail(pages.wrap(nodeView(view))), pages.purge, caches)
  },
}

const nodeConnect: Mount = {
  name: 'node, connect style',
  reruns: false,
  start(view, setup = {}) {
    const caches = cachesFor(setup)
    const pages = forNode.pageCache(caches, setup.options)
    const handler = nodeView(view)
    const doors = [
      ...siteDoors(pages, setup.doors),
      ...routeDoors(pages, forNode.conditionalGet, setup.doors),
    ]
    const door = doors.reduceRight((inner: Listener, outer) => outer(inner), handler)
    const outer = (request: http.IncomingMessage, response: http.ServerResponse) => {
      for (const [name, value] of Object.entries(setup.before?.() ?? {})) response.setHeader(name, value)
      return door(request, response)
    }
    return listen(orFail(outer), pages.purge, caches)
  },
}

function expressMount(name: string, make: typeof express): Mount {
  return {
    name,
    reruns: true,
    start(view, setup = {}) {
      const caches = cachesFor(setup)
      const pages = forExpress.pageCache(caches, setup.options)
      const app = make()
      const { doors, before } = setup
      if (before) {
        app.use((_request: express.Request, response: express.Response, next: express.NextFunction) => {
          response.set(before())
          next()
        })
      }
      for (const door of siteDoors(pages, doors)) app.use(door)
      for (const door of routeDoors(pages, forExpress.conditionalGet, doors)) app.use(door)
      app.use((request: express.Request, response: express.Response, next: express.NextFunction) => {
        Promise.resolve(view(nodeAsked(request)))
          .then((answer) => {
            if (answer.pieces) return nodeAnswer(response, answer)
            response.status(answer.status ?? 200)
            for (const [field, value] of Object.entries(answer.headers ?? {}))
              response.setHeader(field, value)
            response.send(answer.body ?? '')
          })
          .catch(next)
      })
      app.use((_e: unknown, _q: express.Request, response: express.Response, _n: express.NextFunction) => {
        if (response.headersSent) response.destroy()
        else response.status(500).send('failed')
      })
      return listen(app, pages.purge, caches)
    },
  }
}

const koa: Mount = {
  name: 'koa',
  reruns: true,
  start(view, setup = {}) {
    const caches = cachesFor(setup)
    const pages = forKoa.pageCache(caches, setup.options)
    const app = new Koa()
    app.silent = true
    const { doors, before } = setup
    if (before) {
      app.use((context, next) => {
        context.set(before())
        return next()
      })
    }
    for (const door of siteDoors(pages, doors)) app.use(door)
    for (const door of routeDoors(pages, forKoa.conditionalGet, doors)) app.use(door)
    app.use(async (context) => {
      const answer = await view(nodeAsked(context.req))
      context.status = answer.status ?? 200
      context.body = answer.pieces ? Readable.from(answer.pieces) : (answer.body ?? '')
      for (const [name, value] of Object.entries(answer.headers ?? {})) context.set(name, value)
    })
    return listen(app.callback(), pages.purge, caches)
  },
}

const inFastify: Mount = {
  name: 'fastify',
  reruns: true,
  async start(view, setup = {}) {
    const caches = cachesFor(setup)
    const pages = forFastify.pageCache(caches, setup.options)
    const app = fastify({ routerOptions: { ignoreTrailingSlash: false } })
    const { doors, before } = setup
    if (before) app.addHook('onRequest', async (_request, reply) => void reply.headers(before()))
    for (const door of siteDoors(pages, doors)) app.register(door)
    for (const door of routeDoors(pages, forFastify.conditionalGet, doors)) app.addHook('onRequest', door)
    app.addHttpMethod('PURGE')
    app.addContentTypeParser('*', (_request, _payload, done) => done(null))
    app.register(async (routes) => {
      routes.all('/*', async (request, reply) => {
        const answer = await view(nodeAsked(request.raw))
        reply.status(answer.status ?? 200)
        for (const [name, value] of Object.entries(answer.headers ?? {})) reply.header(name, value)
        return reply.send(answer.pieces ? Readable.from(answer.pieces) : (answer.body ?? ''))
      })
    })
    await app.ready()
    return listen(
      (request, response) => app.routing(request, response),
      pages.purge,
      caches,
      () => app.close(),
    )
  },
}

function fetchAsked(request: Request): Asked {
  const { pathname, search } = new URL(request.url)
  return {
    method: request.method,
    url: pathname + search,
    header: (name) => request.headers.get(name) ?? undefined,
    headers: () => Object.fromEntries(request.headers),
  }
}

function fetchAnswer(method: string, { status = 200, headers = {}, body = '', pieces }: Answer): Response {
  const list = Object.entries(headers).flatMap(([name, value]) =>
    (Array.isArray(value) ? value : [value]).map((line): [string, string] => [name, line]),
  )
  const none = status === 204 || status === 304 || method === 'HEAD'
  if (none || pieces === undefined) return new Response(none ? null : body, { status, headers: list })
  const stream = Readable.toWeb(Readable.from(pieces).map((piece: string) => Buffer.from(piece)))
  return new Response(stream as ReadableStream<Uint8Array>, { status, headers: list })
}

const inFetch: Mount = {
  name: 'fetch',
  reruns: true,
  start(view, setup = {}) {
    const caches = cachesFor(setup)
    const pages = forFetch.pageCache(caches, setup.options)
    const handler = async (request: Request) => fetchAnswer(request.method, await view(fetchAsked(request)))
    const doors = [
      ...siteDoors(pages, setup.doors),
      ...routeDoors(pages, forFetch.conditionalGet, setup.doors),
    ]
    const door = doors.reduceRight((inner: forFetch.FetchHandler<[]>, outer) => outer(inner), handler)
    const errorHandler = () => new Response('failed', { status: 500 })
    return listen(
      getRequestListener(door, { errorHandler, overrideGlobalObjects: false }),
      pages.purge,
      caches,
    )
  },
}

const hono: Mount = {
  name: 'hono',
  reruns: false,
  start(view, setup = {}) {
    const caches = cachesFor(setup)
    const pages = forHono.pageCache(caches, setup.options)
    const app = new Hono()
    const { doors, before } = setup
    if (before) {
      app.use(async (context, next) => {
        for (const [name, value] of Object.entries(before())) context.header(name, value)
        await next()
      })
    }
    for (const door of siteDoors(pages, doors)) app.use(door)
    for (const door of routeDoors(pages, forHono.conditionalGet, doors)) app.use(door)
    app.all('*', async (context) => {
      const made = fetchAnswer(context.req.method, await view(fetchAsked(context.req.raw)))
      return before ? context.newResponse(made.body, made) : made
    })
    app.onError(() => new Response('failed', { status: 500 }))
    return listen(getRequestListener(app.fetch, { overrideGlobalObjects: false }), pages.purge, caches)
  },
}

export const MOUNTS: readonly Mount[] = [
  nodeWrap,
  nodeConnect,
  expressMount('express 5', express),
  expressMount('express 4', express4),
  koa,
  inFastify,
  inFetch,
  hono,
]
