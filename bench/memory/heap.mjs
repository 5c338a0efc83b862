// @ts-check
/** How much heap does an entry take besides its key and value? 100,000 small whole numbers, keys made before. */
import { CONTENDERS } from './contenders.mjs'

const COUNT = 100_000

/** @type {import('../harness.mjs').Row[]} */
export const rows = [
  {
    name: 'A9 heap per entry',
    unit: 'bytes',
    limit: 'lru-cache + ttl',
    contenders: Object.fromEntries(
      [
        'Map',
        'lru-cache + ttl',
        'stillwarm memory',
        'stillwarm object',
        'cache-manager',
        'keyv',
        'bentocache',
      ].map((name) => [name, () => heapOf(name)]),
    ),
    goals: [
      { contender: 'stillwarm memory', atMost: 110 },
      { contender: 'stillwarm object', atMost: 110 },
    ],
  },
]

/** @param {string} name */
function heapOf(name) {
  const keys = Array.from({ length: COUNT }, (_, i) => `user:${i}:profile`)
  return async () => {
    const before = used()
    const cache = await CONTENDERS[name]?.(COUNT)
    for (const key of keys) await cache?.set(key, 7)
    const after = used()
    // Asked once more, so that the cache is alive until here.
    await cache?.get(keys[0] ?? '')
    return (after - before) / COUNT
  }
}

function used() {
  globalThis.gc?.()
  globalThis.gc?.()
  const { heapUsed, external } = process.memoryUsage()
  return heapUsed + external
}
