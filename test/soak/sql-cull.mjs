// @ts-check
/**
 * F33: a table of a million rows is culled while 200 writes a second go on. Requests hardly notice, no batch holds the
 * database up, and the table is never a tenth larger than it may be. `SOAK_ENGINE`: `postgres`, `mysql` or `sqlite`. The pool or handle is
 * ours, so that each batch can be timed.
 */
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import Database from 'better-sqlite3'
import mysql2 from 'mysql2'
import pg from 'pg'
import { createCaches } from 'stillwarm'
import { mysql, postgres, sqlite } from 'stillwarm/backends/sql'
import { folder, mariadbUrl, postgresUrl } from '../../bench/sql/server.mjs'
import { report, round, setting } from './measure.mjs'

const ROWS = setting('SOAK_ROWS', 1_000_000)
const SECONDS = setting('SOAK_SECONDS', 20)
const engine = process.env.SOAK_ENGINE ?? 'postgres'

/** Of each batch, in milliseconds. @type {number[]} */
let batches = []

/**
 * Times what removes a batch; the answer, or the callback that is told of it, ends it.
 *
 * @param {any} target
 * @param {string} method
 * @param {(given: any[]) => string} textOf
 */
function timeBatches(target, method, textOf) {
  const act = target[method].bind(target)
  target[method] = (/** @type {any[]} */ ...given) => {
    if (!/^DELETE.* LIMIT/s.test(textOf(given))) return act(...given)
    const start = performance.now()
    const over = () => void batches.push(performance.now() - start)
    const done = given.at(-1)
    if (typeof done === 'function') {
      const told = (/** @type {any[]} */ ...answer) => {
        over()
        done(...answer)
      }
      return act(...given.slice(0, -1), told)
    }
    const answer = act(...given)
    if (typeof answer?.then === 'function') return answer.finally(over)
    over()
    return answer
  }
}

const limits = { maxEntries: ROWS }
const backends = {
  async postgres() {
    const pool = new pg.Pool({ connectionString: await postgresUrl(), max: 10 })
    pool.on('connect', (client) => timeBatches(client, 'query', ([query]) => query.text))
    return postgres({ ...limits, pool, opTimeout: 10_000 })
  },
  async mysql() {
    const pool = mysql2.createPool({ uri: await mariadbUrl(), connectionLimit: 10 })
    pool.on('connection', (connection) => timeBatches(connection, 'query', ([query]) => query.sql))
    return mysql({ ...limits, pool, opTimeout: 10_000 })
  },
  async sqlite() {
    const handle = new Database(join(folder('sqlite'), 'cache.db'))
    handle.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL')
    const prepare = handle.prepare.bind(handle)
    Object.assign(handle, {
      prepare(/** @type {string} */ text) {
        const statement = prepare(text)
        timeBatches(statement, 'all', () => text)
        return statement
      },
    })
    return sqlite({ ...limits, handle })
  },
}
const backend = await backends[/** @type {keyof typeof backends} */ (engine)]()
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
batches = []
const culling = await light('culling', 500)
const evicted = cache.stats().evicted - before
batches.sort((a, b) => a - b)
const longest = round(batches.at(-1) ?? 0)
const batch = { n: batches.length, p50: round(batches[batches.length >> 1] ?? 0), max: longest }
report(
  `F33 cull, ${engine}`,
  evicted,
  { rows: ROWS, quiet, culling, batch },
  {
    'F33 batches were timed': batches.length > 0,
    'F33 each batch ≤ 50 ms': longest <= 50,
    'F33 rows ≤ 110 %': culling.most <= ROWS * 1.1,
    'F33 p99 ≤ 2 × of no cull, or 10 ms': culling.p99 <= Math.max(2 * quiet.p99, 10),
  },
)
await caches.close()
process.exit()
