// One process of a fleet: builds a cache over the servers it is told, does its part, and prints what came of it.
import { once } from 'node:events'
import { appendFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'

const { built, url, cluster, role, ...how } = JSON.parse(process.argv[2])
const { createCaches } = await import(`${built}/index.js`)
const { redis } = await import(`${built}/backends/redis/redis.js`)
const { makeSpace } = await import(`${built}/core/values/space.js`)

// What is tested are claims and counts, not deadlines: on a busy machine an answer may take a while.
const backend = redis({ ...(cluster ? { cluster } : { url }), opTimeout: 10_000, connectTimeout: 10_000 })
const caches = createCaches({ default: { backend, keyPrefix: how.prefix, ttl: 60 } })
const cache = caches.default
await cache.get('warm')
if (how.together) {
  console.log('ready')
  await once(process.stdin, 'data')
}

const roles = {
  /** Many callers of one cold key, all at the same instant; then of the next. */
  async stampede() {
    const rounds = []
    for (let round = 0; round < how.rounds; round++) {
      let loads = 0
      const load = async () => {
        loads++
        await sleep(100)
        return 'made'
      }
      const began = performance.now()
      const callers = Array.from({ length: how.callers }, () => cache.getOrSet(`cold${round}`, load))
      const right = (await Promise.all(callers)).filter((answer) => answer === 'made').length
      rounds.push({ loads, right, ms: performance.now() - began })
      await sleep(500 - rounds.at(-1).ms)
    }
    return rounds
  },

  /** Loads for ever, saying when it has begun. */
  async hold() {
    console.log('waiting')
    await cache.getOrSet('held', async () => {
      console.log('loading')
      await sleep(how.ms)
      return how.value
    })
    return cache.get('held')
  },

  /** Reads, writes and deletes a few keys with eight clients, and tells what they saw. */
  async register() {
    const history = []
    const now = () => Number(process.hrtime.bigint())
    const end = performance.now() + how.seconds * 1_000
    const client = async (id) => {
      for (let i = 0; performance.now() < end; i++) {
        const key = `r${Math.floor(Math.random() * how.keys)}`
        const kind = ['get', 'get', 'get', 'set', 'set', 'delete'][i % 6]
        let value = kind === 'set' ? `${process.pid}.${id}.${i}` : undefined
        const start = now()
        if (kind === 'get') value = await cache.get(key)
        else if (kind === 'set') await cache.set(key, value)
        else await cache.delete(key)
        history.push({ key, kind, value, start, end: now() })
      }
    }
    await Promise.all(Array.from({ length: 8 }, (_, id) => client(id)))
    return history
  },

  /** Appends to one list, each time over what rests there now. */
  async append() {
    const space = makeSpace(how.prefix, 1)
    for (let i = 0; i < how.times; ) {
      const was = (await backend.peek(space, 'list'))?.stored
      const what = Buffer.from(`${was ?? '~'}${process.pid}.${i} `)
      const never = Number.POSITIVE_INFINITY
      const done = was
        ? await backend.replace(space, 'list', was, what, never)
        : await backend.add(space, 'list', what, never)
      if (done) i++
    }
    return String((await backend.peek(space, 'list')).stored)
  },

  /** Takes a claim again and again; writes down when it has it and when it gives it up. */
  async lock() {
    const space = makeSpace(how.prefix, 1)
    for (let i = 0; i < how.times; ) {
      const { token } = await backend.claim(space, 'lock', 60_000)
      if (token === undefined) {
        await sleep(1 + Math.random() * 3)
        continue
      }
      appendFileSync(how.log, `${process.pid} has it\n`)
      if (i % 10 === 0) await sleep(1)
      appendFileSync(how.log, `${process.pid} gives it up\n`)
      await backend.release(space, 'lock', token)
      i++
    }
  },

  /** Many cold keys, each asked for by many callers. */
  async load() {
    let loads = 0
    for (let i = 0; i < how.keys; i++) {
      const load = async () => {
        loads++
        await sleep(1)
        return i
      }
      await Promise.all(Array.from({ length: how.callers }, () => cache.getOrSet(`cold${i}`, load)))
    }
    return loads
  },

  async count() {
    const sums = []
    for (let i = 0; i < how.times; i++) sums.push([i % 20, await cache.incr(`n${i % 20}`, 1, { initial: 0 })])
    return sums
  },

  async add() {
    let won = 0
    for (let i = 0; i < how.keys; i++) if (await cache.add(`k${i}`, process.pid)) won++
    return won
  },

  /** Deletes and loads the same few keys; what was loaded before a delete must not be found after it. */
  async race() {
    let stale = 0
    for (let i = 0; i < how.times; i++) {
      const key = `r${i % 5}`
      // The number of the source, read a moment before it is stored.
      await cache.getOrSet(key, async () => {
        const now = await cache.get('source')
        await sleep(Math.random() * 3)
        return now
      })
      if (how.writer) {
        const next = i + 1
        await cache.set('source', next)
        for (let k = 0; k < 5; k++) await cache.delete(`r${k}`)
        const found = await cache.get(key)
        if (found !== undefined && found < next) stale++
      }
    }
    return stale
  },
}

console.log(JSON.stringify((await roles[role]()) ?? null))
await caches.close()
process.stdin.destroy()
