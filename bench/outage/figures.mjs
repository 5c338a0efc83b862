// @ts-check
/** The figures of `outage.mjs`, by the number of their target. */
import { fork } from 'node:child_process'
import { once } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { createCaches } from 'stillwarm'
import { redis } from 'stillwarm/backends/redis'
import { faultProxy } from 'stillwarm/testing'
import { startServer } from './server.mjs'

const WORKER = fileURLToPath(new URL('worker.mjs', import.meta.url))

/** @param {{ address: string }} server @param {object} [options] */
function cacheOver({ address }, options = {}) {
  const caches = createCaches({
    default: { backend: redis({ url: `redis://${address}` }), ttl: 600, ...options },
  })
  return { caches, cache: caches.default }
}

/** @param {number} ms */
const round = (ms) => Math.round(ms * 100) / 100

/** @param {number[]} all @param {number} share */
function percentile(all, share) {
  const sorted = [...all].sort((a, b) => a - b)
  return round(sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? 0)
}

/** @param {() => Promise<unknown>} act */
async function took(act) {
  const began = performance.now()
  await act()
  return performance.now() - began
}

/** One call after the other. @param {number} ms @param {() => Promise<unknown>} act @param {number} [pause] */
async function during(ms, act, pause = 0) {
  const all = []
  for (const end = performance.now() + ms; performance.now() < end; ) {
    all.push(await took(act))
    if (pause > 0) await sleep(pause)
  }
  return all
}

/** How long until it is so, in milliseconds. @param {() => Promise<boolean>} test */
async function until(test, within = 20_000) {
  const began = performance.now()
  while (!(await test())) {
    if (performance.now() - began > within) return Number.POSITIVE_INFINITY
    await sleep(2)
  }
  return round(performance.now() - began)
}

/** Prints one JSON line. @param {string} role @param {object} how */
function worker(role, how) {
  const child = fork(WORKER, [JSON.stringify({ role, ...how })], {
    execArgv: ['--no-warnings'],
    silent: true,
  })
  child.stderr?.pipe(process.stderr)
  let said = ''
  child.stdout?.on('data', (bytes) => {
    said += bytes
  })
  const ended = once(child, 'close').then(() => JSON.parse(said.trim().split('\n').at(-1) || 'null'))
  return { child, ended }
}

/** @type {Record<string, () => Promise<{ met: boolean } & Record<string, unknown>>>} */
export const figures = {
  async T1() {
    const server = await startServer()
    const { cache } = cacheOver(server)
    await cache.set('a', 1)
    await during(200, () => cache.get('a'))
    await server.kill()
    const first = round(await took(() => cache.get('a')))
    const later = await during(3_000, () => cache.get('a'), 1)
    const p99 = percentile(later, 0.99)
    return { what: 'get, server killed', first, p99, max: percentile(later, 1), met: first <= 50 && p99 <= 2 }
  },

  async T2() {
    const server = await startServer()
    const { cache } = cacheOver(server)
    await cache.set('a', 1)
    await during(200, () => cache.get('a'))
    await server.freeze()
    const wave = await Promise.all(Array.from({ length: 50 }, () => took(() => cache.get('a'))))
    const later = await during(3_000, () => cache.get('a'), 1)
    server.thaw()
    const worst = round(Math.max(...wave, ...later))
    const p99 = percentile(later, 0.99)
    return { what: 'get, server frozen', worst, p99, met: worst <= 300 && p99 <= 2 }
  },

  async 'T2 black hole'() {
    const server = await startServer()
    const wire = await faultProxy(server)
    const { cache } = cacheOver(wire)
    await cache.set('a', 1)
    wire.requests = { hold: true }
    wire.answers = { hold: true }
    const before = wire.made.length
    const wave = await Promise.all(Array.from({ length: 50 }, () => took(() => cache.get('a'))))
    const later = await during(5_000, () => cache.get('a'), 1)
    const attempts = wire.made.length - before
    const worst = round(Math.max(...wave, ...later))
    const p99 = percentile(later, 0.99)
    return {
      what: 'get, packets dropped',
      worst,
      p99,
      attempts,
      met: worst <= 300 && p99 <= 2 && attempts <= 6,
    }
  },

  async T3() {
    const server = await startServer()
    const { cache } = cacheOver(server)
    await cache.get('warm')
    await server.freeze()
    let loads = 0
    const load = async () => {
      loads++
      await sleep(50)
      return 'made'
    }
    const answers = await Promise.all(
      Array.from({ length: 100 }, () => took(() => cache.getOrSet('cold', load))),
    )
    server.thaw()
    const worst = round(Math.max(...answers))
    return {
      what: 'getOrSet, 100 callers, frozen, 50 ms load',
      loads,
      worst,
      met: loads === 1 && worst <= 350,
    }
  },

  async T4() {
    const server = await startServer()
    const { cache } = cacheOver(server)
    const thawed = []
    const restarted = []
    for (let i = 0; i < 5; i++) {
      await cache.set('a', i)
      await server.freeze()
      await during(500 + 300 * i, () => cache.get('a'), 5)
      server.thaw()
      thawed.push(await until(async () => (await cache.get('a')) === i))
      await server.kill()
      await during(500 + 300 * i, () => cache.get('a'), 5)
      await server.again()
      restarted.push(await until(async () => (await cache.set('b', i)) && (await cache.get('b')) === i))
    }
    const worst = Math.max(...thawed, ...restarted)
    return { what: 'first hit after the return', thawed, restarted, worst, met: worst <= 1_500 }
  },

  async T5() {
    const server = await startServer()
    const { cache } = cacheOver(server)
    await cache.get('warm')
    const values = Array.from({ length: 20_000 }, (_, i) => `${i}${'x'.repeat(1_000)}`)
    const heap = () => {
      globalThis.gc?.()
      return process.memoryUsage().heapUsed / 1e6
    }
    await server.freeze()
    const before = heap()
    const sets = values.map((value, i) => cache.set(`k${i}`, value))
    const during = heap() - before
    const stored = (await Promise.all(sets)).filter(Boolean).length
    const after = heap() - before
    server.thaw()
    const back = await until(async () => await cache.set('b', 1))
    await sleep(3_000)
    const end = heap() - before
    return {
      what: '20,000 sets of 1 kB while frozen: heap in MB',
      during: round(during),
      after: round(after),
      end: round(end),
      stored,
      back,
      met: during <= 30 && after <= 30,
    }
  },

  async T7() {
    let stale = 0
    let checked = 0
    for (const how of ['deletes', 'deletes after overwrites under way', 'kill and a server with its data']) {
      const server = await startServer()
      const wire = await faultProxy(server)
      const { cache } = cacheOver(how.startsWith('kill') ? wire : server)
      const keys = Array.from({ length: 1_000 }, (_, i) => `k${i}`)
      for (const key of keys) await cache.set(key, 'old'.repeat(300))
      if (how.startsWith('kill')) {
        wire.accepts = false
        wire.reset()
      } else await server.freeze()
      const writes = how.includes('overwrites') ? keys.map((key) => cache.set(key, 'mid'.repeat(300))) : []
      if (writes.length > 0) await sleep(20)
      await Promise.all([...writes, ...keys.map((key) => cache.delete(key))])
      await Promise.all(keys.map((key) => cache.delete(key)))
      wire.accepts = true
      server.thaw()
      await until(async () => await cache.set('b', 1))
      for (const end = performance.now() + 2_500; performance.now() < end; ) {
        for (const value of (await cache.getMany(keys)).values()) if (value !== undefined) stale++
        checked += keys.length
      }
      await server.kill()
    }
    return {
      what: '1,000 deletes in an outage: reads of them afterwards',
      checked,
      stale,
      met: stale === 0 && checked > 0,
    }
  },

  async T9() {
    const server = await startServer()
    const at = Date.now() + 1_500
    const fleet = Array.from({ length: 4 }, () =>
      worker('stampede', { address: server.address, at, callers: 50 }),
    )
    const results = await Promise.all(fleet.map(({ ended }) => ended))
    const loads = results.reduce((sum, result) => sum + result.loads, 0)
    const worst = Math.max(...results.map(({ ms }) => ms))
    return { what: 'cold key, 4 processes × 50, 100 ms load', loads, worst, met: loads === 1 && worst <= 400 }
  },

  async T10() {
    const server = await startServer()
    const holder = worker('hold', { address: server.address })
    await new Promise((resolve) => holder.child.stdout?.once('data', resolve))
    const at = Date.now() + 1_000
    const fleet = Array.from({ length: 3 }, () =>
      worker('stampede', { address: server.address, at, callers: 50 }),
    )
    await sleep(1_200)
    holder.child.kill('SIGKILL')
    const killed = Date.now()
    const results = await Promise.all(fleet.map(({ ended }) => ended))
    const loads = 1 + results.reduce((sum, result) => sum + result.loads, 0)
    const after = Math.max(...results.map(({ done }) => done)) - killed
    return {
      what: '… the holder killed; last answer after the kill',
      loads,
      after,
      met: loads <= 2 && after <= 2_500,
    }
  },

  async T11() {
    const server = await startServer()
    const fleet = Array.from({ length: 8 }, () => worker('count', { address: server.address, times: 2_000 }))
    const sums = (await Promise.all(fleet.map(({ ended }) => ended))).flatMap(({ sums }) => sums)
    const double = sums.length - new Set(sums).size
    const lost = 16_000 - sums.length
    return { what: 'incr, 8 processes × 2,000 on 20 keys', lost, double, met: lost === 0 && double === 0 }
  },

  async T12() {
    const server = await startServer()
    const wire = await faultProxy(server)
    const { cache } = cacheOver(wire)
    const keys = Array.from({ length: 1_000 }, (_, i) => `k${i}`)
    await cache.setMany(Object.fromEntries(keys.map((key) => [key, `value of ${key}`])))
    wire.answers = { delay: () => (Math.random() < 0.01 ? 400 : 0) }
    const total = 100_000
    let [asked, right, wrong, missed] = [0, 0, 0, 0]
    const reader = async () => {
      while (asked < total) {
        asked++
        const key = keys[Math.floor(Math.random() * keys.length)] ?? ''
        const value = await cache.get(key)
        if (value === undefined) {
          missed++
          await sleep(20)
        } else if (value === `value of ${key}`) right++
        else wrong++
      }
    }
    await Promise.all(Array.from({ length: 50 }, reader))
    const connections = wire.made.length
    return {
      what: 'answers 400 ms late, 1 %',
      asked,
      right,
      missed,
      connections,
      wrong,
      met: wrong === 0 && right > total / 10,
    }
  },

  async T18() {
    const server = await startServer()
    const child = worker('closing', { address: server.address })
    await new Promise((resolve) => child.child.stdout?.once('data', resolve))
    await server.freeze()
    child.child.send('go')
    await sleep(100)
    const began = performance.now()
    child.child.kill('SIGTERM')
    const result = await child.ended
    const ms = round(performance.now() - began)
    server.thaw()
    return {
      what: 'SIGTERM, frozen, 500 in flight: until exit',
      ms,
      ...result,
      met: ms <= 2_000 && result.settled === 500,
    }
  },

  async T31() {
    // By the processor's time: one call after the other over loopback measures the scheduler.
    const { Store } = await import('../../dist/core/store.js')
    const { makeSpace } = await import('../../dist/core/values/space.js')
    const space = makeSpace('p', 1)
    const answer = Promise.resolve('value')
    const network = { opTimeout: 250, maxInFlight: 1_024, noAnswer: () => false, reconnect: async () => {} }
    const bare = { name: 'none', holds: 'values', sync: false, shared: true, get: () => answer, close() {} }
    const clock = { now: () => Date.now() }
    const per = async (/** @type {any} */ backend) => {
      const store = new Store(backend, clock)
      let best = Number.POSITIVE_INFINITY
      for (let i = 0; i < 7; i++) {
        const began = process.cpuUsage()
        for (let n = 0; n < 100_000; n++) await store.get(space, 'key')
        const { user, system } = process.cpuUsage(began)
        best = Math.min(best, (user + system) / 100_000)
      }
      return best
    }
    const cost = round((await per({ ...bare, network })) - (await per(bare)))
    const server = await startServer()
    const { cache } = cacheOver(server)
    await cache.set('a', 'x'.repeat(100))
    await during(1_000, () => cache.get('a'))
    const p50 = percentile(await during(2_000, () => cache.get('a')), 0.5) * 1_000
    return {
      what: 'the guard, µs a hit; loopback p50 in µs',
      cost,
      p50: round(p50),
      share: round(cost / p50),
      met: cost <= 15,
    }
  },

  async F07() {
    const server = await startServer()
    const wire = await faultProxy(server)
    const { caches, cache } = cacheOver(wire)
    let changes = 0
    caches.on('backend-down', () => changes++)
    caches.on('backend-up', () => changes++)
    await cache.set('a', 1)
    let open = 0
    let over = false
    const flapping = (async () => {
      while (!over) {
        await server.freeze()
        await sleep(780)
        server.thaw()
        await sleep(200)
        open = Math.max(open, wire.open)
      }
    })()
    const all = await during(60_000, () => cache.get('a'), 5)
    over = true
    await flapping
    const p99 = percentile(all, 0.99)
    return {
      what: 'flapping 200 ms up, 800 ms down, 60 s',
      p99,
      changes,
      open,
      met: p99 <= 300 && changes <= 120 && open <= 3,
    }
  },
}
