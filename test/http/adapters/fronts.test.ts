/** The page cache in front of servers of other kinds: HTTP/2, Fastify's serverFactory; languages and zones; sessions of Fastify's making. */
import http from 'node:http'
import http2 from 'node:http2'
import type { AddressInfo } from 'node:net'
import fastify, { type FastifyPluginCallback, type FastifyRequest } from 'fastify'
import { afterEach, expect, it, vi } from 'vitest'
import { memory } from '../../../src/backends/memory.ts'
import { makeCaches } from '../../../src/core/caches.ts'
import { insideOf } from '../../../src/core/handle.ts'
import * as forFastify from '../../../src/http/adapters/fastify.ts'
import * as forFetch from '../../../src/http/adapters/fetch.ts'
import * as forNode from '../../../src/http/adapters/node.ts'
import { ask, isHit } from './client.ts'

vi.spyOn(process, 'emitWarning').mockImplementation(() => {})

const ends: (() => unknown)[] = []
afterEach(async () => {
  for (const end of ends.splice(0)) await end()
})
const caches = () =>
  makeCaches({ default: { backend: memory() } }, {}, () => {
    throw new Error('pages go through no codec')
  })

async function listen(listener: http.RequestListener): Promise<string> {
  const server = http.createServer(listener)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  ends.push(() => {
    server.closeAllConnections()
    return new Promise((resolve) => server.close(resolve))
  })
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

it('HTTP/2: a page is stored and served by :authority, with HEAD and 304', async () => {
  let made = 0
  const wrapped = forNode.pageCache(caches()).wrap((_request, response) => {
    response.setHeader('etag', '"v1"')
    response.end(`page ${++made}`)
  })
  const server = http2.createServer((request, response) =>
    wrapped(request as unknown as http.IncomingMessage, response as unknown as http.ServerResponse),
  )
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const session = http2.connect(`http://127.0.0.1:${(server.address() as AddressInfo).port}`)
  ends.push(() => {
    session.close()
    return new Promise((resolve) => server.close(resolve))
  })
  const get = (fields: http2.OutgoingHttpHeaders = {}) =>
    new Promise<{ fields: http2.IncomingHttpHeaders; body: string }>((resolve, reject) => {
      const stream = session.request({ ':path': '/a', ...fields })
      let head: http2.IncomingHttpHeaders = {}
      let body = ''
      stream.on('response', (given) => {
        head = given
      })
      stream.setEncoding('utf8').on('data', (piece: string) => {
        body += piece
      })
      stream.on('end', () => resolve({ fields: head, body })).on('error', reject)
      stream.end()
    })
  expect((await get()).body).toBe('page 1')
  const hit = await get()
  expect(hit.body).toBe('page 1')
  expect(hit.fields).toMatchObject({
    ':status': 200,
    age: '0',
    'cache-status': expect.stringContaining('hit'),
  })
  expect((await get({ 'if-none-match': '"v1"' })).fields[':status']).toBe(304)
  expect(await get({ ':method': 'HEAD' })).toMatchObject({ body: '', fields: { ':status': 200 } })
  expect((await get({ ':authority': 'other.test' })).body).toBe('page 2')
})

it('Fastify through serverFactory: a hit never enters it, and a stale page is made anew behind it', async () => {
  const pages = forNode.pageCache(caches(), { ttl: 600 })
  let entered = 0
  const app = fastify({
    serverFactory: (handler) => http.createServer(pages.wrap(handler as (q: object, r: object) => void)),
  })
  app.addHook('onRequest', async () => {
    entered++
  })
  app.get('/a', async () => ({ page: entered }))
  await app.listen({ port: 0, host: '127.0.0.1' })
  ends.push(() => app.close())
  const url = `http://127.0.0.1:${(app.server.address() as AddressInfo).port}`
  expect((await ask(`${url}/a`)).body).toBe('{"page":1}')
  const hit = await ask(`${url}/a`)
  expect([hit.body, isHit(hit), entered]).toEqual(['{"page":1}', true, 1])
})

it('PGK-05 PAG-25 language and zone are part of the key where the site tells them', async () => {
  type Told = http.IncomingMessage & { lang?: string; zone?: string }
  let made = 0
  const pages = forNode.pageCache<Told>(caches(), {
    localeOf: (request) => request.lang,
    timeZoneOf: (request) => request.zone,
  })
  const door = pages.siteCache()((request, response) =>
    response.setHeader('vary', 'Accept-Language').end(`${request.lang} ${request.zone} ${++made}`),
  )
  const url = await listen((request: Told, response) => {
    const query = new URL(request.url ?? '', 'http://x').searchParams
    request.lang = request.headers['x-lang'] as string
    request.zone = query.get('z') ?? 'UTC'
    return door(request, response)
  })
  const get = async (lang: string, accepts = lang) =>
    (await ask(`${url}/a`, { headers: { 'x-lang': lang, 'accept-language': accepts } })).body
  expect(await get('de')).toBe('de UTC 1')
  expect(await get('en')).toBe('en UTC 2')
  // The language that was chosen says all that Accept-Language could.
  expect(await get('de', 'de-AT, de;q=0.5')).toBe('de UTC 1')
  expect(await get('en')).toBe('en UTC 2')
})

it.each([false, true])('A59 a session like @fastify/session’s (quiet: %s)', async (isQuiet) => {
  type Session = { user?: string }
  const app = fastify()
  app.register(forFastify.pageCache(caches()).siteCache())
  const plugin: FastifyPluginCallback = Object.assign<FastifyPluginCallback, object>(
    (instance, _options, done) => {
      instance.decorateRequest('session', null)
      instance.addHook('onRequest', async (request) => {
        const user = /user=(\w+)/.exec(request.headers.cookie ?? '')?.[1]
        ;(request as FastifyRequest & { session: Session }).session = { ...(user && { user }) }
      })
      done()
    },
    { [Symbol.for('skip-override')]: true },
  )
  app.register(isQuiet ? forFastify.quiet(plugin) : plugin)
  app.register(async (routes) => {
    routes.get('/plain', async () => 'page')
    routes.get(
      '/mine',
      async (request) => (request as unknown as { session: Session }).session.user ?? 'nobody',
    )
  })
  await app.ready()
  ends.push(() => app.close())
  const url = await listen((request, response) => app.routing(request, response))
  const as = (user: string) => ({ headers: { cookie: `user=${user}` } })
  await ask(`${url}/plain`, as('ann'))
  expect(isHit(await ask(`${url}/plain`, as('bob')))).toBe(isQuiet)
  expect((await ask(`${url}/mine`, as('ann'))).body).toBe('ann')
  expect((await ask(`${url}/mine`, as('bob'))).body).toBe('bob')
  expect((await ask(`${url}/mine`)).body).toBe('nobody')
  expect((await ask(`${url}/mine`, as('bob'))).body).toBe('bob')
})

it('A57 attack 11: values of a field that selects leave the last maxVariants pages and nothing else, in Fetch too', async () => {
  const all = caches()
  ends.push(() => all.close())
  const door = forFetch.pageCache(all, { maxVariants: 4 }).siteCache()(
    async () => new Response('x'.repeat(10_000), { headers: { vary: 'x-a' } }),
  )
  for (let n = 0; n < 1_000; n++) {
    const page = await door(new Request('http://a.test/', { headers: { 'x-a': `value ${n}` } }))
    await page.arrayBuffer()
  }
  const { store } = insideOf(all.default)
  // The URL's entry, and its pages.
  expect(await store.backend.size?.()).toMatchObject({ entries: 5 })
})
