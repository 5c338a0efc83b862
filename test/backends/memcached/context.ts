/** Where the shared cases play on memcached, and what they expect that its server cannot do. */
import { type MemcachedOptions, memcached } from '../../../src/backends/memcached/memcached.ts'
import { createCaches } from '../../../src/index.ts'
import { type CaseContext, waitingClock } from '../../../src/testing/index.ts'

/**
 * Many cases wait for an end on the server's clock, and all may wait at once. But only a few go on at a time: what is to live two
 * seconds must be looked at before they are over, on a busy machine too.
 */
class Turns {
  #free = 8
  readonly #waiting: (() => void)[] = []

  /** @param first Who has waited for an end goes before who has not begun. */
  async take(first = false): Promise<void> {
    if (this.#free > 0) this.#free--
    else await new Promise<void>((go) => (first ? this.#waiting.unshift(go) : this.#waiting.push(go)))
  }

  give(): void {
    const next = this.#waiting.shift()
    if (next) next()
    else this.#free++
  }
}

const turns = new Turns()

export async function turn(run: () => Promise<void>): Promise<void> {
  await turns.take()
  try {
    await run()
  } finally {
    turns.give()
  }
}

/** The server counts whole seconds; a busy machine may answer late. */
export function memcachedContext(options: () => MemcachedOptions): CaseContext {
  const backend = () => memcached({ opTimeout: 5_000, connectTimeout: 5_000, ...options() })
  const { now, advance } = waitingClock()
  const clock = {
    now,
    async advance(ms: number) {
      turns.give()
      await advance(ms)
      await turns.take(true)
    },
  }
  return { backend, peer: backend, clock, granularity: 1_000, createCaches }
}

const WHY = 'the server counts from 0 up: below it is a RangeError, as counting.test.ts proves'

export const UNSIGNED = {
  'F27 below zero it counts on': WHY,
  'F27 below zero it counts on; beyond 2^53 - 1 it is a RangeError and nothing changes': WHY,
  'large sums are exact': WHY,
  'A01 digits alone are a number to count; digits among other bytes are not':
    'the server takes digits and spaces for a number; no entry of ours looks so',
}
