// @ts-check
/** What does a hit cost that rests near, beside the same hit in the near backend alone? It must not cost 1.3 times as much. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createCaches, file, memory, object } from 'stillwarm'
import { tiered } from 'stillwarm/backends/tiered'
import { busHub } from 'stillwarm/testing'
import { timed } from '../harness.mjs'

const KEYS = Array.from({ length: 1_000 }, (_, i) => `key-${i}`)
const RECORD = { id: 1, name: 'x'.repeat(400), tags: ['a', 'b', 'c'], text: 'y'.repeat(540) }

/** @param {ReturnType<typeof memory> | ReturnType<typeof object>} near */
function inFront(near) {
  const directory = mkdtempSync(join(tmpdir(), 'stillwarm-bench-'))
  process.on('exit', () => rmSync(directory, { recursive: true, force: true }))
  return tiered({ near, far: file({ directory }), bus: busHub().bus(), nearTtl: '1h' })
}

/**
 * @param {() => import('stillwarm').Backend} make
 * @param {unknown} value
 */
function hits(make, value) {
  return async () => {
    const { default: cache } = createCaches({ default: { backend: make(), ttl: 3_600 } })
    await cache.setMany(Object.fromEntries(KEYS.map((key) => [key, value])))
    return timed(async (n) => {
      for (let i = 0; i < n; i++) await cache.get(KEYS[i % KEYS.length] ?? '')
    })
  }
}

/**
 * @param {string} what
 * @param {unknown} value
 * @returns {import('../harness.mjs').Row}
 */
function row(what, value) {
  return {
    name: `a near hit: ${what}`,
    unit: 'ns',
    limit: 'memory',
    contenders: {
      memory: hits(() => memory(), value),
      'memory, near': hits(() => inFront(memory()), value),
      object: hits(() => object(), value),
      'object, near': hits(() => inFront(object()), value),
    },
    goals: [
      { contender: 'memory, near', of: 'memory', times: 1 / 1.3 },
      { contender: 'object, near', of: 'object', times: 1 / 1.3 },
    ],
  }
}

/** @type {import('../harness.mjs').Row[]} */
export const rows = [row('a number', 42), row('a record of 1 KB', RECORD)]
