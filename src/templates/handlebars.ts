/**
 * `{{#cache 500 "sidebar" user.name using="localcache"}} … {{/cache}}` for Handlebars, which cannot wait: fragments are placeholders that
 * a second pass fills.
 */
import type { Registry } from '../core/caches.ts'
import { FragmentError } from './fragment.ts'
import { Placeholders } from './placeholders.ts'
import { type TagOptions, TOO_FEW } from './tag.ts'
import { watchedVariables } from './watch.ts'

/** The helper, and the render that goes with it. */
export interface HandlebarsCache {
  /** `handlebars.registerHelper('cache', helper)`. In a plain `template(data)` it works over a cache in memory. */
  helper(this: unknown, ...args: unknown[]): string
  /** Renders a compiled template and fills its fragments, over any cache. */
  render<Data>(
    template: (data: Data, options?: object) => string,
    data: Data,
    options?: object,
  ): Promise<string>
}

/**
 * The block helper: `{{#cache ttl name …varyOn using="alias"}}`. The ttl is seconds, a duration (`"15m"`), a variable, or `null`
 * for ever; the name a quoted text.
 *
 * @example
 * const { helper, render } = cacheTag(caches)
 * handlebars.registerHelper('cache', helper)
 * const html = await render(handlebars.compile(source), { user })
 *
 * @param options `using`, `staleFor` and other options of `getOrSet` for all fragments.
 */
export function cacheTag(caches: Registry, options: TagOptions = {}): HandlebarsCache {
  const placeholders = new Placeholders(
    caches,
    options,
    'render with the render() that cacheTag() gives beside the helper',
  )
  return {
    helper(...args) {
      const own = args.pop()
      if (!isHelperOptions(own) || own.fn === undefined) {
        throw new FragmentError(
          'FRAGMENT_SYNTAX',
          '"cache" is a block helper: {{#cache 500 "name"}} … {{/cache}}',
        )
      }
      const { fn, hash, loc } = own
      const where = loc ? `line ${loc.start.line}` : undefined
      const at = where ? `${where}: ` : ''
      const [ttl, name, ...varyOn] = args
      if (args.length < 2 || typeof name !== 'string') {
        throw new FragmentError('FRAGMENT_SYNTAX', `${at}${TOO_FEW}; the name is a quoted text`)
      }
      const unknown = Object.keys(hash).find((one) => one !== 'using')
      if (unknown !== undefined) {
        throw new FragmentError(
          'FRAGMENT_SYNTAX',
          `${at}"cache" tag: ${unknown}= is none of its options: there is using=`,
        )
      }
      // A loop moves on its @index before the body is rendered.
      const data = copyOf(own.data)
      const body = () => fn(watchedContext(this), { data: watchedRoot(data) })
      const call = { ttl, name, varyOn, where, ...('using' in hash && { using: hash.using }) }
      return placeholders.print(call, body)
    },
    render: (template, data, options) => placeholders.render(() => template(data, options)),
  }
}

interface Data {
  _parent?: Data
  root?: unknown
}

interface HelperOptions {
  fn?: (context: unknown, options: { data: Data | undefined }) => string
  hash: Record<string, unknown>
  data?: Data
  loc?: { start: { line: number } }
}

function isHelperOptions(last: unknown): last is HelperOptions {
  return typeof last === 'object' && last !== null && 'hash' in last
}

function copyOf(data: Data | undefined): Data | undefined {
  if (data === undefined) return undefined
  return data._parent ? { ...data, _parent: copyOf(data._parent)! } : { ...data }
}

function watchedContext(context: unknown): unknown {
  return typeof context === 'object' && context !== null ? watchedVariables(context) : context
}

function watchedRoot(data: Data | undefined): Data | undefined {
  return data && { ...data, root: watchedContext(data.root) }
}
