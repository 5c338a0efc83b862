import { vi } from 'vitest'
import type { Cache } from '../../../src/core/cache.ts'
import { makeCaches } from '../../../src/core/caches.ts'
import type { CacheEvent } from '../../../src/core/seeing/events.ts'
import type { CacheOptions } from '../../../src/core/settings.ts'
import { type ChaosBackend, type ChaosOptions, chaos } from '../../../src/testing/chaos.ts'
import { noFormat } from '../kit.ts'
import { plainBackend } from '../plain-backend.ts'

/** Every timer and clock stands still; `pass` moves them. */
export function stopTime(): void {
  vi.useFakeTimers({
    now: Date.UTC(2026, 0, 1),
    toFake: [
      'setTimeout',
      'clearTimeout',
      'setInterval',
      'clearInterval',
      'setImmediate',
      'performance',
      'Date',
    ],
  })
}

const clock = { now: () => Date.now() }

export async function pass(ms: number): Promise<void> {
  await vi.advanceTimersByTimeAsync(ms)
}

/** Longer than it takes until the next probe. */
export const A_PROBE = 1_100

export interface Guarded {
  cache: Cache
  backend: ChaosBackend
  seen: CacheEvent[]
  close(): Promise<void>
}

/** A cache over a backend that fails when told to, behind the guard. */
export function guarded(
  options: Partial<CacheOptions> = {},
  faults: ChaosOptions = {},
  inside = plainBackend(true),
): Guarded {
  const backend = chaos(inside, faults)
  const caches = makeCaches({ default: { backend, ...options } }, { clock }, noFormat)
  const cache = caches.get('default')
  const seen: CacheEvent[] = []
  for (const type of ['backend-down', 'backend-up', 'backend-failed'] as const) {
    cache.on(type, (event) => seen.push(event))
  }
  return { cache, backend, seen, close: () => caches.close() }
}

/** What an answer is, once time enough has passed for it; `'pending'` if it has not come. */
export async function within<T>(ms: number, answer: Promise<T>): Promise<T | 'pending'> {
  let result: { value: T } | { error: unknown } | undefined
  answer.then(
    (value) => {
      result = { value }
    },
    (error: unknown) => {
      result = { error }
    },
  )
  await pass(ms)
  if (result === undefined) return 'pending'
  if ('error' in result) throw result.error
  return result.value
}
