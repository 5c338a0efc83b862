// @ts-check
/** Pages in Hono. `node server.mjs`, then ask for http://127.0.0.1:3000 twice. */
import { serve } from '@hono/node-server'
import { Hono } from 'hono'
import { createCaches, memory } from 'stillwarm'
import { pageCache } from 'stillwarm/http/hono'

const { siteCache } = pageCache(createCaches({ default: { backend: memory() } }), { ttl: '1m' })
const app = new Hono()

app.use(siteCache())
app.get('/', (context) => context.html(`<p>Made at ${new Date().toISOString()}</p>`))
serve({ fetch: app.fetch, port: 3000 })
