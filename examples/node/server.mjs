// @ts-check
/** Pages in front of a plain `node:http` handler. `node server.mjs`, then ask for http://127.0.0.1:3000 twice. */
import http from 'node:http'
import { createCaches, memory } from 'stillwarm'
import { pageCache } from 'stillwarm/http/node'

const pages = pageCache(createCaches({ default: { backend: memory() } }), { ttl: '1m' })

http
  .createServer(
    pages.wrap((_request, response) => {
      response.setHeader('Content-Type', 'text/html')
      response.end(`<p>Made at ${new Date().toISOString()}</p>`)
    }),
  )
  .listen(3000)
