// @ts-check
/**
 * F51, T16: a byte cap is kept in truth and not only by our own count, whatever the sizes; and making room for a large value
 * among small ones holds nobody up.
 */
import { createCaches, memory } from 'stillwarm'
import { heapAfterGc, report, round, seeded, setting, text, turn } from './measure.mjs'

const SETS = setting('SOAK_SETS', 200_000)
const SEED = setting('SOAK_SEED', 1)
const CAP = 64 * 2 ** 20
const LARGEST = 100_000
/** The default of maxValueBytes, less its quotes. */
const LARGE = 2 ** 20 - 1024

const random = seeded(SEED)
const backend = memory({ maxBytes: CAP, maxEntries: Number.POSITIVE_INFINITY })
const caches = createCaches({ default: { backend, ttl: 3600 } })
const cache = caches.default

const before = heapAfterGc()
let most = 0
let mostCounted = 0
for (let i = 0; i < SETS; i++) {
  // Every order of size is equally likely, so that there are as many small ones as large ones.
  cache.sync.set(`key${i}`, text(Math.floor(100 * (LARGEST / 100) ** random()), random))
  mostCounted = Math.max(mostCounted, backend.size().bytes ?? 0)
  if (i % 1000 === 0) await turn()
  if (i % 20_000 === 0) most = Math.max(most, heapAfterGc() - before)
}
most = Math.max(most, heapAfterGc() - before)
const evicted = cache.stats().evicted

/** A cap full of small ones, then the largest that are kept by default: each drives out thousands. */
async function large() {
  cache.sync.clear()
  for (let i = 0; i < 200_000; i++) {
    cache.sync.set(`small${i}`, text(100, random))
    if (i % 1000 === 0) await turn()
  }
  const times = []
  for (let i = 0; i < 20; i++) {
    const value = Buffer.alloc(LARGE, 65 + i).toString('latin1')
    await turn()
    const start = performance.now()
    cache.sync.set(`large${i}`, value)
    times.push(performance.now() - start)
    mostOver = Math.max(mostOver, (backend.size().bytes ?? 0) - CAP)
  }
  return times
}
let mostOver = 0
/** The same is done five times: what the collector or another process took falls on another set each time. */
const rounds = [await large(), await large(), await large(), await large(), await large()]
const slices = rounds[0].map((_, i) => round(Math.min(...rounds.map((times) => times[i] ?? 0))))
const longest = Math.max(...slices)

report(
  'F51 T16 byte cap',
  SETS,
  {
    seed: SEED,
    heapOfCap: round(most / CAP),
    grown: round((heapAfterGc() - before) / CAP),
    ownCount: round(mostCounted / CAP),
    evicted,
    longestSlice: longest,
    slices,
  },
  {
    'T16 heap ≤ 1.25 × cap': most <= 1.25 * CAP,
    'F51 own count ≤ cap + one value': mostCounted <= CAP + LARGEST + 1000 && mostOver <= LARGE + 1000,
    'F51 slices ≤ 1 ms': longest <= 1,
    'there were evictions': evicted > 0,
  },
)
await caches.close()
