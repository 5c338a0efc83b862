/** What was typed, as the verbs take it. */
import type { Cache } from '../core/cache.ts'
import type { Registry } from '../core/caches.ts'
import { durationToMs, type Ttl } from '../core/values/expiry.ts'
import type { Options } from './command.ts'
import { UsageError } from './failure.ts'

const NUMBER = /^-?\d+(\.\d+)?$/

/** How long a server may take to answer, when it is only asked whether it does, in milliseconds. */
const ANSWER_WITHIN = 600

/** Digits are seconds, `never` is null; the rest is for the door to judge. */
export function ttlOf(text: string | undefined): Ttl | undefined {
  if (text === undefined) return undefined
  if (text === 'never') return null
  return NUMBER.test(text) ? Number(text) : (text as Ttl)
}

export function versionOf(text: string | undefined): number | undefined {
  if (text === undefined) return undefined
  if (/^\d+$/.test(text)) return Number(text)
  throw new UsageError('--version must be a whole number')
}

/** Milliseconds. */
export function timeoutOf(text: string | undefined): number {
  if (text === undefined) return ANSWER_WITHIN
  return durationToMs('--timeout', NUMBER.test(text) ? Number(text) : text)
}

/** The one cache that a verb is for. */
export function cacheOf(caches: Registry, { cache = 'default' }: Options): Cache {
  return caches.get(typeof cache === 'string' ? cache : (cache[0] ?? 'default'))
}

/** The caches that a command is for: those named, once each, or all. */
export function cachesOf(caches: Registry, { cache = [] }: Options): Cache[] {
  const named = typeof cache === 'string' ? [cache] : cache
  return named.length === 0 ? caches.all() : [...new Set(named)].map((alias) => caches.get(alias))
}
