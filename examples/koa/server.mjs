// @ts-check
/** Pages in Koa. `node server.mjs`, then ask for http://127.0.0.1:3000 twice. */
import Koa from 'koa'
import { createCaches, memory } from 'stillwarm'
import { pageCache } from 'stillwarm/http/koa'

const { siteCache } = pageCache(createCaches({ default: { backend: memory() } }), { ttl: '1m' })
const app = new Koa()

app.use(siteCache())
app.use(async (context) => {
  context.body = `<p>Made at ${new Date().toISOString()}</p>`
})
app.listen(3000)
