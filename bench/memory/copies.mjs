// What does a private copy of a 10 KB value cost, to store and to read? (A4)
// Beside it: what peers do. node bench/memory/copies.mjs <built dist>
import { pathToFileURL } from 'node:url'
import { best, print } from './measure.mjs'

const [dist = 'dist'] = process.argv.slice(2)
const { memory } = await import(pathToFileURL(`${dist}/backends/memory.js`).href)

const records = Array.from({ length: 100 }, (_, i) => ({
  id: i,
  name: `user ${i}`,
  email: `user${i}@example.com`,
  active: i % 2 === 0,
  score: i * 1.5,
  city: 'Lausanne',
}))
const nested = {
  page: 1,
  list: records
    .slice(0, 60)
    .map((one) => ({ ...one, address: { street: 'High Street', zip: '1000' }, tags: ['a', 'b'] })),
}
const dated = records.map(({ id, name }) => ({ id, name, at: new Date(id), tags: new Set(['a']) }))

for (const [title, value] of Object.entries({
  'like-shaped records': records,
  'nested records': nested,
  'dates and sets': dated,
})) {
  const ways = {}
  const [own, shared, capped] = [memory(), memory({ copies: 'frozen' }), memory({ maxBytes: '64mb' })]
  const [one, two] = [own.admit(value, Infinity), shared.admit(value, Infinity)]
  const json = JSON.stringify(value)
  ways.lend = () => own.lend(one)
  ways['lend frozen'] = () => shared.lend(two)
  ways.admit = () => own.admit(value, 2 ** 20)
  ways['admit frozen'] = () => shared.admit(value, 2 ** 20)
  ways['admit with maxBytes'] = () => capped.admit(value, 2 ** 20)
  ways['JSON.parse'] = () => JSON.parse(json)
  ways['JSON.stringify'] = () => JSON.stringify(value)
  ways.structuredClone = () => structuredClone(value)
  const results = Object.fromEntries(Object.keys(ways).map((name) => [name, []]))
  for (let round = 0; round < 5; round++) {
    for (const [name, way] of Object.entries(ways)) results[name].push(best(way, 2000) / 1000)
  }
  print(`${title}, ${json.length} characters of JSON`, results, 'µs')
}
