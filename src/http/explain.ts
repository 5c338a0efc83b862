/** Tells a developer why a page is not stored, once a route: for reasons that are no decision of the handler's. */
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
  const path = target.split('?', 1)[0]!.slice(0, 200)
  const once = `${reason} ${path}`
  if (told.has(once) || told.size >= MOST_ROUTES) return
  told.add(once)
  process.emitWarning(`The page ${path} is not stored: ${remedy}`, {
    type: 'CachePageWarning',
    code: 'PAGE_NOT_STORED',
    detail: `reason: ${reason}`,
  })
}
