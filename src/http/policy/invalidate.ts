import { type Fields, field } from './fields.ts'
import type { PageUrl } from './page-key.ts'

/**
 * What an unsafe request makes invalid (RFC 9111 §4.4): its own URL, and those its answer names in Location
 * and Content-Location, if they are of the same origin. Only the application's answers count, never a field
 * of a request.
 */

// QUERY (RFC 10008) is safe though not cached. Every other method, known or not, may have changed something.
const SAFE: ReadonlySet<string> = new Set(['GET', 'HEAD', 'OPTIONS', 'TRACE', 'QUERY'])

/** Whether a request with this method and this final status invalidates: an unsafe one that did not fail. */
function invalidates(method: string, status: number): boolean {
  return !SAFE.has(method) && status >= 200 && status < 400
}

/**
 * The URLs of which every variant becomes invalid. Empty where nothing does. To be removed before the
 * answer goes out; a fill that began before must not be stored after.
 */
export function invalidatedUrls(method: string, url: PageUrl, status: number, response: Fields): PageUrl[] {
  if (!invalidates(method, status)) return []
  const urls = [url]
  const base = parse(`${url.scheme}://${url.host}${url.target}`, undefined)
  for (const name of ['location', 'content-location']) {
    const reference = field(response, name)
    const named = reference === undefined ? undefined : parse(reference, base?.href)
    if (named === undefined || named.origin !== base?.origin) continue
    const target = named.pathname + named.search
    if (!urls.some((known) => known.target === target)) urls.push({ ...url, target })
  }
  return urls
}

function parse(reference: string, base: string | undefined): URL | undefined {
  return URL.canParse(reference, base) ? new URL(reference, base) : undefined
}
