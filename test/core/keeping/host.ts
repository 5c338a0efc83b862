import type { Host } from '../../../src/core/backend.ts'
import type { Clock } from '../../../src/core/clock.ts'

/** A host that only writes down what was evicted. */
export function hostWith(clock: Clock): Host & { readonly gone: string[] } {
  const gone: string[] = []
  return {
    clock,
    gone,
    evicted: (key, reason) => gone.push(`${key} ${reason}`),
    corrupt() {},
    failed() {},
  }
}
