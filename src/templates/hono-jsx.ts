/**
 * Fragments for Hono's JSX, as an async component:
 *
 *     <Cache ttl={500} name="sidebar" varyOn={[user.name]}><Sidebar user={user} /></Cache>
 */
import type { Registry } from '../core/caches.ts'
import { FragmentError } from './fragment.ts'
import { type TagOptions, Tags, TOO_FEW } from './tag.ts'

export interface CacheProps {
  /** Seconds, a duration (`'15m'`), or `null` for ever. */
  ttl: number | string | null
  name: string
  /** What the fragment depends on. */
  varyOn?: readonly unknown[]
  /** The alias it rests in. */
  using?: string
  /** Components in here are called on a miss alone. What is computed between them is wrapped in a function. */
  children?: unknown
}

/** HTML that Hono does not escape any more. */
type SafeHtml = Promise<string & { isEscaped: true }>

/**
 * The component: `const Cache = cacheTag(caches)`.
 *
 * Contexts of JSX that are provided outside of it are not seen by what it renders, over a cache that answers later: hand what is needed
 * as props, and name it in `varyOn`.
 *
 * @param options `using`, `staleFor` and other options of `getOrSet` for all fragments.
 */
export function cacheTag(caches: Registry, options: TagOptions = {}): (props: CacheProps) => SafeHtml {
  const tags = new Tags(caches, options)
  return async function Cache({ ttl, name, varyOn = [], using, children }) {
    if (typeof name !== 'string') throw new FragmentError('FRAGMENT_SYNTAX', `<Cache>: ${TOO_FEW}`)
    const html = await tags.render({ ttl, name, varyOn, ...(using !== undefined && { using }) }, () =>
      toHtml(children),
    )
    return safe(html)
  }
}

/** As `raw()` of hono/html. Hono asks for a string object, and its types for a string. */
function safe(html: string): string & { isEscaped: true } {
  const text: unknown = Object.assign(new String(html), { isEscaped: true })
  return text as string & { isEscaped: true }
}

/** What a child is written as: text is escaped, what is HTML already is not, what is nothing is not written. */
async function toHtml(child: unknown): Promise<string> {
  if (child === null || child === undefined || typeof child === 'boolean') return ''
  if (typeof child === 'function') return toHtml(await child())
  if (typeof child === 'string') return escapeHtml(child)
  if (Array.isArray(child)) return (await Promise.all(child.map(toHtml))).join('')
  if (child instanceof Promise) return toHtml(await child)
  if (typeof child !== 'object') return String(child)
  // An element, or finished HTML; with an async component in it the text is there later.
  const text: unknown = await child.toString()
  return `${text}`
}

function escapeHtml(text: string): string {
  return text.replace(/[&<>"']/g, (char) => `&#${char.charCodeAt(0)};`)
}
