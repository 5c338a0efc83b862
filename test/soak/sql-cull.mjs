// @ts-check
/**
 * F33: a table of a million rows is culled while 200 writes a second go on. Requests hardly notice, no batch holds the
 * database up, and the table is never a tenth larger than it may be. `SOAK_ENGINE=sqlite`: in a file.
 */
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { createCaches } from 'stillwarm'
import { postgres, sqlite } from 'stillwarm/backends/sql'
import { folder, postgresUrl } from '../../bench/sql/server.mjs'
import { report, round, setting } from './measure.mjs'

const ROWS = setting('SOAK_ROWS', 1_000_000)
const SECONDS = setting('SOAK_SECONDS', 20)
const engine = process.env.SOAK_ENGINE ?? 'postgres'

const place = engine === 'sqlite' ? join(folder('sqlite'), 'cache.db') : await postgresUrl()
const backend =
  engine === 'sqlite'
    ? sqlite({ path: place, maxEntries: ROWS })
    : postgres({ url: place, maxEntries: ROWS, opTimeout: 10_000 })
await backend.table?.create()
const caches = createCaches({ default: { backend, ttl: null } })
const cache = caches.default

const value = { name: 'Ada', body: 'x'.repeat(100) }
for (let i = 0; i < ROWS * 0.98; i += 1_000) {
  await cache.setMany(
    Array.from({ length: 1_000 }, (_, j) => /** @type {[string, object]} */ ([`key:${i + j}`, value])),
  )
}

/** 200 writes a second, and as many reads: their times in milliseconds. @param {string} name */
async function light(name, extra = 0) {
  /** @type {number[]} */
  const times = []
  let most = 0
  const begun = performance.now()
  /** @type {Promise<void>[]} */
  const asked = []
  for (let n = 0; performance.now() - begun < SECONDS * 1_000; n++) {
    const start = performance.now()
    asked.push(
      cache
        .set(`${name}:${n}`, value)
        .then(() => cache.get(`${name}:${n}`))
        .then(() => {
          times.push(performance.now() - start)
        }),
    )
    // What overfills the table comes beside, in bulk.
    if (extra > 0 && n % 20 === 0) {
      const bulk = Array.from(
        { length: extra },
        (_, j) => /** @type {[string, object]} */ ([`bulk:${n}:${j}`, value]),
      )
      asked.push(cache.setMany(bulk).then(() => undefined))
    }
    if (n % 200 === 0) most = Math.max(most, (await backend.size?.())?.entries ?? 0)
    await sleep(Math.max(0, begun + n * 5 - performance.now()))
  }
  await Promise.all(asked)
  times.sort((a, b) => a - b)
  return {
    p50: round(times[times.length >> 1] ?? 0),
    p99: round(times[Math.floor(times.length * 0.99)] ?? 0),
    most,
    n: times.length,
  }
}

const quiet = await light('quiet')
const before = cache.stats().evicted
const culling = await light('culling', 500)
const evicted = cache.stats().evicted - before
report(
  `F33 cull, ${engine}`,
  evicted,
  { rows: ROWS, quiet, culling },
  {
    'F33 rows ≤ 110 %': culling.most <= ROWS * 1.1,
    'F33 p99 ≤ 2 × of no cull, or 10 ms': culling.p99 <= Math.max(2 * quiet.p99, 10),
  },
)
await caches.close()
process.exit()
