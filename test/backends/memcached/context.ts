/** Where the shared cases play on memcached, and what they expect that its server cannot do. */
import { type MemcachedOptions, memcached } from '../../../src/backends/memcached/memcached.ts'
import { createCaches } from '../../../src/index.ts'
import { type CaseContext, waitingClock } from '../../../src/testing/index.ts'

/** The server counts whole seconds; a busy machine may answer late. */
export function memcachedContext(options: () => MemcachedOptions): CaseContext {
  const backend = () => memcached({ opTimeout: 5_000, connectTimeout: 5_000, ...options() })
  return { backend, peer: backend, clock: waitingClock(), granularity: 1_000, createCaches }
}

const WHY = 'the server counts from 0 up: below it is a RangeError, as counting.test.ts proves'

export const UNSIGNED = {
  'F27 below zero it counts on': WHY,
  'F27 below zero it counts on; beyond 2^53 - 1 it is a RangeError and nothing changes': WHY,
  'large sums are exact': WHY,
  'A01 digits alone are a number to count; digits among other bytes are not':
    'the server takes digits and spaces for a number; no entry of ours looks so',
}
