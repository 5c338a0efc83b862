import { type Fields, field } from './fields.ts'
import type { PageHead, PageRequest } from './page.ts'
import { FORWARDED_FIELDS } from './page-rules.ts'

/**
 * The request that makes a stale page anew behind a visitor's back. It carries what selects the page and
 * what the URL is built from, and nothing of the visitor: no cookie, no credentials, no conditions.
 */
const CREDENTIALS: ReadonlySet<string> = new Set(['authorization', 'cookie', 'proxy-authorization'])

/**
 * The fields of that request, made from those of a request the page was served to; its method is GET.
 * Undefined for a page that is selected by a credential: only that visitor's own request may make it.
 */
export function refreshFields(head: PageHead, request: PageRequest): Fields | undefined {
  if (head.vary.some((name, i) => CREDENTIALS.has(name) && head.selected[i] !== null)) return undefined
  // What is left of credentials among its selectors is absent in every request that it fits.
  const names = new Set(['host', ':authority', ...FORWARDED_FIELDS, ...head.vary])
  if (request.locale !== undefined) names.add('accept-language')
  const fields: [string, string][] = []
  for (const name of names) {
    const value = field(request.fields, name)
    if (value !== undefined) fields.push([name, value])
  }
  return Object.fromEntries(fields)
}
