// @ts-check
/**
 * L1 over tiers: a read answers a value that was written, and none that had been overwritten or deleted for longer than news takes
 * (100 ms) when the read began. Four processes of eight clients over 50 keys; each operation with its start and end by one
 * clock. `SOAK_DEAF`: a bus that loses one message in so many, which must be found.
 */
import { fork } from 'node:child_process'
import { once } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { createCaches, memory } from 'stillwarm'
import { redis, redisBus } from 'stillwarm/backends/redis'
import { tiered } from 'stillwarm/backends/tiered'
import { startRedis } from '../../examples/simulator/servers.mjs'
import { report, setting, turn } from './measure.mjs'

const PROCESSES = 4
const CLIENTS = 8
const KEYS = 50
const SECONDS = setting('SOAK_SECONDS', 60)
const DEAF = setting('SOAK_DEAF', 0)
/** In milliseconds. */
const DELAY = 100

/** @typedef {{ key: string, wrote?: string | null, read?: string, from: number, to: number }} Op */

/** The same clock for every process of this machine, in milliseconds. */
const now = () => Number(process.hrtime.bigint()) / 1e6

const [role, url] = process.argv.slice(2)
if (role === 'client' && url) await client(url)
else await check()

/** @param {string} server */
async function client(server) {
  const bus = redisBus({ url: server })
  let published = 0
  const publish = bus.publish.bind(bus)
  if (DEAF) bus.publish = (bytes) => (++published % DEAF === 0 ? Promise.resolve() : publish(bytes))
  const backend = tiered({ near: memory(), far: redis({ url: server }), bus, nearTtl: '10m' })
  const { default: cache } = createCaches({ default: { backend, ttl: 3_600 } })
  await cache.get('first')
  /** @type {Op[]} */
  const ops = []
  let values = 0
  const until = performance.now() + SECONDS * 1_000
  const run = async () => {
    while (performance.now() < until) {
      const key = `key-${Math.floor(Math.random() * KEYS)}`
      const die = Math.random()
      // Where this process stood still, what has arrived meanwhile is heard first.
      await turn()
      const from = now()
      /** @type {Op} */
      const op = { key, from, to: 0 }
      if (die < 0.8) {
        const read = await cache.get(key)
        if (read !== undefined) op.read = String(read)
      } else if (die < 0.95) {
        op.wrote = `${process.pid}-${values++}`
        await cache.set(key, op.wrote)
      } else {
        op.wrote = null
        await cache.delete(key)
      }
      op.to = now()
      ops.push(op)
      await sleep(1 + 3 * Math.random())
    }
  }
  await Promise.all(Array.from({ length: CLIENTS }, run))
  process.send?.(ops, () => process.exit())
}

async function check() {
  const server = await startRedis()
  const clients = Array.from({ length: PROCESSES }, () =>
    fork(fileURLToPath(import.meta.url), ['client', `redis://127.0.0.1:${server.port}`]),
  )
  const logs = await Promise.all(
    clients.map(async (child) => /** @type {Op[]} */ ((await once(child, 'message'))[0])),
  )
  server.end()
  const ops = logs.flat()
  let [stale, unwritten, reads] = [0, 0, 0]
  for (let k = 0; k < KEYS; k++) {
    const own = ops.filter(({ key }) => key === `key-${k}`)
    const writes = own.filter(({ wrote }) => wrote !== undefined).sort((x, y) => x.from - y.from)
    const byValue = new Map(writes.map((write) => [write.wrote, write]))
    // Of the writes that begin from here on, the earliest to end.
    const earliest = Array(writes.length + 1).fill(Number.POSITIVE_INFINITY)
    for (let i = writes.length - 1; i >= 0; i--) earliest[i] = Math.min(earliest[i + 1], writes[i]?.to ?? 0)
    for (const { read, from } of own) {
      if (read === undefined) continue
      reads++
      const write = byValue.get(read)
      if (write === undefined || write.from > from + DELAY) unwritten++
      else {
        const next = writes.findIndex((other) => other.from > write.to)
        if (next >= 0 && earliest[next] < from - DELAY) stale++
      }
    }
  }
  report(
    'register',
    reads,
    { writes: ops.length - reads, stale, unwritten },
    { 'L1 none stale': stale === 0, 'L1 all were written': unwritten === 0 },
  )
}
