// @ts-check
/**
 * What every long run measures with. A run is a process of its own, so that heap and handles are its alone, and
 * prints one line of JSON. A limit that did not hold is a violation, and so is a run that did nothing.
 */
import { monitorEventLoopDelay } from 'node:perf_hooks'
import { setImmediate as turn } from 'node:timers/promises'

export { turn }

const started = performance.now()

/**
 * Prints the line. `held` says of each limit, by its rule, whether it held.
 *
 * @param {string} name
 * @param {number} ops  what was done; 0 fails the run
 * @param {Record<string, unknown>} figures
 * @param {Record<string, boolean>} held
 */
export function report(name, ops, figures, held) {
  const broken = Object.keys(held).filter((rule) => !held[rule])
  if (!(ops > 0)) broken.push('the run did nothing')
  const seconds = round((performance.now() - started) / 1000)
  console.log(JSON.stringify({ name, ops, seconds, violations: broken.length, broken, ...figures }))
  process.exitCode = broken.length === 0 ? 0 : 1
}

/** @param {number} n */
export function round(n) {
  return Math.round(n * 1000) / 1000
}

/** Bytes in use after everything unused is gone; typed arrays count too. */
export function heapAfterGc() {
  gc?.()
  gc?.()
  const { heapUsed, arrayBuffers } = process.memoryUsage()
  return heapUsed + arrayBuffers
}

/** The delay of the event loop, in milliseconds, from here on until `stop`. */
export function watchLoop() {
  const histogram = monitorEventLoopDelay({ resolution: 1 })
  histogram.enable()
  return {
    stop() {
      histogram.disable()
      return { p50: ms(histogram.percentile(50)), p99: ms(histogram.percentile(99)), max: ms(histogram.max) }
    },
  }
}

/** @param {number} ns */
function ms(ns) {
  return round(ns / 1e6)
}

/**
 * Numbers below `n` by Zipf's law: the quick method of Gray and others (1994).
 *
 * @param {number} n
 * @param {number} skew
 * @param {() => number} random
 */
export function zipf(n, skew, random) {
  let zeta = 0
  for (let i = 1; i <= n; i++) zeta += i ** -skew
  const alpha = 1 / (1 - skew)
  const eta = (1 - (2 / n) ** (1 - skew)) / (1 - (1 + 0.5 ** skew) / zeta)
  return () => {
    const u = random()
    const uz = u * zeta
    if (uz < 1) return 0
    if (uz < 1 + 0.5 ** skew) return 1
    return Math.min(n - 1, Math.floor(n * (eta * u - eta + 1) ** alpha))
  }
}

/**
 * Random numbers that can be had again by their seed (mulberry32).
 *
 * @param {number} seed
 */
export function seeded(seed) {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}

/** A number from the environment: how much of a run is done.
 *
 * @param {string} name
 * @param {number} usual
 */
export function setting(name, usual) {
  return Number(process.env[name] ?? usual)
}

const noise = Buffer.from(
  Array.from({ length: 300_000 }, (_, i) => 32 + ((Math.imul(i, 2654435761) >>> 13) % 90)),
)

/**
 * Text of this length that shares no memory with any other.
 *
 * @param {number} length
 * @param {() => number} random
 */
export function text(length, random) {
  const from = Math.floor(random() * (noise.length - length))
  return noise.toString('latin1', from, from + length)
}
