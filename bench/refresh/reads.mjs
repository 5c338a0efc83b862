// @ts-check
/**
 * What does a stale read of a job cost, its refresh being asked for already, over a fresh one? (1.3 times at most.) And a fresh one
 * over `getOrSet` of the same key? On the memory backend, one string and one list.
 */
import { createCaches, memory } from 'stillwarm'
import { defineJob, inProcess } from 'stillwarm/refresh'
import { timed } from '../harness.mjs'

const VALUES = {
  'a string': 'the value',
  'a list of 20 records': Array.from({ length: 20 }, (_, id) => ({
    id,
    name: `name ${id}`,
    tags: ['a', 'b'],
  })),
}

/**
 * @param {unknown} value
 * @param {boolean} stale
 */
async function reader(value, stale) {
  let now = Date.now()
  const caches = createCaches({ default: { backend: memory() } }, { clock: { now: () => now } })
  let loaded = false
  const job = defineJob({
    name: 'read',
    cache: caches.default,
    // The first load makes the value, a refresh never ends.
    load: async (/** @type {string} */ _id) => {
      if (loaded) return new Promise(() => {})
      loaded = true
      return value
    },
    refreshTimeout: '7d',
    runner: inProcess(),
  })
  await job.get('42')
  if (stale) now += 700_000
  await job.get('42')
  return timed(async (n) => {
    for (let i = 0; i < n; i++) await job.get('42')
  })
}

/** @param {unknown} value */
function getOrSet(value) {
  const cache = createCaches({ default: { backend: memory() } }).default
  return timed(async (n) => {
    for (let i = 0; i < n; i++) await cache.getOrSet('read:42', () => value, { ttl: 600, staleFor: '1d' })
  })
}

/** @type {import('../harness.mjs').Row[]} */
export const rows = Object.entries(VALUES).map(([kind, value]) => ({
  name: `a stale read of a job, ${kind}`,
  unit: 'ns',
  limit: 'fresh',
  contenders: {
    stale: () => reader(value, true),
    fresh: () => reader(value, false),
    getOrSet: () => getOrSet(value),
  },
  goals: [{ contender: 'stale', of: 'fresh', times: 1 / 1.3 }],
}))
