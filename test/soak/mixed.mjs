// @ts-check
/**
 * L10, L12: reads, writes and deletes by Zipf's law over a cache whose byte cap is always full, in ten windows. What the heap
 * holds after each must not rise; nor handles, nor listeners. `SOAK_LEAK=1` breaks the cache on purpose, by 100
 * bytes an operation: that must be found.
 */
import { createCaches, dummy, memory } from 'stillwarm'
import { heapAfterGc, report, round, seeded, setting, text, turn, watchLoop, zipf } from './measure.mjs'

const OPS = setting('SOAK_OPS', 2_000_000)
const SEED = setting('SOAK_SEED', 1)
const KEYS = 1_000_000
const WINDOWS = 10
const CAP = 64 * 2 ** 20
/** The rule is 0.2 MB for ten million operations; a shorter run has more noise in its slope. */
const SLOPE = OPS >= 10_000_000 ? 0.2 : 0.5

const random = seeded(SEED)
const backend = memory({ maxBytes: CAP, maxEntries: KEYS })
const caches = createCaches({
  default: { backend, ttl: 3600 },
  none: { backend: dummy() },
})
const key = zipf(KEYS, 0.99, random)
/** @type {unknown[]} */
const leaked = []
const leaks = process.env.SOAK_LEAK === '1'
let hits = 0
let stale = 0

/** @param {{ get: Function, set: Function, delete: Function }} cache @param {number} ops */
async function mixed(cache, ops) {
  for (let i = 0; i < ops; i++) {
    const name = `user:${key()}`
    const kind = random()
    if (kind < 0.8) {
      const found = await cache.get(name)
      if (found !== undefined) {
        hits++
        if (found.name !== name) stale++
      }
    } else if (kind < 0.95) {
      await cache.set(name, { name, body: text(100 + Math.floor(random() * 1900), random) })
    } else await cache.delete(name)
    if (leaks) leaked.push(new Array(10).fill(i))
    if (i % 100 === 0) await turn()
  }
}

const handles = () => process.getActiveResourcesInfo().filter((kind) => kind !== 'Immediate').length
const listeners = () => process.eventNames().reduce((sum, name) => sum + process.listenerCount(name), 0)

const watchNone = watchLoop()
await mixed(caches.none, OPS / WINDOWS)
const without = watchNone.stop()
for (let i = 0; i < 100_000; i++) {
  const name = `fill:${i}`
  await caches.default.set(name, { name, body: text(1000, random) })
}

/** @type {{ heap: number, rss: number, handles: number, listeners: number }[]} */
const windows = []
const start = performance.now()
let worst = { p50: 0, p99: 0, max: 0 }
for (let window = 0; window < WINDOWS; window++) {
  const watching = watchLoop()
  await mixed(caches.default, OPS / WINDOWS)
  const loop = watching.stop()
  if (loop.p99 > worst.p99) worst = loop
  windows.push({
    heap: heapAfterGc(),
    rss: process.memoryUsage.rss(),
    handles: handles(),
    listeners: listeners(),
  })
}
const seconds = (performance.now() - start) / 1000
const measured = windows.slice(2)
const slope = (slopeOf(measured.map(({ heap }) => heap)) * WINDOWS) / (OPS / 1e6) / 2 ** 20
const rss = (measured.at(-1)?.rss ?? 0) / (measured[0]?.rss ?? 0)

report(
  leaks ? 'L10 mixed, leaking on purpose' : 'L10 L12 mixed',
  OPS,
  {
    seed: SEED,
    hits,
    opsPerSecond: Math.round(OPS / seconds),
    heapSlope: round(slope),
    heapMb: measured.map(({ heap }) => round(heap / 2 ** 20)),
    rss: round(rss),
    loop: worst,
    loopWithoutCache: without,
    ownCount: round((backend.size().bytes ?? 0) / CAP),
  },
  {
    'L10 heap slope': slope <= SLOPE,
    'L10 resident memory': rss <= 1.15,
    'L10 handles constant': new Set(measured.map((w) => w.handles)).size === 1,
    'L10 listeners constant': new Set(measured.map((w) => w.listeners)).size === 1,
    'L12 loop delay p99': worst.p99 <= 20,
    'a value of another key': stale === 0,
    'there were hits': hits > OPS / 10,
    'there were evictions': caches.default.stats().evicted > 0,
  },
)
await caches.close()

/** Least squares, per window. @param {number[]} values */
function slopeOf(values) {
  const middle = (values.length - 1) / 2
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length
  let above = 0
  let below = 0
  for (const [i, value] of values.entries()) {
    above += (i - middle) * (value - mean)
    below += (i - middle) ** 2
  }
  return above / below
}
