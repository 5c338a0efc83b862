// @ts-check
/**
 * A million entries in a full store: others push in and the oldest go, then all that is left ends within the same second. How long is
 * the event loop held up meanwhile, beyond the tick of a millisecond that it is measured by? (L12, T17)
 */
import { monitorEventLoopDelay } from 'node:perf_hooks'
import { setImmediate, setTimeout } from 'node:timers/promises'

const MILLION = 1_000_000
/** So many are set in a turn: under a millisecond of the caller's own work. */
const TURN = 500
/** Seconds until the wave, after the first entry was set. */
const TTL = 8

/** @type {(what: 'p99' | 'max') => () => Promise<import('../harness.mjs').Round>} */
const wave = (what) => async () => {
  const { createCaches, memory } = await import('stillwarm')
  return async () => {
    const cache = createCaches({ default: { backend: memory({ maxEntries: MILLION }) } }).default
    const end = Date.now() + TTL * 1000
    const total = MILLION * 1.1
    const delay = monitorEventLoopDelay({ resolution: 1 })
    for (let i = 0; i < total; i++) {
      if (i === MILLION) delay.enable()
      cache.sync?.set(`user:${i}:profile`, i, Math.max(1, (end - Date.now() + (i % 1000)) / 1000))
      if (i % TURN === 0) await setImmediate()
    }
    while (cache.stats().evicted < total) await setTimeout(100)
    delay.disable()
    await cache.close()
    return (what === 'p99' ? delay.percentile(99) : delay.max) / 1e6
  }
}

const memory = 'stillwarm memory'

/** @type {import('../harness.mjs').Row[]} */
export const rows = [
  {
    name: 'T17 event loop delay while a million entries are culled and end, 99 of 100',
    unit: 'ms',
    limit: memory,
    contenders: { [memory]: wave('p99') },
    goals: [{ contender: memory, atMost: 20 }],
  },
  {
    name: 'T17 event loop delay while a million entries are culled and end, the longest',
    unit: 'ms',
    limit: memory,
    contenders: { [memory]: wave('max') },
    goals: [{ contender: memory, atMost: 50 }],
  },
]
