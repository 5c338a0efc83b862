/**
 * A near copy in the process in front of a far store that processes share, kept in step over a bus.
 */
import type { Backend } from '../../core/backend.ts'
import type { Bus } from '../../core/bus.ts'
import { argumentError } from '../../core/errors.ts'
import { checkOptions, kindOf } from '../../core/options.ts'
import { type Duration, durationToMs } from '../../core/values/expiry.ts'
import { TieredBackend } from './backend.ts'

export type { TierCounts, TieredBackend } from './backend.ts'

export interface TieredOptions {
  /** In this process: `memory()` or `object()`, for this cache alone. */
  near: Backend
  /** What processes share: `redis()`, `file()`, … It belongs to this cache, and is closed with it. */
  far: Backend
  /** Over which they tell each other: `redisBus()`. One for each `tiered()`. */
  bus: Bus
  /** How long a near copy is kept at most, and never longer than its entry; 30 s by default. A number is **seconds**. */
  nearTtl?: Duration
  /** How long near copies are served while the bus is away; then every read goes far. 5 s by default; 0: not at all. */
  busDownLimit?: Duration
}

/**
 * Reads near, then far; writes far, then tells the others, then near. A reader elsewhere is behind by as long as the bus takes, and where that
 * is away by `busDownLimit` or `nearTtl`, whichever is shorter.
 *
 * @example
 * tiered({ near: memory({ maxEntries: 10_000 }), far: redis({ url }), bus: redisBus({ url }) })
 *
 * @throws {TypeError} code `UNKNOWN_OPTION`, `INVALID_OPTION`, `INVALID_TTL`.
 */
export function tiered(options: TieredOptions): TieredBackend {
  checkOptions('tiered()', options, ['near', 'far', 'bus', 'nearTtl', 'busDownLimit'])
  const { near, far, bus, nearTtl = 30, busDownLimit = 5 } = options
  needs('near', near, ['get', 'set', 'has', 'delete', 'clear'], 'what memory() or object() made')
  if (near.holds !== 'values' || !near.sync) {
    throw refused('near must hold values in this process: give what memory() or object() made')
  }
  needs('far', far, FAR_METHODS, 'a backend that processes share, such as redis()')
  if (far.holds !== 'bytes' || !far.shared || far.compose) {
    throw refused('far must hold bytes that processes share: give what redis() or file() made')
  }
  needs('bus', bus, ['open', 'publish', 'close'], 'a bus, such as redisBus()')
  return new TieredBackend(near, far, bus, {
    nearTtl: durationToMs('tiered(): nearTtl', nearTtl),
    busDownLimit: durationToMs('tiered(): busDownLimit', busDownLimit),
  })
}

const FAR_METHODS = ['get', 'set', 'peek', 'replace', 'claim', 'extend', 'fill', 'release']

function needs(name: string, part: unknown, methods: readonly string[], give: string): void {
  if (typeof part !== 'object' || part === null) {
    throw refused(`${name} must be ${give}, not ${kindOf(part)}`)
  }
  for (const method of methods) {
    if (typeof Reflect.get(part, method) !== 'function')
      throw refused(`${name} has no ${method}: give ${give}`)
  }
}

function refused(why: string): Error {
  return argumentError(TypeError, 'INVALID_OPTION', `tiered(): ${why}`)
}
