// @ts-check
/** F59, A12: a million different keys, read, loaded and counted, leave nothing behind but the entries that may rest. */
import { createCaches, memory } from 'stillwarm'
import { heapAfterGc, report, round, setting, turn } from './measure.mjs'

const KEYS = setting('SOAK_KEYS', 1_000_000)
const backend = memory({ maxEntries: 1000 })
const caches = createCaches({ default: { backend, ttl: 3600 } })
const cache = caches.default

/** @param {string} kind @param {number} keys */
async function visit(kind, keys) {
  let made = 0
  for (let i = 0; i < keys; i += 100) {
    const batch = Array.from({ length: 100 }, async (_, j) => {
      // Every tenth is one that a warning is due for.
      const key = j % 10 ? `${kind}${i + j}` : `${kind} ${i + j}`
      await cache.get(key)
      await cache.getOrSet(key, async () => ++made)
      if (j % 7 === 0) await cache.delete(key)
    })
    await Promise.all(batch)
    await turn()
  }
  return made
}
await visit('warm', KEYS / 10)
const before = heapAfterGc()
const made = await visit('many', KEYS)
const grown = heapAfterGc() - before
report(
  'F59 A12 many keys',
  made,
  {
    heapGrownKb: round(grown / 1024),
    entries: backend.size().entries,
    timers: process.getActiveResourcesInfo().length,
  },
  {
    'every key was loaded once': made === KEYS,
    'F59 nothing is left of them': grown <= 2 ** 20,
    'A12 no timer a key': process.getActiveResourcesInfo().length < 20,
  },
)
await caches.close()
