import type { Fields } from '../../../src/http/policy/fields.ts'
import type { Page, PageHead, PageRequest } from '../../../src/http/policy/page.ts'
import type { PageRules } from '../../../src/http/policy/page-rules.ts'
import { record } from '../../../src/http/policy/record.ts'

/** Sun, 17 Jul 2016 10:00:00 GMT. */
export const NOW = Date.UTC(2016, 6, 17, 10, 0, 0)

export function get(fields: Fields = {}): PageRequest {
  return { method: 'GET', fields: { host: 'example.com', ...fields } }
}

export function head(fields: Fields = {}): PageRequest {
  return { method: 'HEAD', fields: { host: 'example.com', ...fields } }
}

/** What becomes of a 200 with these fields, made for a plain GET. */
export function recorded(fields: Fields, rules: PageRules = {}, request = get(), status = 200, now = NOW) {
  return record(request, { status, fields }, rules, now)
}

/** The page made of a response that must be one. */
export function page(fields: Fields, rules: PageRules = {}, request = get(), now = NOW, length = 5): Page {
  const recording = recorded(fields, rules, request, 200, now)
  if (recording.keep === undefined) throw new Error(`not kept: ${recording.reason}`)
  return { head: recording.keep, body: { length } }
}

/** The values of one stored line's name. */
export function values(lines: readonly string[], name: string): string[] {
  return lines.filter((_, i) => i % 2 === 1 && lines[i - 1] === name)
}

export function lifetimeOf(head: PageHead): number {
  return ((head.freshUntil ?? Infinity) - head.bornAt) / 1000
}
