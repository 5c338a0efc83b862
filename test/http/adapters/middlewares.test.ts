/** What the handler reads is what the key covers: with the middlewares that real sites have. */
import http from 'node:http'
import type { AddressInfo } from 'node:net'
import fastifyCookie from '@fastify/cookie'
import compression from 'compression'
import cookieParser from 'cookie-parser'
import express, { type Express, type Request } from 'express'
import session from 'express-session'
import fastify from 'fastify'
import i18next from 'i18next'
import { handle, LanguageDetector } from 'i18next-http-middleware'
import Koa from 'koa'
import koaSession from 'koa-session'
import morgan from 'morgan'
import passport from 'passport'
import { pinoHttp } from 'pino-http'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { memory } from '../../../src/backends/memory.ts'
import { makeCaches } from '../../../src/core/caches.ts'
import * as forExpress from '../../../src/http/adapters/express.ts'
import * as forFastify from '../../../src/http/adapters/fastify.ts'
import * as forKoa from '../../../src/http/adapters/koa.ts'
import { quiet } from '../../../src/http/quiet.ts'
import { ask, isHit } from './client.ts'

vi.spyOn(process, 'emitWarning').mockImplementation(() => {})

const servers: http.Server[] = []
afterEach(async () => {
  for (const server of servers.splice(0)) {
    server.closeAllConnections()
    await new Promise((resolve) => server.close(resolve))
  }
})
async function listen(listener: http.RequestListener): Promise<string> {
  const server = http.createServer(listener)
  servers.push(server)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}
const caches = () =>
  makeCaches({ default: { backend: memory() } }, {}, () => {
    throw new Error('pages go through no codec')
  })
const ANN = { headers: { cookie: 'user=ann' } }
const BOB = { headers: { cookie: 'user=bob' } }

/** Is what Ann made served to Bob? */
async function isShared(url: string): Promise<boolean> {
  await ask(`${url}/a`, ANN)
  return isHit(await ask(`${url}/a`, BOB))
}

describe('Express', () => {
  const withSession = () =>
    session({ secret: 's', resave: false, saveUninitialized: false, store: new session.MemoryStore() })
  const nothing = { write: () => true }
  const users = new passport.Passport()
  const detector = new LanguageDetector(undefined, { order: ['cookie', 'header'] })
  const i18n = i18next.createInstance()
  void i18n.use(detector).init({ fallbackLng: 'en', resources: { en: {}, de: {} } })

  const MIDDLEWARES: [string, (app: Express, wrap: typeof quiet) => unknown][] = [
    ['cookie-parser', (app, wrap) => app.use(wrap(cookieParser()))],
    ['express-session', (app, wrap) => app.use(wrap(withSession()))],
    [
      'passport behind a session',
      (app, wrap) => app.use(wrap(withSession()), wrap(users.initialize()), wrap(users.session())),
    ],
    ['pino-http', (app, wrap) => app.use(wrap(pinoHttp({ level: 'info' }, { write() {} })))],
    ['i18next', (app, wrap) => app.use(wrap(handle(i18n) as unknown as express.RequestHandler))],
  ]
  const loud = (<T>(middleware: T) => middleware) as typeof quiet
  async function start(
    add: (app: Express, wrap: typeof quiet) => unknown,
    wrap: typeof quiet,
    view: (request: Request) => string = () => 'page',
    first = true,
  ) {
    const app = express()
    const pages = forExpress.pageCache(caches())
    if (first) app.use(pages.siteCache())
    add(app, wrap)
    if (!first) app.use(pages.siteCache())
    app.use((request, response) => void response.send(view(request)))
    return listen(app)
  }

  it.each(MIDDLEWARES)('A59 %s reads credentials, so its pages are not shared', async (_, add) => {
    expect(await isShared(await start(add, loud))).toBe(false)
  })

  it.each(MIDDLEWARES)('%s made quiet leaves a page that read nothing everyone’s', async (_, add) => {
    expect(await isShared(await start(add, quiet))).toBe(true)
  })

  it.each(MIDDLEWARES)('%s made quiet before the lookup as well', async (_, add) => {
    expect(await isShared(await start(add, quiet, undefined, false))).toBe(true)
  })

  it('credentials that were parsed before the lookup count as read', async () => {
    const url = await start((app) => app.use(cookieParser()), loud, undefined, false)
    expect(await isShared(url)).toBe(false)
  })

  it.each([true, false])(
    'A59 CVE-2026-27205 what a quiet cookie parser put there is watched (lookup first: %s)',
    async (first) => {
      const url = await start(
        (app) => app.use(quiet(cookieParser())),
        quiet,
        (request) => `hello ${request.cookies.user ?? 'stranger'}`,
        first,
      )
      expect((await ask(`${url}/a`, ANN)).body).toBe('hello ann')
      expect((await ask(`${url}/a`, BOB)).body).toBe('hello bob')
      expect((await ask(`${url}/a`)).body).toBe('hello stranger')
      expect((await ask(`${url}/a`, BOB)).body).toBe('hello bob')
    },
  )

  it('A59 a session touched by the handler makes the page its own', async () => {
    const url = await start(
      (app) => app.use(quiet(withSession())),
      quiet,
      (request) => `id ${request.session.id}`,
    )
    const first = await ask(`${url}/a`, ANN)
    expect((await ask(`${url}/a`, BOB)).body).not.toBe(first.body)
  })

  it('a quiet middleware that answers by itself is a handler: its reads count', async () => {
    const app = express()
    app.use(forExpress.pageCache(caches()).siteCache())
    app.use(
      quiet(
        (request: Request, response: express.Response) => void response.send(`${request.headers.cookie}`),
      ),
    )
    expect(await isShared(await listen(app))).toBe(false)
  })

  it('morgan reads no credential before the page is stored', async () => {
    expect(await isShared(await start((app) => app.use(morgan('combined', { stream: nothing })), loud))).toBe(
      true,
    )
  })

  it.each([true, false])(
    'rule 48: compression (inside the cache: %s) gives everyone what they can read',
    async (inside) => {
      const app = express()
      const pages = forExpress.pageCache(caches())
      const middlewares = [pages.siteCache(), compression({ threshold: 0 })]
      for (const middleware of inside ? middlewares : middlewares.reverse()) app.use(middleware)
      app.use((_request, response) => void response.send('long '.repeat(500)))
      const url = await listen(app)
      for (const turn of [1, 2]) {
        const zipped = await ask(`${url}/a`, { headers: { 'accept-encoding': 'gzip' } })
        expect(zipped.headers['content-encoding'], `turn ${turn}`).toBe('gzip')
        const plain = await ask(`${url}/a`)
        expect(plain.headers['content-encoding'], `turn ${turn}`).toBeUndefined()
        expect(plain.body).toBe('long '.repeat(500))
      }
    },
  )

  it('A72 with `trust proxy` the forwarded fields collapse, and are in the key as the handler sees them', async () => {
    const app = express()
    app.set('trust proxy', true)
    app.use(forExpress.pageCache(caches()).siteCache())
    app.use((request, response) => void response.send(`${request.protocol} ${request.hostname}`))
    const url = await listen(app)
    const through = (host: string, client: string) =>
      ask(`${url}/a`, {
        headers: { 'x-forwarded-host': host, 'x-forwarded-proto': 'https', forwarded: `for=${client}` },
      })
    expect((await through('a.test', '1.1.1.1')).body).toBe('https a.test')
    expect(isHit(await through('a.test', '2.2.2.2'))).toBe(true)
    expect((await through('b.test', '1.1.1.1')).body).toBe('https b.test')
  })
})

describe('Koa', () => {
  async function start(view: (context: Koa.Context) => string) {
    const app = new Koa()
    app.keys = ['k']
    app.use(forKoa.pageCache(caches()).siteCache())
    app.use(koaSession(app))
    app.use(async (context) => {
      context.body = view(context)
    })
    return listen(app.callback())
  }

  it('koa-session that nobody touched leaves the page everyone’s', async () => {
    expect(await isShared(await start(() => 'page'))).toBe(true)
  })

  it('A59 a session that was read makes the page its own', async () => {
    expect(await isShared(await start((context) => `${context.session?.isNew}`))).toBe(false)
  })

  it('A53 a cookie that was read makes the page its own', async () => {
    const url = await start((context) => `hello ${context.cookies.get('user')}`)
    expect((await ask(`${url}/a`, ANN)).body).toBe('hello ann')
    expect((await ask(`${url}/a`, BOB)).body).toBe('hello bob')
  })
})

describe('Fastify', () => {
  async function start(wrap: boolean, view: (cookies: () => Record<string, string | undefined>) => string) {
    const app = fastify()
    app.register(forFastify.pageCache(caches()).siteCache())
    app.register(wrap ? quiet(fastifyCookie) : fastifyCookie)
    app.register(async (routes) => {
      routes.get('/a', async (request) => view(() => request.cookies))
    })
    await app.ready()
    return listen((request, response) => app.routing(request, response))
  }

  it('A59 @fastify/cookie reads the cookies, so its pages are not shared', async () => {
    expect(await isShared(await start(false, () => 'page'))).toBe(false)
  })

  it('made quiet it leaves a page that read nothing everyone’s', async () => {
    expect(await isShared(await start(true, () => 'page'))).toBe(true)
  })

  it('A53 and what it put on the request is watched', async () => {
    const url = await start(true, (cookies) => `hello ${cookies().user}`)
    expect((await ask(`${url}/a`, ANN)).body).toBe('hello ann')
    expect((await ask(`${url}/a`, BOB)).body).toBe('hello bob')
  })
})
