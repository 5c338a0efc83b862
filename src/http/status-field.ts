/** The Cache-Status of one request, as much of it as the site lets be seen (RFC 9211). */
import type { PageSettings } from './page-options.ts'
import { type CacheStatus, cacheStatus } from './policy/cache-status.ts'

type Shown = Pick<PageSettings, 'cacheStatus' | 'detail'>

const NAME = 'stillwarm'

/** The member to add to a stored list, or `undefined` where the site has none. */
export function statusMember(settings: Shown, status: CacheStatus): string | undefined {
  if (!settings.cacheStatus) return undefined
  if (settings.detail) return cacheStatus(undefined, NAME, status)
  const { hit, fwd, ttl } = status
  return cacheStatus(undefined, NAME, { hit, fwd, ttl })
}

/** The whole field for a response that goes by. */
export function statusField(
  settings: Shown,
  existing: string | undefined,
  status: CacheStatus,
): { 'cache-status': string } | undefined {
  const member = statusMember(settings, status)
  return member === undefined ? undefined : { 'cache-status': existing ? `${existing}, ${member}` : member }
}
