// @ts-check
/** Pages in Express. `node server.mjs`, then ask for http://127.0.0.1:3000 twice. */
import express from 'express'
import { createCaches, memory } from 'stillwarm'
import { neverCache, pageCache } from 'stillwarm/http/express'

const { siteCache, cachePage } = pageCache(createCaches({ default: { backend: memory() } }), { ttl: '1m' })
const app = express()

app.use(siteCache())
app.get('/', (_request, response) => void response.send(`<p>Made at ${new Date().toISOString()}</p>`))
app.get(
  '/news',
  cachePage('15m'),
  (_request, response) => void response.send('<p>Kept for a quarter of an hour</p>'),
)
app.get('/me', neverCache(), (_request, response) => void response.send('<p>Kept by nobody</p>'))
app.listen(3000)
