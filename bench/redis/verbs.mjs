// @ts-check
/** C1 to C4: what a cache costs over the bare client library it uses, one kilobyte a value, one server. */
import { Redis } from 'ioredis'
import { createCaches } from 'stillwarm'
import { redis } from 'stillwarm/backends/redis'
import { timed } from '../harness.mjs'
import { kilobyte as value } from '../kilobyte.mjs'
import { serverUrl } from './server.mjs'

const keys = Array.from({ length: 100 }, (_, i) => `key-${i}`)
const TTL = 600

async function cache() {
  const url = await serverUrl()
  const caches = createCaches({ default: { backend: redis({ url, driver: 'ioredis' }), ttl: TTL } })
  await caches.default.setMany(Object.fromEntries(keys.map((key) => [key, value])))
  return caches.default
}

async function bare() {
  const client = new Redis(await serverUrl())
  for (const key of keys) await client.set(`bare:${key}`, JSON.stringify(value), 'EX', TTL)
  return client
}

/**
 * A round of so many operations at a time, in nanoseconds each.
 *
 * @param {number} size
 * @param {() => Promise<unknown>} wave
 */
function waves(size, wave) {
  return timed(async (n) => {
    for (let i = 0; i < n; i += size) await wave()
  }, 400)
}

/**
 * The processor time of this process an operation, in nanoseconds: by the clock, one call after the other measures the scheduler.
 *
 * @param {(i: number) => Promise<unknown>} one
 */
function processorTime(one) {
  return async () => {
    const began = process.cpuUsage()
    for (let i = 0; i < 3_000; i++) await one(i)
    const { user, system } = process.cpuUsage(began)
    return ((user + system) * 1_000) / 3_000
  }
}

const at = (/** @type {number} */ i) => keys[i % keys.length] ?? ''

/** @type {import('../harness.mjs').Row[]} */
export const rows = [
  {
    name: 'C1 get 1 KB, one after the other, processor time',
    unit: 'ns',
    limit: 'ioredis + JSON',
    contenders: {
      async 'ioredis + JSON'() {
        const client = await bare()
        return processorTime(async (i) => JSON.parse((await client.get(`bare:${at(i)}`)) ?? ''))
      },
      async stillwarm() {
        const mine = await cache()
        return processorTime((i) => mine.get(at(i)))
      },
    },
    goals: [{ contender: 'stillwarm', of: 'ioredis + JSON', times: 1 / 1.15 }],
  },
  {
    name: 'C1 set 1 KB, one after the other, processor time',
    unit: 'ns',
    limit: 'ioredis + JSON',
    contenders: {
      async 'ioredis + JSON'() {
        const client = await bare()
        return processorTime((i) => client.set(`bare:${at(i)}`, JSON.stringify(value), 'EX', TTL))
      },
      async stillwarm() {
        const mine = await cache()
        return processorTime((i) => mine.set(at(i), value))
      },
    },
    goals: [{ contender: 'stillwarm', of: 'ioredis + JSON', times: 1 / 1.15 }],
  },
  {
    name: 'C2 get 1 KB, 100 in flight',
    unit: 'ns',
    limit: 'ioredis MGET by hand + JSON',
    contenders: {
      async 'ioredis MGET by hand + JSON'() {
        const client = await bare()
        const names = keys.map((key) => `bare:${key}`)
        return waves(100, async () => {
          for (const text of await client.mget(names)) JSON.parse(text ?? '')
        })
      },
      async 'ioredis + JSON'() {
        const client = await bare()
        const get = async (/** @type {string} */ key) => JSON.parse((await client.get(`bare:${key}`)) ?? '')
        return waves(100, () => Promise.all(keys.map(get)))
      },
      async stillwarm() {
        const mine = await cache()
        return waves(100, () => Promise.all(keys.map((key) => mine.get(key))))
      },
    },
    goals: [{ contender: 'stillwarm', of: 'ioredis MGET by hand + JSON', times: 0.85 }],
  },
  {
    name: 'C2 set 1 KB, 100 in flight',
    unit: 'ns',
    limit: 'ioredis + JSON',
    contenders: {
      async 'ioredis + JSON'() {
        const client = await bare()
        const set = (/** @type {string} */ key) => client.set(`bare:${key}`, JSON.stringify(value), 'EX', TTL)
        return waves(100, () => Promise.all(keys.map(set)))
      },
      async stillwarm() {
        const mine = await cache()
        return waves(100, () => Promise.all(keys.map((key) => mine.set(key, value))))
      },
    },
  },
  {
    name: 'C3 getMany of 100',
    unit: 'ns',
    limit: 'ioredis mget + JSON',
    contenders: {
      async 'ioredis mget + JSON'() {
        const client = await bare()
        const names = keys.map((key) => `bare:${key}`)
        return waves(1, async () => {
          const found = new Map()
          for (const [i, text] of (await client.mget(names)).entries())
            found.set(keys[i], JSON.parse(text ?? ''))
        })
      },
      async stillwarm() {
        const mine = await cache()
        return waves(1, () => mine.getMany(keys))
      },
    },
    goals: [{ contender: 'stillwarm', of: 'ioredis mget + JSON', times: 0.95 }],
  },
  {
    name: 'C4 setMany of 100',
    unit: 'ns',
    limit: 'ioredis pipeline + JSON',
    contenders: {
      async 'ioredis pipeline + JSON'() {
        const client = await bare()
        return waves(1, () => {
          const pipeline = client.pipeline()
          for (const key of keys) pipeline.set(`bare:${key}`, JSON.stringify(value), 'EX', TTL)
          return pipeline.exec()
        })
      },
      async stillwarm() {
        const mine = await cache()
        const entries = Object.fromEntries(keys.map((key) => [key, value]))
        return waves(1, () => mine.setMany(entries))
      },
    },
    goals: [{ contender: 'stillwarm', of: 'ioredis pipeline + JSON', times: 1 }],
  },
]
