/**
 * Times as people say them, and as instants. A ttl is settled at the door: outside a number is
 * seconds (as HTTP, Redis and Django count), inside there are only milliseconds and instants.
 */
import { argumentError } from '../errors.ts'
import { kindOf } from '../options.ts'

type Unit = 'ms' | 's' | 'm' | 'h' | 'd'

/** A length of time: a number of **seconds**, or a number with its unit (`'500ms' '30s' '15m' '2h' '7d'`). */
export type Duration = number | `${number}${Unit}`

/**
 * Time to live: how long from now a value is kept. A number is **seconds** (fractions count), a string carries its
 * unit, `null` never expires, 0 or less expires at once. Left out, it is the cache's own.
 */
export type Ttl = Duration | null

const MS: Record<Unit, number> = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 }

/** Beyond the last instant that a Date can say, an expiry is never. */
const LAST_INSTANT = 8.64e15

/** A ttl in milliseconds: `Infinity` for `null`, 0 or less for "at once". */
export function ttlToMs(name: string, ttl: unknown): number {
  if (ttl === null) return Number.POSITIVE_INFINITY
  if (typeof ttl === 'number') {
    if (Number.isFinite(ttl)) return ttl * 1_000
    throw argumentError(
      Number.isNaN(ttl) ? TypeError : RangeError,
      'INVALID_TTL',
      `${name} must be a finite number of seconds; null is the word for never`,
    )
  }
  return durationToMs(name, ttl, ', or null for never')
}

/** A length of time in milliseconds, 0 or more. */
export function durationToMs(name: string, duration: unknown, alsoFine = ''): number {
  if (typeof duration === 'number' && Number.isFinite(duration) && duration >= 0) return duration * 1_000
  const parts = typeof duration === 'string' ? /^(\d+(?:\.\d+)?)(ms|s|m|h|d)$/.exec(duration) : null
  if (parts) {
    const ms = Number(parts[1]) * MS[parts[2] as Unit]
    if (Number.isFinite(ms)) return ms
  }
  throw argumentError(
    typeof duration === 'number' && !Number.isNaN(duration) ? RangeError : TypeError,
    'INVALID_TTL',
    `${name} must be a number of seconds, or a number with its unit such as '500ms', '30s', '5m', '2h', '7d'${alsoFine}; not ${
      typeof duration === 'string' ? 'another string' : kindOf(duration)
    }`,
  )
}

/** The instant so many milliseconds from `now`. */
export function instant(now: number, ms: number): number {
  const at = now + ms
  // So short that the sum of two doubles does not show it: later than now all the same.
  if (at === now && ms > 0) return now + 0.001
  return at > LAST_INSTANT ? Number.POSITIVE_INFINITY : at
}

/** The state of what was found under a key. */
export type Freshness = 'missing' | 'fresh' | 'stale' | 'expired'

/** At the instant itself it is over: `staleAt <= now` is stale, the end of `staleFor` is expired. */
export function freshness(now: number, staleAt: number, staleFor: number): 'fresh' | 'stale' | 'expired' {
  if (now < staleAt) return 'fresh'
  return now < staleAt + staleFor ? 'stale' : 'expired'
}
