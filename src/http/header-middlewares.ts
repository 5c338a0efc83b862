/** The header helpers as middlewares: each decides once, and is applied to every response just before it leaves. */
import type { HeaderTarget } from './header-target.ts'
import { addNeverCacheHeaders, patchCacheControl, patchVaryHeaders } from './headers.ts'
import { type CacheControlChanges, patchCacheControl as checkChanges } from './policy/patch-cache-control.ts'
import { patchVary } from './policy/patch-vary.ts'

/** Makes a framework's middleware of what is to be done to a response. */
export type Bind<M> = (apply: (response: HeaderTarget) => void) => M

export interface HeaderMiddlewares<M> {
  /** Merges directives into Cache-Control, as `patchCacheControl`. */
  cacheControl(directives: CacheControlChanges): M
  /** Says that nobody may keep the response. */
  neverCache(): M
  /** Adds names to Vary. */
  varyOnHeaders(...names: string[]): M
  /** Adds Cookie to Vary: the page is then kept once for each value of it. */
  varyOnCookie(): M
}

/** Faults in the arguments are found when the middleware is made, not when the first response leaves. */
export function headerMiddlewares<M>(bind: Bind<M>): HeaderMiddlewares<M> {
  return {
    cacheControl(directives) {
      checkChanges(undefined, directives)
      return bind((response) => patchCacheControl(response, directives))
    },
    neverCache: () => bind(addNeverCacheHeaders),
    varyOnHeaders(...names) {
      patchVary(undefined, names)
      return bind((response) => patchVaryHeaders(response, names))
    },
    varyOnCookie: () => bind((response) => patchVaryHeaders(response, ['Cookie'])),
  }
}
