// What does the bare store cost beside a Map and beside lru-cache with a ttl? (A2, A3, A5, A6, A8)
// node bench/memory/store.mjs <built dist> <folder with lru-cache in node_modules>
import { pathToFileURL } from 'node:url'
import { best, makeSpace, print } from './measure.mjs'

const [dist = 'dist', peers = '.'] = process.argv.slice(2)
const { memory } = await import(pathToFileURL(`${dist}/backends/memory.js`).href)
const { LRUCache } = await import(pathToFileURL(`${peers}/node_modules/lru-cache/dist/esm/index.js`).href)
const space = makeSpace()
const forLong = () => Date.now() + 300_000

function contenders(max) {
  const map = new Map()
  const lru = new LRUCache({ max, ttl: 300_000 })
  const backend = memory({ maxEntries: max })
  const end = forLong()
  return {
    Map: {
      get: (key) => map.get(key),
      set: (key, value) => map.set(key, value),
      delete: (key) => map.delete(key),
    },
    'lru-cache + ttl': {
      get: (key) => lru.get(key),
      set: (key, value) => lru.set(key, value),
      delete: (key) => lru.delete(key),
    },
    'memory()': {
      get: (key) => backend.get(space, key),
      set: (key, value) => backend.set(space, key, value, end),
      delete: (key) => backend.delete(space, key),
    },
  }
}

const keysOf = (count) => Array.from({ length: count }, (_, i) => `user:${i}:profile`)

async function row(title, keys, max, prepare, step) {
  const ones = contenders(max)
  const results = Object.fromEntries(Object.keys(ones).map((name) => [name, []]))
  for (const one of Object.values(ones)) prepare(one)
  for (let round = 0; round < 7; round++) {
    for (const [name, one] of Object.entries(ones)) {
      const ns = best(step(one), keys.length > 10_000 ? 400_000 : 1_000_000)
      results[name].push(ns)
    }
  }
  print(title, results)
}

const fill = (keys) => (one) => {
  for (const [i, key] of keys.entries()) one.set(key, i)
}

for (const count of [1000, 100_000]) {
  const keys = keysOf(count)
  // A stride that is prime to the count: no neighbour in memory is asked next.
  const order = keys.map((_, i) => keys[(i * 7919) % count])
  await row(`get hit, ${count} keys`, keys, count, fill(keys), (one) => (i) => one.get(order[i % count]))
  await row(`get miss, ${count} keys`, keys, count, fill(keys), (one) => (i) => one.get(`none${i & 1023}`))
  await row(
    `set overwrite, ${count} keys`,
    keys,
    count,
    fill(keys),
    (one) => (i) => one.set(order[i % count], i),
  )
}

const many = keysOf(200_000)
await row('set evicting, room for 10,000', many, 10_000, fill(many), (one) => {
  let at = 0
  return (i) => one.set(many[at++ % many.length], i)
})

const mixed = keysOf(1100)
await row('90 % get, 9 % set, 1 % delete, room for 500', mixed, 500, fill(mixed), (one) => (i) => {
  const key = mixed[(i * 7919) % 1100]
  const dice = (i * 31) % 100
  if (dice < 90) one.get(key)
  else if (dice < 99) one.set(key, i)
  else one.delete(key)
})
