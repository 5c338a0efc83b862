// @ts-check
/**
 * F49: a directory of 100,000 entries is culled while the site writes on. Whether the process waits for its disk or
 * not (`SOAK_READS=sync`), the event loop stays quick.
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { createCaches, file } from 'stillwarm'
import { report, setting, watchLoop } from './measure.mjs'

const ENTRIES = setting('SOAK_FILES', 100_000)
const reads = process.env.SOAK_READS === 'sync' ? 'sync' : 'async'
const home = mkdtempSync(join(tmpdir(), 'warm-soak-'))
process.once('exit', () => rmSync(home, { recursive: true, force: true }))

const backend = file({ directory: join(home, 'cache'), maxEntries: ENTRIES, reads })
const caches = createCaches({ default: { backend, ttl: 3600 } })
const cache = caches.default
const value = { name: 'Ada', body: 'x'.repeat(200) }

for (let i = 0; i < ENTRIES - 100; i += 20) {
  await Promise.all(Array.from({ length: 20 }, (_, j) => cache.set(`key${i + j}`, value)))
}
const before = cache.stats().evicted

/** A light load: one read and one write every few milliseconds. @param {(ms: number) => boolean} done */
async function light(done) {
  const start = performance.now()
  const watch = watchLoop()
  let ops = 0
  while (!done(performance.now() - start)) {
    await cache.get(`key${ops}`)
    await cache.set(`more${ops++}`, value)
    await sleep(4)
  }
  return { ...watch.stop(), ops, seconds: Math.round((performance.now() - start) / 1000) }
}

// Full after a hundred of these; from then on the cull goes on behind.
const idle = await light((ms) => ms > 100)
const goal = ENTRIES / 4
const culling = await light((ms) => cache.stats().evicted - before > goal || ms > 240_000)
const evicted = cache.stats().evicted - before

report(
  `F49 T17 file cull, ${reads}`,
  evicted,
  { entries: ENTRIES, idle, culling },
  {
    'a quarter went': evicted > goal,
    'F49 p99 ≤ 20 ms': culling.p99 <= 20,
    'T17 max ≤ 50 ms': culling.max <= 50,
  },
)
await caches.close()
