// @ts-check
/** The servers of the measures of pages, one a process: `fork('server.mjs', [kind])` says its port when it listens. */
import http from 'node:http'
import express from 'express'
import { createCaches, memory } from 'stillwarm'
import * as forExpress from 'stillwarm/http/express'
import * as forNode from 'stillwarm/http/node'
import { HTML } from './page.mjs'

const caches = createCaches({ default: { backend: memory() } })
const FIELDS = { 'Content-Type': 'text/html; charset=utf-8', 'Content-Length': String(HTML.length) }

/** @type {http.RequestListener} */
const plain = (_request, response) => {
  response.writeHead(200, FIELDS)
  response.end(HTML)
}
const slow = (/** @type {http.IncomingMessage} */ request, /** @type {http.ServerResponse} */ response) => {
  setTimeout(() => plain(request, response), 10)
}

function withExpress(/** @type {(app: import('express').Express) => unknown} */ add) {
  const app = express()
  add(app)
  app.use((_request, response) => {
    response.setHeader('Content-Type', 'text/html; charset=utf-8')
    response.end(HTML)
  })
  return app
}

/** @type {Record<string, () => http.RequestListener>} */
const KINDS = {
  node: () => plain,
  'page cache': () => forNode.pageCache(caches).wrap(plain),
  express: () => withExpress(() => {}),
  'express, page cache': () => withExpress((app) => app.use(forExpress.pageCache(caches).siteCache())),
  'slow handler': () => slow,
  'slow handler, page cache': () => forNode.pageCache(caches).wrap(slow),
}

const server = http.createServer(KINDS[process.argv[2] ?? '']?.())
server.keepAliveTimeout = 60_000
server.listen(0, '127.0.0.1', () => {
  const address = server.address()
  if (address && typeof address === 'object') process.send?.(address.port)
})
