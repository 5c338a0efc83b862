/**
 * What a response tells other caches, as Django's helpers write it: on Node responses, Fastify replies and
 * Fetch headers alike, with or without a cache of ours.
 */
import { type Ttl, ttlToMs } from '../core/values/expiry.ts'
import { type HeaderAccess, type HeaderTarget, headersOf } from './header-target.ts'
import type { Fields } from './policy/fields.ts'
import {
  type CacheControlChanges,
  getMaxAge as maxAgeOf,
  patchCacheControl as patchedCacheControl,
} from './policy/patch-cache-control.ts'
import { hasVary, patchVary } from './policy/patch-vary.ts'
import { freshnessFields, neverCacheFields } from './policy/response-fields.ts'

/**
 * Merges directives into Cache-Control. What is there keeps its place; the smaller `maxAge` wins; `public` and
 * `private` replace each other; names of `noCache` add up. `false` and `null` take a directive away. A number is
 * **seconds**; a duration (`'1h'`) does as well.
 *
 * @throws {TypeError} code `INVALID_DIRECTIVE`, `INVALID_RESPONSE`.
 */
export function patchCacheControl(response: HeaderTarget, directives: CacheControlChanges): void {
  const headers = headersOf(response)
  put(headers, 'Cache-Control', patchedCacheControl(headers.get('cache-control'), directives))
}

/**
 * Adds names to Vary that are not there yet. `*` swallows all others.
 *
 * @throws {TypeError} code `INVALID_FIELD_NAME`, `INVALID_RESPONSE`.
 */
export function patchVaryHeaders(response: HeaderTarget, names: readonly string[]): void {
  const headers = headersOf(response)
  put(headers, 'Vary', patchVary(headers.get('vary'), names))
}

/** Sets Expires, where there is none, and max-age. `ttl` is seconds or a duration; 600 when left out, less than 0 is 0. */
export function patchResponseHeaders(response: HeaderTarget, ttl: Ttl = 600): void {
  const headers = headersOf(response)
  const ms = ttlToMs('ttl', ttl)
  setAll(headers, freshnessFields(present(headers), ms / 1000, Date.now()))
}

/** Says that nobody may keep the response. */
export function addNeverCacheHeaders(response: HeaderTarget): void {
  const headers = headersOf(response)
  setAll(headers, neverCacheFields(present(headers), Date.now()))
}

/** max-age in whole seconds; `undefined` where there is none that can be read. */
export function getMaxAge(response: HeaderTarget): number | undefined {
  return maxAgeOf(headersOf(response).get('cache-control'))
}

/** Whether Vary names a field, in any letter case. */
export function hasVaryHeader(response: HeaderTarget, name: string): boolean {
  return hasVary(headersOf(response).get('vary'), name)
}

const SPELLING: Readonly<Record<string, string>> = { expires: 'Expires', 'cache-control': 'Cache-Control' }

function present(headers: HeaderAccess): Fields {
  return { expires: headers.get('expires'), 'cache-control': headers.get('cache-control') }
}

function setAll(headers: HeaderAccess, fields: Fields): void {
  for (const [name, value] of Object.entries(fields)) {
    if (value !== undefined) headers.set(SPELLING[name] ?? name, String(value))
  }
}

function put(headers: HeaderAccess, name: string, value: string | undefined): void {
  if (value !== undefined) headers.set(name, value)
}
