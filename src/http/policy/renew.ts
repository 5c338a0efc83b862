import { type Fields, fieldsOf, overlay, pairsOf } from './fields.ts'
import { ofTheConnection } from './hop-by-hop.ts'
import { flatLines, type PageHead, type PageRequest, type PageResponse } from './page.ts'
import type { PageRules } from './page-rules.ts'
import { type Recording, record } from './record.ts'
import { validates } from './validators.ts'

/** Fields of a 304 that say nothing about the stored bytes, which stay as they are (RFC 9111 §3.2). */
const OF_THE_BYTES: ReadonlySet<string> = new Set([
  'content-length',
  'content-encoding',
  'content-type',
  'content-range',
])

/** What becomes of a page whose handler answered 304 to our own conditions. */
export type Renewal = Recording & {
  /** The lines this client gets, with the stored body: the stored ones, brought up to date. */
  readonly lines: readonly string[]
}

/**
 * Brings a stored page up to date with a 304 (RFC 9111 §4.3.4): its fields replace the stored ones, those
 * it lacks stay, and freshness starts anew. Undefined where the 304 is about another representation: then
 * ask again without conditions. A reason instead of a head means that this client may have the page but
 * nobody after it (the 304 says `no-store`, sets a cookie …); the stored page is then to be removed for
 * `private` and `no-store` and left alone otherwise.
 *
 * Only for a 304 from the handler of the page's own URL, to conditions made by `conditionsFor` and not by
 * the client.
 */
export function renew(
  head: PageHead,
  request: PageRequest,
  response: PageResponse,
  rules: PageRules,
  now: number,
): Renewal | undefined {
  if (!validates(response.fields, head, now)) return undefined
  const bound = ofTheConnection(response.fields)
  const news = Object.fromEntries(
    Object.entries(response.fields).filter(([name]) => !bound(name) && !OF_THE_BYTES.has(name)),
  )
  const fields = overlay(overlay(fieldsOf(pairsOf(head.lines)), outdated(head)), news)
  const recording = record(request, { ...response, status: head.status, fields }, rules, now)
  const lines = recording.keep?.lines ?? flatLines(overlay(fields, recording.add), (name) => name !== 'age')
  return { ...recording, lines }
}

/** Without a Date in the 304 the moment of receipt counts; an Expires of ours was for the answer before. */
function outdated(head: PageHead): Fields {
  return head.addedFreshness ? { date: undefined, expires: undefined } : { date: undefined }
}
