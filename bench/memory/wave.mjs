// A million entries end in the same second: how long does anyone wait? And a full store of a million, 1 % of
// it over: what does a set cost? (F53, T17) node --expose-gc bench/memory/wave.mjs <built dist>
import { monitorEventLoopDelay } from 'node:perf_hooks'
import { setTimeout as sleep } from 'node:timers/promises'
import { pathToFileURL } from 'node:url'
import { makeSpace } from './measure.mjs'

const [dist = 'dist'] = process.argv.slice(2)
const { memory } = await import(pathToFileURL(`${dist}/backends/memory.js`).href)
const space = makeSpace()
const MILLION = 1_000_000

// Every timer's callback is timed: the sweeper's slices are among them.
let longest = 0
const { setTimeout: plain } = globalThis
// Not by an assignment, which the compiler would take for the type of every setTimeout here.
Object.assign(globalThis, {
  setTimeout: (call, ms) =>
    plain(() => {
      const start = performance.now()
      call()
      longest = Math.max(longest, performance.now() - start)
    }, ms),
})
const ms = (ns) => (ns / 1e6).toFixed(1)

{
  const store = memory({ maxEntries: MILLION })
  const end = Date.now() + 5000
  for (let i = 0; i < MILLION; i++) store.set(space, `key${i}`, i, end + (i % 1000))
  await sleep(4000)
  gc?.()
  const delay = monitorEventLoopDelay({ resolution: 1 })
  delay.enable()
  let worst = 0
  longest = 0
  while (store.size().entries > 1) {
    await sleep(1)
    const start = performance.now()
    store.get(space, 'key5')
    store.set(space, 'key6', 1, Date.now() + 10)
    worst = Math.max(worst, performance.now() - start)
    if (Date.now() > end + 20_000) throw new Error('still there')
  }
  delay.disable()
  console.log(
    `wave: gone ${Date.now() - end - 1000} ms after the last end; loop delay p50 ${ms(delay.percentile(50))} p99 ${ms(delay.percentile(99))} max ${ms(delay.max)} ms; longest slice ${longest.toFixed(1)} ms; worst verb ${worst.toFixed(2)} ms`,
  )
  store.close()
}

{
  const cost = (over) => {
    let now = Date.now()
    const store = memory({ maxEntries: MILLION })
    store.open({ clock: { now: () => now }, evicted() {}, corrupt() {}, failed() {} })
    for (let i = 0; i < MILLION; i++)
      store.set(space, `key${i}`, i, now + (i % 100 < over ? 1000 : 300_000 + (i % 1000)))
    now += 2000
    const times = []
    for (let round = 0; round < 10; round++) {
      const fresh = Array.from({ length: 1000 }, (_, i) => `new${round}:${i}`)
      const start = process.hrtime.bigint()
      for (const key of fresh) store.set(space, key, 1, now + 300_000)
      times.push(Number(process.hrtime.bigint() - start) / 1000)
    }
    store.close()
    return times.sort((a, b) => a - b)[5]
  }
  for (let round = 0; round < 3; round++) {
    const [none, some] = [cost(0), cost(1)]
    console.log(
      `full store, set of a new key: none over ${none.toFixed(0)} ns, 1 % over ${some.toFixed(0)} ns, ${(some / none).toFixed(2)}×`,
    )
  }
}
