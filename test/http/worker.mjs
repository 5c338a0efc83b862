// One process of a fleet: a site whose pages rest in a store that all share. It tells of each call of its handler.
import http from 'node:http'
import { setTimeout as pause } from 'node:timers/promises'
import { pathToFileURL } from 'node:url'

const { built, me, server } = JSON.parse(process.argv[2])
const load = (path) => import(pathToFileURL(`${built}/${path}`).href)
const { createCaches } = await load('index.js')
const { pageCache } = await load('http/adapters/node.js')
const { redis } = await load('backends/redis/redis.js')
const { memcached } = await load('backends/memcached/memcached.js')

const backend = server.redis
  ? redis({ url: `redis://${server.redis}` })
  : memcached({ servers: server.memcached })
const caches = createCaches({ default: { backend } })
const pages = pageCache(caches, { explain: false })

// `?ms=` is how long the handler takes, `?control=` what it says of its page.
const wrapped = pages.wrap(async (request, response) => {
  const { searchParams } = new URL(request.url, 'http://fleet.test')
  process.send({ called: request.url, me })
  await pause(Number(searchParams.get('ms')))
  if (searchParams.has('control')) response.setHeader('cache-control', searchParams.get('control'))
  response.end(`made by ${me}`)
})
const site = http.createServer(wrapped)
site.listen(0, '127.0.0.1', () => process.send({ port: site.address().port }))
process.on('disconnect', () => process.exit())
