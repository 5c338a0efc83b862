/**
 * Tells a developer, once a route, why a page is not stored, for reasons that are no decision of the handler's; and what a page that
 * is stored was made from though nothing selects it by that.
 */
import type { NotStoredReason } from './recorder.ts'

const REMEDIES: Partial<Record<NotStoredReason, string>> = {
  'credentials-read':
    'something read a cookie or a credential that the request carried: declare it with varyOnCookie(), or wrap a middleware that everyone has with quiet()',
  authorization:
    'the request carries Authorization: only a response that says public, s-maxage or must-revalidate is shared',
  'set-cookie': 'it sets a cookie: set it elsewhere, or use stripSetCookie',
  'csp-nonce': 'its Content-Security-Policy has a nonce, which is good for one visitor: use hashes',
  'vary-star': 'it says Vary: *',
  'vary-invalid': 'its Vary names no header fields',
  'vary-too-many': 'its Vary names too many header fields',
  'field-invalid': 'one of its header fields has characters that a stored page must not have',
  'fields-too-large': 'its header fields are too many or too large',
  'too-large': 'it is larger than maxPageBytes',
  incomplete: 'its body is not as long as its Content-Length says',
}

const MOST_ROUTES = 100
const told = new Set<string>()

export function tellNotStored(target: string, reason: NotStoredReason): void {
  const remedy = REMEDIES[reason]
  if (remedy === undefined) return
  const path = pathOf(target)
  if (!isNews(`${reason} ${path}`)) return
  process.emitWarning(`The page ${path} is not stored: ${remedy}`, {
    type: 'CachePageWarning',
    code: 'PAGE_NOT_STORED',
    detail: `reason: ${reason}`,
  })
}

/** `read`: the fields of the request that were asked for by name; `selecting`: those that select the page. */
export function tellUnkeyed(target: string, read: Iterable<string>, selecting: readonly string[]): void {
  const names = [...read].filter((name) => !selecting.includes(name) && !TELLS_NOTHING.test(name)).sort()
  if (names.length === 0) return
  const path = pathOf(target)
  if (!isNews(`unkeyed ${names.join()} ${path}`)) return
  process.emitWarning(
    `The page ${path} is stored for everyone, though ${names.join(', ')} was read to make it: if it depends on that, name it with varyOnHeaders() or varyOn; wrap a middleware that everyone has with quiet()`,
    { type: 'CachePageWarning', code: 'PAGE_READS_UNKEYED' },
  )
}

/** Fields about the message, the connection or the cache, which no page is made from. */
const TELLS_NOTHING =
  /^(?:host|connection|keep-alive|te|upgrade|expect|via|pragma|range|cache-control|transfer-encoding|content-.*|if-.*|x-(?:http-)?method.*)$/

function pathOf(target: string): string {
  return target.split('?', 1)[0]!.slice(0, 200)
}

function isNews(what: string): boolean {
  if (told.has(what) || told.size >= MOST_ROUTES) return false
  told.add(what)
  return true
}
