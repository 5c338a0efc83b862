import { formatHttpDate } from './dates.ts'
import { type Fields, field } from './fields.ts'
import { NEVER_CACHE, patchCacheControl } from './patch-cache-control.ts'

/**
 * The fields that tell others how long a response may be kept: what Django's patch_response_headers and
 * add_never_cache_headers write. Each returns only the fields to set.
 */

// A page without end; HTTP advises against saying more than a year.
const A_YEAR = 31_536_000

/** Expires, where there is none, and max-age, for a lifetime in seconds from now. Less than 0 is 0. */
export function freshnessFields(fields: Fields, seconds: number, now: number): Fields {
  const lifetime = Math.floor(Math.max(0, Math.min(seconds, A_YEAR)))
  return {
    ...(field(fields, 'expires') === undefined && { expires: formatHttpDate(now + lifetime * 1000) }),
    'cache-control': patchCacheControl(field(fields, 'cache-control'), { maxAge: lifetime }),
  }
}

/** Fields of a response that nobody may keep. */
export function neverCacheFields(fields: Fields, now: number): Fields {
  return {
    ...(field(fields, 'expires') === undefined && { expires: formatHttpDate(now) }),
    'cache-control': patchCacheControl(field(fields, 'cache-control'), NEVER_CACHE),
  }
}
