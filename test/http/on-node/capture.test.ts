/** What handlers do to Node's own response, and what is recorded and sent of it. */
import http from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterEach, beforeEach, expect, it, vi } from 'vitest'
import { memory } from '../../../src/backends/memory.ts'
import { makeCaches } from '../../../src/core/caches.ts'
import { pageCache, quiet } from '../../../src/http/adapters/node.ts'
import { ask, isHit } from '../adapters/client.ts'

const warn = vi.spyOn(process, 'emitWarning')
beforeEach(() => {
  warn.mockReset()
})
const ends: (() => unknown)[] = []
afterEach(async () => {
  for (const end of ends.splice(0)) await end()
})

async function site(handler: http.RequestListener): Promise<string> {
  const caches = makeCaches({ default: { backend: memory() } }, {}, () => {
    throw new Error('pages go through no codec')
  })
  const server = http.createServer(pageCache(caches).wrap(handler))
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  ends.push(() => {
    server.closeAllConnections()
    return new Promise((resolve) => server.close(resolve))
  })
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

it('what a handler wrote is recorded, though it uses its buffer again', async () => {
  const url = await site((_request, response) => {
    const buffer = Buffer.alloc(4)
    const write = (left: number) => {
      if (left === 0) return response.end()
      buffer.fill(`${left}`)
      response.write(buffer, () => write(left - 1))
    }
    write(3)
  })
  expect((await ask(`${url}/a`)).body).toBe('333322221111')
  expect((await ask(`${url}/a`)).body).toBe('333322221111')
  // Gathered first, since a part of it is wanted.
  expect((await ask(`${url}/b`, { headers: { range: 'bytes=2-5' } })).body).toBe('3322')
})

it('a head that is written by itself goes out with the body: with its length and its tag, as from the store', async () => {
  const url = await site((_request, response) => {
    response.writeHead(200, 'Fine', { 'Content-Type': 'text/plain', 'X-A': ['1', '2'] })
    expect(response.headersSent).toBe(true)
    response.end('page')
  })
  const [made, hit] = [await ask(`${url}/a`), await ask(`${url}/a`)]
  expect(made.headers.etag).toMatch(/^W\/"/)
  for (const name of ['etag', 'content-length', 'content-type', 'x-a']) {
    expect(hit.headers[name], name).toBe(made.headers[name])
  }
  expect(made.headers).toMatchObject({ 'content-length': '4', 'x-a': '1, 2' })
  expect(isHit(hit)).toBe(true)
})

it('A51 nothing is put into a head that was written, though it has not left yet', async () => {
  const url = await site((_request, response) => {
    response.writeHead(200, { 'content-type': 'text/plain' })
    for (const change of [
      () => response.setHeader('set-cookie', 'late=1'),
      () => response.appendHeader('set-cookie', 'late=1'),
      () => response.removeHeader('content-type'),
    ]) {
      expect(change).toThrow(expect.objectContaining({ code: 'ERR_HTTP_HEADERS_SENT' }))
    }
    response.end('page')
  })
  for (const _turn of [1, 2]) {
    const got = await ask(`${url}/a`)
    expect(got).toMatchObject({ status: 200, body: 'page', headers: { 'content-type': 'text/plain' } })
    expect(got.headers['set-cookie']).toBeUndefined()
  }
})

it('A83 a head that is flushed goes out at once', async () => {
  let finish = () => {}
  const url = await site((_request, response) => {
    response.writeHead(200, { 'content-type': 'text/plain' })
    response.flushHeaders()
    finish = () => response.end('page')
  })
  const head = await new Promise<http.IncomingMessage>((resolve) => http.get(`${url}/a`, resolve))
  expect(head.statusCode).toBe(200)
  finish()
  const body = await head.setEncoding('utf8').toArray()
  expect(body.join('')).toBe('page')
  expect((await ask(`${url}/a`)).body).toBe('page')
})

it('attack 1: in development it is told which fields a page was made from that do not select it', async () => {
  const logger = quiet((request: http.IncomingMessage, _response: http.ServerResponse, next: () => void) => {
    void request.headers['x-logged']
    next()
  })
  const url = await site((request, response) => {
    logger(request, response, () => {
      const { headers } = request
      if (request.url === '/keyed') response.setHeader('vary', 'X-Theme')
      void headers['if-none-match']
      response.end(request.url === '/none' ? 'page' : `${headers['x-theme']} ${headers.host}`)
    })
  })
  const told = () =>
    warn.mock.calls.map(([message]) => String(message)).filter((text) => /was read/.test(text))
  for (const path of ['/none', '/keyed']) await ask(`${url}${path}`)
  expect(told()).toEqual([])
  for (const path of ['/unkeyed?a', '/unkeyed?b']) await ask(`${url}${path}`)
  expect(told()).toEqual([
    expect.stringMatching(/^The page \/unkeyed is stored for everyone, though x-theme was read/),
  ])
  expect(warn.mock.calls.at(-1)?.[1]).toMatchObject({ code: 'PAGE_READS_UNKEYED' })
})
