// @ts-check
/** Pages in front of any `(request) => Response`. `node server.mjs`, then ask for http://127.0.0.1:3000 twice. */
import { serve } from '@hono/node-server'
import { createCaches, memory } from 'stillwarm'
import { pageCache } from 'stillwarm/http/fetch'

const { wrap } = pageCache(createCaches({ default: { backend: memory() } }), { ttl: '1m' })

serve({
  fetch: wrap(
    () =>
      new Response(`<p>Made at ${new Date().toISOString()}</p>`, {
        headers: { 'Content-Type': 'text/html' },
      }),
  ),
  port: 3000,
})
