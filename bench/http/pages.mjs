// @ts-check
/** What does a page out of the cache cost, beside a server that only writes the same bytes? G1 and G2 of the goals. */
import { fork } from 'node:child_process'
import { join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { load } from './load.mjs'

/**
 * @param {string} kind
 * @returns {Promise<number>} its port
 */
export function serve(kind) {
  const child = fork(join(resolve(fileURLToPath(import.meta.url), '..'), 'server.mjs'), [kind], {
    env: { ...process.env, NODE_ENV: 'production' },
  })
  process.on('exit', () => child.kill())
  return new Promise((resolve) => child.once('message', (port) => resolve(Number(port))))
}

/**
 * Microseconds a request, or a percentile of its latency.
 *
 * @param {string} kind
 * @param {number} [percentile]
 */
const contender = (kind, percentile) => async () => {
  const port = await serve(kind)
  return async () => {
    const begun = performance.now()
    const latencies = await load(port, 8_000)
    if (percentile === undefined) return ((performance.now() - begun) * 1000) / latencies.length
    return Number(latencies.sort((a, b) => a - b)[Math.floor(latencies.length * percentile)]) * 1000
  }
}

let missed = 0
const miss = (/** @type {string} */ kind) => async () => {
  const port = await serve(kind)
  return async () => {
    const latencies = await load(port, 400, 4, () => `/page?${missed++}`)
    return Number(latencies.sort((a, b) => a - b)[latencies.length >> 1]) * 1000
  }
}

/** @type {import('../harness.mjs').Row[]} */
export const rows = [
  {
    name: 'G1 a hit of 10 KB in front of the app',
    unit: 'µs/request',
    limit: 'node:http',
    contenders: { 'node:http': contender('node'), stillwarm: contender('page cache') },
    goals: [{ contender: 'stillwarm', of: 'node:http', times: 0.9 }],
  },
  {
    name: 'G1 its 99th percentile',
    unit: 'µs',
    limit: 'node:http',
    contenders: { 'node:http': contender('node', 0.99), stillwarm: contender('page cache', 0.99) },
    goals: [{ contender: 'stillwarm', of: 'node:http', times: 1 / 1.2 }],
  },
  {
    name: 'G2 a hit of 10 KB as middleware of Express',
    unit: 'µs/request',
    limit: 'express',
    contenders: { express: contender('express'), stillwarm: contender('express, page cache') },
    goals: [{ contender: 'stillwarm', of: 'express', times: 0.95 }],
  },
  {
    name: 'a miss before a handler of 10 ms',
    unit: 'µs',
    limit: 'the handler',
    contenders: { 'the handler': miss('slow handler'), stillwarm: miss('slow handler, page cache') },
    goals: [{ contender: 'stillwarm', of: 'the handler', atMost: 500 }],
  },
]
