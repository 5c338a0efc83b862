/**
 * Fragments for EJS: a function for templates, around partials.
 *
 *     <%- await cache(500, 'sidebar', user.name, () => include('sidebar', { user })) %>
 */
import type { Registry } from '../core/caches.ts'
import { type CacheHelper, makeHelper } from './helper.ts'
import type { TagOptions } from './tag.ts'

/**
 * The function `cache`, to hand to templates with their data: `ejs.renderFile(path, { cache: cacheTag(caches), … }, { async: true })`.
 *
 * `cache(ttl, name, ...varyOn, body)`, and `{ using: 'localcache' }` just before the body. The body answers HTML, as `include()`
 * does; an inline block (`() => { %> … <% }`) goes straight to the page, cannot be kept, and is an error. In a template that is rendered
 * synchronously: `cache.sync(…)`, over a cache in memory.
 *
 * @param options `using`, `staleFor` and other options of `getOrSet` for all fragments.
 */
export function cacheTag(caches: Registry, options: TagOptions = {}): CacheHelper {
  return makeHelper(
    caches,
    options,
    'write <%- await cache(…) %> and render with { async: true }, or use cache.sync() over a cache in memory',
  )
}

export type { CacheHelper }
