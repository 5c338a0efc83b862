// @ts-check
/** One process of several over one table; see `fleet.ts`. */
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { pathToFileURL } from 'node:url'

const { built, name, url, table, role } = JSON.parse(process.argv[2] ?? '')
const load = (/** @type {string} */ path) => import(pathToFileURL(join(built, path)).href)
const { createCaches } = await load('index.js')
const sql = await load('backends/sql/sql.js')

const caches = createCaches({
  default: { backend: sql[name]({ url, table, poolSize: 3, opTimeout: 10_000 }), onBackendError: 'throw' },
})
const cache = caches.default

if (role === 'race') {
  const counts = []
  let won = 0
  let loads = 0
  for (let i = 0; i < 50; i++) {
    const [count, added] = await Promise.all([
      cache.incr('n', 1, { initial: 0 }),
      cache.add(`add${i}`, process.pid),
      cache.getOrSet(`load${i % 10}`, async () => {
        loads++
        await sleep(5)
        return i
      }),
    ])
    counts.push(count)
    if (added) won++
  }
  console.log(JSON.stringify({ counts, won, loads }))
  await caches.close()
} else {
  // Held for ever, by somebody who will not live so long.
  void cache.getOrSet('held', () => new Promise(() => {}))
  for (let by = 0; ; by++) {
    const text = `${by}`.repeat(100)
    await cache.setMany(Array.from({ length: 20 }, (_, i) => [`w${i}`, { by, text }]))
    console.log(await cache.incr('written', 1, { initial: 0 }))
  }
}
