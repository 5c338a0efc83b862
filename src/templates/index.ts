/**
 * Fragments: pieces of a page, kept as the HTML they were rendered to. Each engine's tag is a door of its own:
 * `stillwarm/templates/nunjucks`, `liquid`, `ejs`, `eta`, `handlebars`, `pug`, `hono-jsx`.
 *
 * @example
 * import { cacheFragment, fragmentKey } from 'stillwarm/templates'
 *
 * const html = await cacheFragment(caches, 'sidebar', () => sidebar(user), { ttl: 500, varyOn: [user.name] })
 * await caches.default.delete(fragmentKey('sidebar', [user.name]))
 */
export {
  cacheFragment,
  cacheFragmentSync,
  FragmentError,
  type FragmentOptions,
  type Render,
} from './fragment.ts'
export { fragmentKey } from './key.ts'
export type { TagOptions } from './tag.ts'
export { watchRequest } from './watch.ts'
