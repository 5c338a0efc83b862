// @ts-check
/**
 * F81, F82, T13: how long after a delete has resolved in one node can another still read the value? 100,000 deletes with the bus
 * up; then 1,000 while the bus is down for ten seconds.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { createCaches, memory } from 'stillwarm'
import { redis, redisBus } from 'stillwarm/backends/redis'
import { tiered } from 'stillwarm/backends/tiered'
import { startRedis } from '../../examples/simulator/servers.mjs'
import { report, round, setting, turn } from './measure.mjs'

const DELETES = setting('SOAK_DELETES', 100_000)
const WAVE = 50
const DOWN = 10_000

const [store, line] = [await startRedis(), await startRedis()]

async function node() {
  const backend = tiered({
    near: memory({ maxEntries: 200_000 }),
    far: redis({ url: `redis://127.0.0.1:${store.port}` }),
    bus: redisBus({ url: `redis://127.0.0.1:${line.port}` }),
    nearTtl: '10m',
  })
  const caches = createCaches({ default: { backend, ttl: 3_600 } })
  await caches.default.get('first')
  while (backend.counts().ups === 0) await sleep(10)
  return { caches, backend, cache: caches.default }
}
const [a, b] = [await node(), await node()]

/** Both have it near. @param {string[]} keys */
async function fill(keys) {
  for (let i = 0; i < keys.length; i += 100) {
    const part = keys.slice(i, i + 100)
    await a.cache.setMany(Object.fromEntries(part.map((key) => [key, { key }])))
    // What was just said of them must not undo what is read now.
    await sleep(2)
    if ((await b.cache.getMany(part)).size !== part.length) throw new Error('not all could be read')
  }
}

/** @type {number[]} */
const visible = []
let stale = 0
for (let begun = 0; begun < DELETES; begun += 1_000) {
  const keys = Array.from({ length: 1_000 }, (_, i) => `${begun}-${i}`)
  await fill(keys)
  for (let i = 0; i < keys.length; i += WAVE) {
    await Promise.all(
      keys.slice(i, i + WAVE).map(async (key) => {
        await a.cache.delete(key)
        const resolved = performance.now()
        let asked = resolved
        let last = 0
        while ((await b.cache.get(key)) !== undefined) {
          last = asked - resolved
          await turn()
          asked = performance.now()
        }
        visible.push(last)
        if (last > 100) stale++
      }),
    )
  }
}
visible.sort((x, y) => x - y)
const at = (/** @type {number} */ part) => round(visible[Math.ceil(part * visible.length) - 1] ?? Number.NaN)

const keys = Array.from({ length: 1_000 }, (_, i) => `down-${i}`)
await fill(keys)
await line.kill()
const began = performance.now()
for (const key of keys) await a.cache.delete(key)
const deleting = performance.now() - began
await sleep(DOWN - deleting)
await line.restart()
const back = performance.now()
let inStepAfter = 0
while (performance.now() < back + 1_500) {
  if ((await b.cache.getMany(keys)).size > 0) inStepAfter = performance.now() - back
  await sleep(10)
}
const left = (await b.cache.getMany(keys)).size

report(
  'tiers',
  visible.length,
  {
    p50: at(0.5),
    p99: at(0.99),
    most: at(1),
    stale,
    downDeletesMs: round(deleting),
    leftAfterDown: left,
    inStepAfterMs: round(inStepAfter),
  },
  {
    'F81 p99 visible within 25 ms': at(0.99) <= 25,
    'T13 none stale after 100 ms': stale === 0,
    'F82 none stale 1.5 s after the bus is back': left === 0,
  },
)
await Promise.all([a.caches.close(), b.caches.close()])
store.end()
line.end()
