/**
 * Stores nothing and promises everything else: keys, values and options are checked as anywhere, every read is a miss. For development and
 * tests, where a cache would hide what changes.
 */
import type { Backend } from '../core/backend.ts'
import { checkOptions } from '../core/options.ts'

/** A backend that stores nothing: every read is a miss, every write succeeds. It takes no options. */
export function dummy(options: Record<string, never> = {}): Backend & { readonly sync: true } {
  checkOptions('dummy()', options, [])
  return {
    name: 'dummy',
    holds: 'bytes',
    sync: true,
    shared: false,
    get: () => undefined,
    set: () => true,
    add: () => true,
    touch: () => false,
    delete: () => false,
    incr: (_space, _key, by, made) => (made ? made.initial + by : undefined),
    clear: () => {},
    close: () => {},
  }
}
