// One process of the tests in processes.test.ts: what it does, and to which directory, comes as JSON.
import { createHash } from 'node:crypto'

const { module, directory, reads, role, ...how } = JSON.parse(process.argv[2])
const { file } = await import(module)

process.stdin.on('end', () => process.exit()).resume()
process.stdin.unref()

const frame = (key) => `shop:1:${key}`
const space = {
  prefix: 'shop',
  version: 1,
  plain: true,
  start: 'shop:',
  frame,
  owns: (key) => key.startsWith('shop:'),
}
const faults = []
const backend = file({ directory, reads, maxEntries: how.maxEntries ?? 100_000 })
backend.open({
  clock: { now: () => Date.now() },
  evicted() {},
  corrupt: (key, reason) => faults.push(`corrupt ${key} ${reason}`),
  failed: (verb, error) => faults.push(`${verb} ${error.code ?? error.message}`),
})

/** A value that says itself whether it is whole, and whose it is. */
function sealed(size) {
  const body = Buffer.alloc(size, `${process.pid} ${Math.random()};`)
  return Buffer.concat([createHash('sha1').update(body).digest(), body])
}
const isWhole = (value) =>
  createHash('sha1').update(value.subarray(20)).digest().equals(value.subarray(0, 20))

const roles = {
  async count() {
    const sums = []
    for (let i = 0; i < how.times; i++) {
      const key = `n${(i + how.seed) % how.keys}`
      sums.push([key, await backend.incr(space, key, 1, { initial: 0, expiresAt: Number.POSITIVE_INFINITY })])
    }
    return sums
  },
  async add() {
    let won = 0
    for (let i = 0; i < how.keys; i++) {
      if (await backend.add(space, `a${i}`, Buffer.from(String(process.pid)), Number.POSITIVE_INFINITY)) won++
    }
    return won
  },
  async append() {
    for (let i = 0; i < how.times; ) {
      const was = await backend.get(space, 'list')
      const next = Buffer.from(`${was}${process.pid}.${i};`)
      if (await backend.replace(space, 'list', was, next, Number.POSITIVE_INFINITY)) i++
    }
  },
  async write() {
    for (;;) {
      await backend.set(
        space,
        `k${Math.floor(Math.random() * how.keys)}`,
        sealed(how.size),
        Number.POSITIVE_INFINITY,
      )
    }
  },
  async read() {
    let missed = 0
    let torn = 0
    const written = new Set()
    const end = Date.now() + how.ms
    for (let i = 0; i < how.times || written.size < how.keys || Date.now() < end; i++) {
      if (i % 100 === 0) await new Promise((resolve) => setImmediate(resolve))
      const key = `k${i % how.keys}`
      const value = await backend.get(space, key)
      if (value === undefined) {
        if (written.has(key)) missed++
        continue
      }
      written.add(key)
      if (!isWhole(value)) torn++
    }
    return { missed, torn }
  },
  async crowd() {
    const refused = []
    for (let i = 0; i < how.times; i++) {
      const key = `c${process.pid}-${i}`
      if (!(await backend.set(space, key, Buffer.from(key), Number.POSITIVE_INFINITY))) refused.push(key)
    }
    return refused.length
  },
  async clear() {
    for (let i = 0; i < how.times; i++) {
      await backend.clear(space)
      await new Promise((resolve) => setTimeout(resolve, 20))
    }
  },
  async claim() {
    const began = Date.now()
    const { token } = await backend.claim(space, 'job', how.ms)
    console.log(JSON.stringify({ token, began }))
    await new Promise((resolve) => setTimeout(resolve, how.hold))
    return backend.fill(space, 'job', token, Buffer.from('late'), Number.POSITIVE_INFINITY)
  },
  /** L1: what eight clients saw of a few keys. */
  async register() {
    const history = []
    const now = () => Number(process.hrtime.bigint())
    const client = async (id) => {
      for (let i = 0; i < how.times; i++) {
        const key = `r${Math.floor(Math.random() * how.keys)}`
        const dice = Math.random()
        const start = now()
        let [kind, value] = ['delete', undefined]
        if (dice < 0.6) {
          kind = 'get'
          const found = await backend.get(space, key)
          value = found && String(found)
        } else if (dice < 0.9) {
          kind = 'set'
          value = `${process.pid}.${id}.${i}`
          await backend.set(space, key, Buffer.from(value), Number.POSITIVE_INFINITY)
        } else await backend.delete(space, key)
        history.push({ key, kind, value, start, end: now() })
      }
    }
    await Promise.all(Array.from({ length: 8 }, (_, id) => client(id)))
    return history
  },
  async exit() {
    await backend.set(space, 'a', Buffer.from('1'), Number.POSITIVE_INFINITY)
    // A sweep and the like begin once the turn is over.
    await new Promise((resolve) => setTimeout(resolve, 50))
    console.log(JSON.stringify({ active: process.getActiveResourcesInfo() }))
  },
}

const result = await roles[role]()
if (role !== 'exit') {
  await backend.close()
  console.log(JSON.stringify({ result: result ?? null, faults }))
}
