// @ts-check
/** One process of a fleet, for `figures.mjs`. Prints one line of JSON at its end. */
import { setTimeout as sleep } from 'node:timers/promises'
import { createCaches } from 'stillwarm'
import { redis } from 'stillwarm/backends/redis'

const { role, address, ...how } = JSON.parse(process.argv[2] ?? '{}')
const caches = createCaches({ default: { backend: redis({ url: `redis://${address}` }), ttl: 600 } })
const cache = caches.default
await cache.get('warm')

/** @type {Record<string, () => Promise<unknown>>} */
const roles = {
  async stampede() {
    await sleep(how.at - Date.now())
    let loads = 0
    const began = performance.now()
    await Promise.all(
      Array.from({ length: how.callers }, () =>
        cache.getOrSet('cold', async () => {
          loads++
          await sleep(100)
          return 'made'
        }),
      ),
    )
    return { loads, ms: Math.round(performance.now() - began), done: Date.now() }
  },

  hold: () =>
    cache.getOrSet('cold', async () => {
      console.log('loading')
      await sleep(60_000)
      return 'never'
    }),

  async count() {
    const sums = []
    for (let i = 0; i < how.times; i++) {
      const sum = await cache.incr(`n${i % 20}`, 1, { initial: 0 })
      if (sum !== undefined) sums.push(`${i % 20}:${sum}`)
    }
    return { sums }
  },

  async closing() {
    let settled = 0
    const closing = new Promise((resolve) => {
      process.once('SIGTERM', () => caches.close().then(resolve))
    })
    console.log('ready')
    await new Promise((resolve) => process.once('message', resolve))
    const count = () => settled++
    for (let i = 0; i < 500; i++) cache.get(`k${i}`).then(count, count)
    await closing
    await sleep(0)
    return { settled }
  },
}

const result = await roles[role]?.()
console.log(JSON.stringify(result))
if (process.connected) process.disconnect()
if (role !== 'closing') process.exit()
