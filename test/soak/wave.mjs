// @ts-check
/**
 * F53, T17: a million entries fill an empty store, end in the same second, and another million drives them out one by
 * one. No slice of the sweep is long, and the event loop stays quick for a light load beside it.
 */
import { createCaches, memory } from 'stillwarm'
import { report, round, setting, turn, watchLoop } from './measure.mjs'

const ENTRIES = setting('SOAK_ENTRIES', 1_000_000)

// Every timer's callback is timed: the sweeper's slices are among them.
let longest = 0
const { setTimeout: plain } = globalThis
Object.assign(globalThis, {
  /** @param {() => void} call @param {number} ms */
  setTimeout: (call, ms) =>
    plain(() => {
      const start = performance.now()
      call()
      longest = Math.max(longest, performance.now() - start)
    }, ms),
})
/** @param {number} ms */
const sleep = (ms) => new Promise((resolve) => plain(resolve, ms))

const backend = memory({ maxEntries: ENTRIES })
const caches = createCaches({ default: { backend, ttl: 3600 } })
const cache = caches.default

/** @param {string} kind @param {(i: number) => number} ttl seconds */
async function fill(kind, ttl) {
  const watch = watchLoop()
  for (let i = 0; i < ENTRIES; i++) {
    cache.sync.set(`${kind}${i}`, i, ttl(i))
    if (i % 200 === 199) await turn()
  }
  return watch.stop()
}

/** The loop beside a light load, until it says that it is done. @param {() => boolean} done */
async function light(done) {
  const watch = watchLoop()
  let worst = 0
  while (!done()) {
    await sleep(1)
    const start = performance.now()
    cache.sync.get('wave5')
    cache.sync.set('other', 1)
    worst = Math.max(worst, performance.now() - start)
  }
  return { ...watch.stop(), worstVerb: round(worst) }
}

const until = Date.now() + 3000
const idle = await light(() => Date.now() > until)
const end = Date.now() + 12_000
const filling = await fill('wave', (i) => (end + (i % 1000) - Date.now()) / 1000)
const kept = backend.size().entries
await sleep(Math.max(0, end - Date.now() - 500))
longest = 0
const wave = await light(() => backend.size().entries <= 1 || Date.now() > end + 30_000)
const gone = Date.now() - end - 1000
const left = backend.size().entries
const slice = longest
await fill('old', () => 3600)
const evicting = await fill('new', () => 3600)

report(
  'F53 T17 wave',
  kept,
  { idle, filling, wave, evicting, longestSlice: round(slice), goneAfterMs: gone },
  {
    'all were there': kept === ENTRIES,
    'all are gone': left <= 1,
    'F53 slices ≤ 10 ms': slice <= 10,
    'F53 p99 ≤ 20 ms': wave.p99 <= 20,
    'T17 max ≤ 50 ms': Math.max(wave.max, filling.max, evicting.max) <= 50,
    'T17 p99 ≤ 20 ms': Math.max(filling.p99, evicting.p99) <= 20,
  },
)
await caches.close()
