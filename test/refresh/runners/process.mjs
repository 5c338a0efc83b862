// @ts-check
/**
 * One process of a fleet over a queue: asks, reads, or works, as it is told, and prints what came of it. The value of `n` is what its source
 * says; every load is a line in the log, and so is what became of it.
 */

import { once } from 'node:events'
import { appendFileSync } from 'node:fs'
import { createInterface } from 'node:readline'
import { setTimeout as sleep } from 'node:timers/promises'
import { createCaches } from 'stillwarm'
import { redis } from 'stillwarm/backends/redis'
import { defineJob, worker } from 'stillwarm/refresh'

const how = JSON.parse(process.argv[2] ?? '{}')
const { engine, cacheUrl, prefix, log, loadMs = 0, options = {} } = how

const backend = redis({ url: cacheUrl, opTimeout: 2_000 })
const caches = createCaches({
  default: { backend, keyPrefix: prefix },
  source: { backend, keyPrefix: `${prefix}-source`, ttl: null },
})
// Only the one that is meant: a process is to be there quickly.
const runner =
  engine === 'bullmq'
    ? (await import('stillwarm/refresh/bullmq')).bullmq(options)
    : (await import('stillwarm/refresh/pg-boss')).pgBoss({ pollInterval: 50, ...options })
const counted = defineJob({
  name: 'counted',
  cache: caches.default,
  runner,
  lifetime: '1h',
  ...how.job,
  /** @param {number} n */
  async load(n) {
    keys.set(counted.key(n), n)
    note('start', n)
    const value = (await caches.source.get('all')) ?? 'old'
    await sleep(loadMs)
    note('end', n)
    if (how.poison === n) throw new Error('poison')
    return value
  },
})

/** The arguments of keys. @type {Map<string, number>} */
const keys = new Map()
for (const event of /** @type {const} */ (['set', 'late'])) {
  caches.default.on(event, ({ key }) => note(event, keys.get(key)))
}
// One that it did not load: whose it is, only the key says.
caches.default.on('refresh-skipped', ({ key }) => note('skip', keys.get(key), key))
caches.default.on('backend-failed', () => note('fault'))

/** @param {string} what @param {number} [n] @param {string} [key] */
function note(what, n = -1, key = '') {
  appendFileSync(log, `${what} ${n} ${process.pid} ${key}\n`)
}

/** @type {Record<string, () => Promise<unknown>>} */
const roles = {
  /** Works until told to end. */
  async work() {
    const working = worker({ jobs: [counted], concurrency: how.concurrency ?? 10, onError() {} })
    await working.ready
    const told = once(process, 'SIGTERM')
    console.log('ready')
    await told
    await working.close()
    return 'closed'
  },

  /** Asks for all of them. */
  async enqueue() {
    let taken = 0
    for (let n = 0; n < how.count; ) {
      const some = Array.from({ length: Math.min(50, how.count - n) }, (_, i) => n + i)
      n += some.length
      const answers = await Promise.all(some.map((one) => counted.enqueue(one)))
      taken += answers.filter(Boolean).length
    }
    return taken
  },

  /** Many callers of one key, whenever it is told so; says what they got. */
  async stampede() {
    await counted.inspect(1)
    console.log('ready')
    for await (const _line of createInterface(process.stdin)) {
      const all = await Promise.all(Array.from({ length: how.callers }, () => counted.get(1)))
      console.log([...new Set(all)].join())
    }
  },

  /** Asks of a server that stands still, and closes. */
  async ask() {
    await counted.refresh(1)
    const told = once(process, 'SIGUSR2')
    console.log('ready')
    await told
    const began = performance.now()
    const answer = await counted.enqueue(1).catch((error) => error.code)
    return { answer, ms: performance.now() - began }
  },
}

console.log(JSON.stringify(await roles[how.role]?.()))
await runner.close()
await caches.close()
