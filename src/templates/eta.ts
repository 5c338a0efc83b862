/**
 * Fragments for Eta: a function for templates, around partials.
 *
 *     <%~ await it.cache(500, 'sidebar', it.user.name, () => includeAsync('sidebar', it)) %>
 */
import type { Registry } from '../core/caches.ts'
import { type CacheHelper, makeHelper } from './helper.ts'
import type { TagOptions } from './tag.ts'

/**
 * The function `cache`, to hand to templates with their data: `eta.renderAsync('page', { cache: cacheTag(caches), … })`.
 *
 * `it.cache(ttl, name, ...varyOn, body)`, and `{ using: 'localcache' }` just before the body. The body answers HTML, as
 * `include()` and `includeAsync()` do, or `captureAsync(async () => { %> … <% })` of a block that stands inline. With the synchronous
 * `render`: `it.cache.sync(…)`, over a cache in memory.
 *
 * @param options `using`, `staleFor` and other options of `getOrSet` for all fragments.
 */
export function cacheTag(caches: Registry, options: TagOptions = {}): CacheHelper {
  return makeHelper(
    caches,
    options,
    'write <%~ await it.cache(…) %> and render with renderAsync(), or use it.cache.sync() over a cache in memory',
  )
}

export type { CacheHelper }
