// One process of the fleet in processes.test.ts: a cache over the server it is told, and the parts it plays when asked.
import { setTimeout as sleep } from 'node:timers/promises'

const { built, servers, me } = JSON.parse(process.argv[2])
const { createCaches } = await import(`${built}/index.js`)
const { memcached } = await import(`${built}/backends/memcached/memcached.js`)
const { makeSpace } = await import(`${built}/core/values/space.js`)

const backend = memcached({ servers, opTimeout: 20_000, connectTimeout: 20_000 })
const cache = createCaches({ default: { backend, ttl: 600, onBackendError: 'throw' } }).default
const space = makeSpace('fleet', 1)
const now = () => Number(process.hrtime.bigint())

/** So many at a time. */
async function inFlight(callers, times, work) {
  let next = 0
  const caller = async () => {
    while (next < times) await work(next++)
  }
  await Promise.all(Array.from({ length: callers }, caller))
}

const roles = {
  /** Answers the sums it was given, by key. */
  async count({ times, keys }) {
    const sums = []
    await inFlight(50, times, async (i) => {
      const key = `n${i % keys}`
      sums.push([key, await cache.incr(key, 1, { initial: 0 })])
    })
    return sums
  },

  /** Answers how many it was the first to add. */
  async add({ keys }) {
    let won = 0
    await inFlight(50, keys, async (i) => {
      if (await cache.add(`a${i}`, me)) won++
    })
    return won
  },

  /** Appends to one list by compare-and-set. */
  async append({ times }) {
    for (let i = 0; i < times; i++) {
      for (let done = false; !done; ) {
        const was = await backend.get(space, 'list')
        const what = Buffer.concat([was, Buffer.from(`${me}.${i};`)])
        done = await backend.replace(space, 'list', was, what, Number.POSITIVE_INFINITY)
      }
    }
    return times
  },

  /** Answers when it had the claim of which key. */
  async claim({ times, keys }) {
    const held = []
    for (let i = 0; i < times; i++) {
      const key = `claim${i % keys}`
      let token
      while (token === undefined) {
        token = (await backend.claim(space, key, 60_000)).token
        if (token === undefined) await sleep(1)
      }
      const from = now()
      await sleep(1)
      held.push([key, from, now()])
      await backend.release(space, key, token)
    }
    return held
  },

  /** Many callers of many cold keys. Answers which it loaded, and how many answers were right. */
  async load({ keys, callers }) {
    const loads = []
    let right = 0
    await inFlight(25, keys, async (i) => {
      const load = async () => {
        loads.push(i)
        await sleep(2)
        return `value ${i}`
      }
      const answers = Array.from({ length: callers }, () => cache.getOrSet(`cold${i}`, load))
      for (const answer of await Promise.all(answers)) if (answer === `value ${i}`) right++
    })
    return { loads, right }
  },

  /** Reads, writes and deletes a few keys with eight clients, and answers what they saw. */
  async register({ times, keys }) {
    const history = []
    await inFlight(8, times, async (i) => {
      const key = `r${Math.floor(Math.random() * keys)}`
      const kind = ['get', 'get', 'get', 'set', 'set', 'delete'][i % 6]
      let value = kind === 'set' ? `${me}.${i}` : undefined
      const start = now()
      if (kind === 'get') value = await cache.get(key)
      else if (kind === 'set') await cache.set(key, value)
      else await cache.delete(key)
      history.push({ key, kind, value, start, end: now() })
    })
    return history
  },
}

process.on('message', async ({ role, how }) => process.send(await roles[role](how)))
await cache.get('warm')
process.send('ready')
