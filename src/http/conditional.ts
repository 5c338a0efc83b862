/**
 * Conditional GET alone, with no cache: an ETag for whole bodies that have none, 304 where the client has the
 * page already, 412 where it asked for another. As Django's ConditionalGetMiddleware.
 */
import { createHash } from 'node:crypto'
import { responseControl } from './policy/cache-control.ts'
import { parseHttpDate } from './policy/dates.ts'
import { type Fields, field } from './policy/fields.ts'
import { entityTag, isNotModified, matchesTag, stronglyEqual } from './policy/validators.ts'
import type { Exchange, Verdict } from './visit.ts'

export class ConditionalExchange implements Exchange {
  readonly changes = undefined
  readonly watch = undefined
  readonly #method: string
  readonly #request: Fields

  constructor(method: string, request: Fields) {
    this.#method = method
    this.#request = request
  }

  head(status: number, fields: Fields, whole?: Buffer): Verdict {
    const set: Record<string, string> = {}
    // Whoever told it, a framework by itself too, it has the same fields.
    if (this.#method === 'GET' && status === 304) return { do: 'not-modified', set }
    if (this.#method !== 'GET' || status < 200 || status > 299) return { do: 'send', set }
    let tag = field(fields, 'etag')
    if (tag === undefined && whole && whole.length > 0 && !responseControl(fields).noStore) {
      tag = `"${createHash('md5').update(whole).digest('hex')}"`
      set.etag = tag
    }
    const now = Date.now()
    const head = {
      status: 200,
      etag: entityTag(tag),
      lastModified: parseHttpDate(field(fields, 'last-modified') ?? '', now) ?? null,
      date: now,
    }
    if (!this.#holds(head.etag, head.lastModified, now)) {
      return {
        do: 'replace',
        reply: { status: 412, lines: ['content-length', '0'], body: undefined },
      }
    }
    // Without a Last-Modified of its own there is nothing that a date could be compared with.
    const dated = head.lastModified !== null || field(this.#request, 'if-none-match') !== undefined
    return dated && isNotModified(this.#request, head, now)
      ? { do: 'not-modified', set }
      : { do: 'send', set }
  }

  chunk(): boolean {
    return true
  }

  end(): undefined {}

  fail(): undefined {}

  /** RFC 9110 §13.2.2: If-Match goes before If-Unmodified-Since. */
  #holds(etag: string | null, lastModified: number | null, now: number): boolean {
    const tags = field(this.#request, 'if-match')
    if (tags !== undefined)
      return matchesTag(tags, etag, stronglyEqual) && (etag !== null || tags.trim() !== '*')
    const since = parseHttpDate(field(this.#request, 'if-unmodified-since') ?? '', now)
    return since === undefined || lastModified === null || lastModified <= since
  }
}
