// @ts-check
/** What does a cache cost over the bare client that it uses, one kilobyte a value, one server? */
import { createCaches } from 'stillwarm'
import { memcached } from 'stillwarm/backends/memcached'
import { memcachedClient } from '../../dist/backends/memcached/client/index.js'
import { timed } from '../harness.mjs'
import { kilobyte as value } from '../kilobyte.mjs'
import { startMemcached } from './server.mjs'

const keys = Array.from({ length: 100 }, (_, i) => `key-${i}`)
const TTL = 600
const CACHE = 'stillwarm'
const BARE = 'our client + JSON'

async function cache() {
  const backend = memcached({ servers: `127.0.0.1:${await startMemcached()}`, opTimeout: 5_000 })
  const caches = createCaches({ default: { backend, ttl: TTL } })
  await caches.default.setMany(Object.fromEntries(keys.map((key) => [key, value])))
  return caches.default
}

async function bare() {
  const client = memcachedClient({ servers: `127.0.0.1:${await startMemcached()}`, timeout: 5_000 })
  const set = (/** @type {string} */ key) => client.set(`bare:${key}`, JSON.stringify(value), { expiry: TTL })
  await Promise.all(keys.map(set))
  return { client, set }
}

/** @param {(key: string) => Promise<unknown>} each */
function waves(each) {
  return timed(async (n) => {
    for (let i = 0; i < n; i += keys.length) await Promise.all(keys.map(each))
  }, 400)
}

/** @type {import('../harness.mjs').Row[]} */
export const rows = [
  {
    name: 'get of 1 kB, 100 in flight, over our own client',
    unit: 'ns',
    limit: BARE,
    contenders: {
      async [BARE]() {
        const { client } = await bare()
        return waves(async (key) => JSON.parse(String((await client.get(`bare:${key}`))?.value)))
      },
      async [CACHE]() {
        const one = await cache()
        return waves((key) => one.get(key))
      },
    },
    goals: [],
  },
  {
    name: 'set of 1 kB, 100 in flight, over our own client',
    unit: 'ns',
    limit: BARE,
    contenders: {
      async [BARE]() {
        const { set } = await bare()
        return waves(set)
      },
      async [CACHE]() {
        const one = await cache()
        return waves((key) => one.set(key, value))
      },
    },
    goals: [],
  },
]
