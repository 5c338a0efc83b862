/**
 * A Fetch request whose reads are seen. Copies that the platform makes from the inside (`new Request(request)`,
 * `fetch(request)`) cannot be seen; so the credentials are not inside, only in `headers`. A copy is
 * anonymous unless it is given `{ headers: request.headers }`, which is seen.
 */
import type { Watch } from '../credentials.ts'
import type { Fields } from '../policy/fields.ts'
import type { Exchange } from '../visit.ts'

const HIDDEN = ['cookie', 'authorization', 'proxy-authorization'] as const

/** The request that the handler gets. */
export function prepare(raw: Request, { changes, watch }: Pick<Exchange, 'changes' | 'watch'>): Request {
  if (watch === undefined && Object.keys(changes ?? {}).length === 0) return raw
  const headers = changed(raw.headers, changes ?? {})
  if (watch === undefined) return copyOf(raw, headers)
  const inside = new Headers(headers)
  for (const name of HIDDEN) inside.delete(name)
  const request = copyOf(raw, inside)
  const watched = watchedHeaders(headers, watch)
  Object.defineProperty(request, 'headers', { configurable: true, enumerable: true, get: () => watched })
  Object.defineProperty(request, 'clone', {
    configurable: true,
    value: () => {
      watch.noteAll()
      return copyOf(raw, headers)
    },
  })
  watch.properties(request)
  return request
}

/** Only GET and HEAD come here, which have no body. Made of its parts, since servers bring requests of their own make. */
function copyOf({ url, method, signal }: Request, headers: Headers): Request {
  return new Request(url, { method, headers, signal })
}

function changed(headers: Headers, changes: Fields): Headers {
  const copy = new Headers(headers)
  for (const [name, value] of Object.entries(changes)) {
    if (value === undefined) copy.delete(name)
    else copy.set(name, String(value))
  }
  return copy
}

function watchedHeaders(headers: Headers, watch: Watch): Headers {
  return new Proxy(headers, {
    get(target, name) {
      const member: unknown = Reflect.get(target, name, target)
      if (typeof member !== 'function') return member
      return (...args: unknown[]) => {
        if (name === 'get' || name === 'has') watch.noteField(String(args[0]))
        else watch.noteAll()
        return Reflect.apply(member, target, args)
      }
    },
  })
}
