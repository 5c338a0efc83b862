/**
 * The tag as a function, for engines whose templates are JavaScript (EJS, Eta):
 * `await cache(500, 'sidebar', user.name, { using: 'local' }, () => include('sidebar'))`.
 */
import type { Registry } from '../core/caches.ts'
import { checkOptions } from '../core/options.ts'
import { FragmentError, type Render } from './fragment.ts'
import { type TagCall, type TagOptions, Tags, TOO_FEW } from './tag.ts'

/** What stands between the name and the body: what the fragment varies on, and `{ using }` as the last of it. */
type Arguments<Body> = [...varyOn: unknown[], body: Body]

/** The function that a template calls. Its answer is finished HTML: write it with the tag that does not escape. */
export interface CacheHelper {
  (ttl: unknown, name: string, ...rest: Arguments<Render>): Promise<string>
  /** The same for a template that is rendered synchronously, over a cache in memory. */
  sync(ttl: unknown, name: string, ...rest: Arguments<() => string>): string
}

/** Makes the function. `engine` says in errors how to wait in its templates. */
export function makeHelper(caches: Registry, options: TagOptions, howToWait: string): CacheHelper {
  const tags = new Tags(caches, options)
  const cache = (ttl: unknown, name: string, ...rest: Arguments<Render>) => {
    const { call, body } = readArguments(ttl, name, rest)
    return mustBeAwaited(tags.render(call, body), howToWait)
  }
  const sync = (ttl: unknown, name: string, ...rest: Arguments<() => string>) => {
    const { call, body } = readArguments(ttl, name, rest)
    return tags.renderSync(call, body)
  }
  return Object.assign(cache, { sync })
}

function readArguments<Body extends () => unknown>(
  ttl: unknown,
  name: string,
  rest: Arguments<Body>,
): { call: TagCall; body: Body } {
  const body = rest.at(-1)
  if (!isBody<Body>(body) || typeof name !== 'string') {
    throw new FragmentError(
      'FRAGMENT_SYNTAX',
      `${TOO_FEW}; after them comes a function that renders the body`,
    )
  }
  const varyOn = rest.slice(0, -1)
  const last = varyOn.at(-1)
  if (!isOptions(last)) return { call: { ttl, name, varyOn }, body }
  checkOptions('cache', last, ['using'])
  return { call: { ttl, name, varyOn: varyOn.slice(0, -1), using: last.using }, body }
}

function isBody<Body>(last: unknown): last is Body {
  return typeof last === 'function'
}

/** A plain object is no text, so it cannot be meant as something to vary on. */
function isOptions(last: unknown): last is { using: unknown } {
  return (
    typeof last === 'object' &&
    last !== null &&
    'using' in last &&
    Object.getPrototypeOf(last) === Object.prototype
  )
}

/** Written to a page without `await`, a promise is an error, and not the text "[object Promise]". */
function mustBeAwaited(html: Promise<string>, howToWait: string): Promise<string> {
  return Object.assign(html, {
    [Symbol.toPrimitive]() {
      html.catch(() => {})
      throw new FragmentError('FRAGMENT_PLACE', `cache() answers later: ${howToWait}`)
    },
  })
}
