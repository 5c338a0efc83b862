/** Which URLs a purge means: pages are keyed by the bytes of the request, and people write them in many ways. */
import { argumentError } from '../core/errors.ts'
import { kindOf } from '../core/options.ts'
import type { PageUrl, Scheme } from './policy/page-key.ts'

/**
 * The URL as it is written, and as a browser would ask for it; with and without a port that goes without
 * saying.
 *
 * @throws {TypeError} code `INVALID_URL`.
 */
export function purgedUrls(url: string | URL): PageUrl[] {
  if (typeof url !== 'string' && !(url instanceof URL)) {
    throw argumentError(
      TypeError,
      'INVALID_URL',
      `purge(): url must be a string or a URL, not ${kindOf(url)}`,
    )
  }
  const text = String(url)
  const written = /^(https?):\/\/([^/?#]+)([^#]*)/i.exec(text)
  if (!written || !URL.canParse(text)) {
    throw argumentError(
      TypeError,
      'INVALID_URL',
      'purge(): url must be whole, with scheme and host, such as https://example.com/about',
    )
  }
  const scheme = written[1]!.toLowerCase() as Scheme
  const asked = new URL(text)
  const targets = new Set([rooted(written[3]!), asked.pathname + asked.search])
  const port = scheme === 'https' ? ':443' : ':80'
  const host = written[2]!.toLowerCase()
  const hosts = new Set([host, asked.host])
  if (host.endsWith(port)) hosts.add(host.slice(0, -port.length))
  else if (asked.port === '') hosts.add(`${asked.host}${port}`)
  return [...hosts].flatMap((one) => [...targets].map((target) => ({ scheme, host: one, target })))
}

function rooted(rest: string): string {
  return rest.startsWith('/') ? rest : `/${rest}`
}
