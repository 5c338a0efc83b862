/** What a response tells other caches, with or without a cache of ours; and what is common to all page caches. */

export type { HeaderTarget } from './header-target.ts'
export {
  addNeverCacheHeaders,
  getMaxAge,
  hasVaryHeader,
  patchCacheControl,
  patchResponseHeaders,
  patchVaryHeaders,
} from './headers.ts'
export type { PageCacheOptions, RouteOptions } from './page-options.ts'
export type { PageCaches, Purge, PurgeOptions } from './pages.ts'
export type { CacheControlChanges } from './policy/patch-cache-control.ts'
export type { BypassReason } from './policy/storable.ts'
export { acceptChoices } from './policy/vary.ts'
export { quiet } from './quiet.ts'
export type { NotStoredReason } from './recorder.ts'
