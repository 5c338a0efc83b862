// What does an entry cost besides key and value, and is a limit in bytes kept honestly? (A9, F51, T16)
// node --expose-gc bench/memory/bytes.mjs <built dist>
import { pathToFileURL } from 'node:url'
import { makeSpace } from './measure.mjs'

const [dist = 'dist'] = process.argv.slice(2)
const { memory } = await import(pathToFileURL(`${dist}/backends/memory.js`).href)
const space = makeSpace()

function used() {
  gc()
  gc()
  const { heapUsed, external } = process.memoryUsage()
  // `external` holds the bytes of array buffers, too.
  return heapUsed + external
}

for (const maxEntries of [100_000, 1_000_000]) {
  const keys = Array.from({ length: 100_000 }, (_, i) => `user:${i}:profile`)
  const store = memory({ maxEntries })
  store.set(space, keys[0], 1, Infinity)
  const before = used()
  for (const key of keys) store.set(space, key, 7, Date.now() + 300_000)
  const grown = used() - before
  console.log(`100,000 entries, room for ${maxEntries}: ${(grown / keys.length).toFixed(1)} B each`)
  store.close()
}

const text = (length) => 'x'.repeat(length - 8) + Math.random().toString(36).slice(2, 10).padEnd(8)
const kinds = {
  'flat text': () => Buffer.from(text(100 + Math.random() * 2000)).toString('latin1'),
  'two-byte text': () => Buffer.from(`€${text(100 + Math.random() * 2000)}`, 'utf8').toString(),
  'small records': () => ({
    id: Math.random(),
    name: Buffer.from(text(30)).toString(),
    tags: ['a', 'b'],
    at: { x: 1, y: 2 },
  }),
  'lists of records': () =>
    Array.from({ length: 50 }, (_, i) => ({
      id: i,
      email: Buffer.from(text(20)).toString(),
      score: Math.random(),
      city: 'here',
    })),
  'parsed JSON': () =>
    JSON.parse(
      JSON.stringify({ list: Array.from({ length: 20 }, (_, i) => ({ id: i, name: text(20), on: true })) }),
    ),
  'small bytes': () => Buffer.from(text(200)),
  'big bytes': () => Buffer.alloc(20_000, 1),
  'maps and sets': () => new Map(Array.from({ length: 20 }, (_, i) => [i, new Set([1.5, i])])),
  dates: () => Array.from({ length: 20 }, (_, i) => new Date(i * 1e9)),
  dictionaries: () =>
    Object.fromEntries(Array.from({ length: 300 }, () => [Buffer.from(text(16)).toString(), 1])),
  numbers: () => Math.random(),
}
const CAP = 32 * 2 ** 20
for (const [kind, make] of Object.entries(kinds)) {
  const store = memory({ maxBytes: CAP, maxEntries: Infinity })
  const before = used()
  let bytes = 0
  for (let i = 0; ; i++) {
    store.set(space, `key${i}`, store.admit(make(), Infinity), Infinity)
    // Twice round, so that what was evicted is no part of it.
    if (store.size().entries < i / 2) break
  }
  bytes = store.size().bytes
  const ratio = (used() - before) / CAP
  console.log(
    `${kind}: ${store.size().entries} entries, own count ${(bytes / CAP).toFixed(2)} of the limit, heap grown by ${ratio.toFixed(2)} of it`,
  )
  store.close()
}
