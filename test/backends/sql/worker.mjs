// @ts-check
/** One process of several over one table; see `fleet.ts`. */
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { pathToFileURL } from 'node:url'

const { built, name, options, role, seconds, appends } = JSON.parse(process.argv[2] ?? '')
const load = (/** @type {string} */ path) => import(pathToFileURL(join(built, path)).href)
const { createCaches } = await load('index.js')
const sql = await load('backends/sql/sql.js')

const backend = sql[name](options)
// A file that another process writes for long is a miss: see F37.
const onBackendError = name === 'sqlite' ? 'miss' : 'throw'
const caches = createCaches({ default: { backend, onBackendError } })
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
    if (count !== undefined) counts.push(count)
    if (added) won++
  }
  console.log(JSON.stringify({ counts, won, loads }))
  await caches.close()
} else if (role === 'append') {
  const { makeSpace } = await load('core/values/space.js')
  const space = makeSpace('list', 1)
  const never = Number.POSITIVE_INFINITY
  for (let i = 0; i < appends; ) {
    try {
      const was = (await backend.peek(space, 'list'))?.stored
      const what = Buffer.from(`${was ?? ''}${process.pid}.${i} `)
      const done = was
        ? await backend.replace(space, 'list', was, what, never)
        : await backend.add(space, 'list', what, never)
      if (done) i++
    } catch (error) {
      if (onBackendError === 'throw') throw error
    }
  }
  console.log(String((await backend.peek(space, 'list')).stored))
  await caches.close()
} else if (role === 'register') {
  const now = () => Number(process.hrtime.bigint())
  const until = Date.now() + seconds * 1_000
  let writes = 0
  const client = async () => {
    const told = []
    while (Date.now() < until) {
      const key = `r${Math.floor(Math.random() * 20)}`
      const dice = Math.random()
      const kind = dice < 0.6 ? 'get' : dice < 0.9 ? 'set' : 'delete'
      const written = `${process.pid}.${writes++}`
      const start = now()
      const answer = await (kind === 'get'
        ? cache.get(key)
        : kind === 'set'
          ? cache.set(key, written)
          : cache.delete(key))
      // It was never written.
      if (kind === 'set' && answer !== true) continue
      const value = kind === 'get' ? answer : kind === 'set' ? written : undefined
      told.push({ key, kind, value, start, end: now() })
    }
    return told
  }
  const told = await Promise.all(Array.from({ length: 6 }, client))
  console.log(JSON.stringify(told.flat()))
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
