// @ts-check
/** Pages in Fastify. `node server.mjs`, then ask for http://127.0.0.1:3000 twice. */
import fastify from 'fastify'
import { createCaches, memory } from 'stillwarm'
import { pageCache } from 'stillwarm/http/fastify'

const { siteCache, cachePage } = pageCache(createCaches({ default: { backend: memory() } }), { ttl: '1m' })
const app = fastify()

app.register(siteCache())
app.get('/', async () => ({ madeAt: new Date().toISOString() }))
app.get('/news', { onRequest: cachePage('15m') }, async () => ({ keptFor: 'a quarter of an hour' }))
await app.listen({ port: 3000 })
