// @ts-check
/** One process of the fleet: a cache in two tiers, in front of a source that its parent keeps. */
import { createCaches, memory } from 'stillwarm'
import { redis, redisBus } from 'stillwarm/backends/redis'
import { tiered } from 'stillwarm/backends/tiered'

const [store, bus] = process.argv.slice(2)
const backend = tiered({
  near: memory(),
  far: redis({ url: `redis://${store}` }),
  bus: redisBus({ url: `redis://${bus}` }),
})
const caches = createCaches({ default: { backend, ttl: '10m' } })
const cache = caches.default
process.on('warning', () => {}) // That a server went and came back is what is played here.

/** @type {Map<number, { resolve: (value: number) => void, reject: (error: Error) => void }>} */
const asked = new Map()
let questions = 0

/**
 * @param {string} key
 * @returns {Promise<number>}
 */
function load(key) {
  return new Promise((resolve, reject) => {
    const id = questions++
    asked.set(id, { resolve, reject })
    process.send?.({ load: key, id })
  })
}

const verbs = {
  /** What a visitor of this process would see; `null` where there is no answer. @param {string[]} keys */
  read: (keys) => Promise.all(keys.map((key) => cache.getOrSet(key, () => load(key)).catch(() => null))),
  /** @param {[string]} key */
  delete: ([key]) => cache.delete(key),
  /** @param {[string, number]} entry */
  set: ([key, value]) => cache.set(key, value),
  counts: () => ({ ...cache.stats(), ...backend.counts() }),
  close: () => caches.close(),
}

process.on('message', async (/** @type {any} */ message) => {
  if ('loaded' in message) {
    const question = asked.get(message.id)
    asked.delete(message.id)
    if (message.loaded === null) question?.reject(new Error('The source does not answer'))
    else question?.resolve(message.loaded)
    return
  }
  const verb = /** @type {(args: any) => unknown} */ (verbs[/** @type {keyof verbs} */ (message.verb)])
  process.send?.({ answer: (await verb(message.args)) ?? null, id: message.id })
  if (message.verb === 'close') process.disconnect()
})
await cache.get('first')
process.send?.({ ready: true })
