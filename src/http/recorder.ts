/**
 * Records one response of the handler: decides by its head, gathers its body up to the limit, and stores it
 * when it has ended as it should. A stale page that the handler confirms with 304 is renewed; one that may
 * stand in for a failing handler does.
 */
import { hash } from 'node:crypto'
import { type Answer, isPromise } from '../core/answer.ts'
import type { Clock } from '../core/clock.ts'
import type { Watch } from './credentials.ts'
import { tellNotStored, tellUnkeyed } from './explain.ts'
import type { Asked } from './page-cache.ts'
import type { PageSettings } from './page-options.ts'
import { forwardFor } from './policy/cache-status.ts'
import { parseHttpDate } from './policy/dates.ts'
import { type Fields, field } from './policy/fields.ts'
import { mayServeOnError, remaining } from './policy/freshness.ts'
import { answer, type MissReason } from './policy/lookup.ts'
import type { PageHead } from './policy/page.ts'
import type { PageRules } from './policy/page-rules.ts'
import { type Recording, record } from './policy/record.ts'
import { renew } from './policy/renew.ts'
import type { RefusalReason } from './policy/storable.ts'
import {
  CONDITIONAL_FIELDS,
  conditionsFor,
  contradicts,
  entityTag,
  isNotModified,
} from './policy/validators.ts'
import { replyOf } from './reply.ts'
import type { StoredPage } from './resting.ts'
import type { Spot } from './spot.ts'
import { statusField, statusMember } from './status-field.ts'
import type { Exchange, Reply, RouteRules, Verdict } from './visit.ts'

/** Reasons that concern the body or the store, and so are ours and not the policy's. */
export type NotStoredReason = RefusalReason | 'event-stream' | 'too-large' | 'incomplete' | 'store-failed'

export interface RecordingParts<R> {
  readonly spot: Spot
  readonly settings: PageSettings<R>
  readonly asked: Asked<R>
  readonly generation: string | undefined
  /** What is stored already, stale or another variant. */
  readonly page: StoredPage | undefined
  readonly why: MissReason
  /** The stored page may stand in for a handler that fails. */
  readonly onError: boolean
  readonly watch: Watch | undefined
  /** The response can be shared with those who wait, or not: told once, as soon as it is known. `stored`: it rests where others see it. */
  readonly landed: (page: StoredPage | undefined, shareable: boolean, stored?: Answer<unknown>) => void
}

export class Recorder<R> implements Exchange {
  readonly changes: Fields | undefined
  readonly watch: Watch | undefined
  readonly #parts: RecordingParts<R>
  readonly #clock: Clock
  readonly #requestedAt: number
  #status = 0
  #fields: Fields = {}
  #own: Fields = {}
  /** The credentials that were read when the head left. */
  #read: string | undefined
  #head: PageHead | undefined
  /** Pieces of the body; `undefined` where it is not to be kept. */
  #pieces: Buffer[] | undefined
  #length = 0
  #gathers = false
  #landed = false
  #rules: PageRules

  constructor(parts: RecordingParts<R>) {
    this.#parts = parts
    this.#rules = parts.asked.rules
    this.watch = parts.watch
    const { asked, page, spot } = parts
    // Taken once: the cache may be closed before the response has ended.
    this.#clock = spot.inside.clock
    this.#requestedAt = this.#clock.now()
    if (asked.request.method !== 'GET') {
      this.changes = asked.hidden
      return
    }
    const dropped = CONDITIONAL_FIELDS.filter((name) => asked.request.fields[name] !== undefined)
    this.changes = {
      ...asked.hidden,
      ...Object.fromEntries(dropped.map((name) => [name, undefined])),
      ...(page && conditionsFor([page.head])),
    }
  }

  head(status: number, fields: Fields, whole?: Buffer, own: Fields = {}): Verdict {
    const { asked, page, onError, settings } = this.#parts
    const now = this.#clock.now()
    this.#status = status
    this.#fields = fields
    this.#own = own
    if (page && status === 304 && asked.request.method === 'GET') return this.#renewed(page, now)
    if (page && onError && status >= 500 && mayServeOnError(page.head, now, status)) {
      this.#land(undefined, true)
      return { do: 'replace', reply: this.#answer(page, now, status) }
    }
    const recording = this.#record(fields, now)
    const streams = field(fields, 'content-type')?.toLowerCase().startsWith('text/event-stream')
    if (recording.keep === undefined || streams || this.#parts.generation === undefined) {
      const reason = recording.reason ?? (streams ? 'event-stream' : 'store-failed')
      return this.#notKept(reason, recording.add, now)
    }
    this.#head = without(own, recording.keep, fields)
    this.#pieces = []
    this.#read = this.#parts.watch?.read.join()
    if (whole) this.#tag(whole)
    const set = {
      ...recording.add,
      ...(whole && this.#head.etag !== null && { etag: this.#head.etag }),
      ...this.#statusField({ stored: true, ttl: remaining(this.#head, now) }),
    }
    const wants = CONDITIONAL_FIELDS.filter((name) => asked.request.fields[name] !== undefined)
    if (wants.length === 0) return { do: 'send', set, kept: true }
    const isTagged = whole !== undefined || field(fields, 'etag') !== undefined || !settings.etag
    const has = isTagged && isNotModified(asked.request.fields, this.#head, now)
    // A 304 ends the response, and with it what a stream would still have brought for the store.
    if (status === 200 && (!isTagged || wants.includes('range') || (has && whole === undefined))) {
      this.#gathers = true
      return { do: 'gather', set }
    }
    return has ? { do: 'not-modified', set } : { do: 'send', set, kept: true }
  }

  adopt(place: object, { rules, trustedRules }: RouteRules): boolean {
    const { spot, asked, settings } = this.#parts
    if (place !== spot) return false
    this.#rules = asked.rules === settings.trustedRules ? trustedRules : rules
    return true
  }

  chunk(bytes: Buffer): boolean {
    if (this.#pieces === undefined) return true
    this.#length += bytes.length
    if (this.#length > this.#parts.settings.maxPageBytes) {
      this.#abandon('too-large')
      return false
    }
    // Its own: whoever wrote it may use his buffer again, and a slice of a pool would keep all of that alive.
    const own = Buffer.allocUnsafeSlow(bytes.length)
    bytes.copy(own)
    this.#pieces.push(own)
    return true
  }

  end(): Reply | undefined {
    if (this.#pieces === undefined || this.#head === undefined) {
      this.#land(undefined, false)
      return undefined
    }
    const [only] = this.#pieces
    const body = only && this.#pieces.length === 1 ? only : joined(this.#pieces, this.#length)
    const told = field(this.#fields, 'content-length')
    if (told !== undefined && Number(told) !== this.#length) {
      this.#abandon('incomplete')
      return undefined
    }
    const now = this.#clock.now()
    // What was read while the body was made counts as well.
    if (this.#parts.watch?.read.join() !== this.#read) {
      const again = this.#record(this.#fields, now)
      if (again.keep === undefined) {
        this.#abandon(again.reason)
        return undefined
      }
      this.#head = { ...this.#head, vary: again.keep.vary, selected: again.keep.selected }
    }
    const { asked, watch, settings } = this.#parts
    if (settings.explain && watch) tellUnkeyed(asked.visit.target, watch.named, this.#head.vary)
    this.#tag(body)
    const page = { head: withLength(this.#head, body.length), body }
    this.#pieces = undefined
    this.#land(page, true, this.#keep(page))
    return this.#gathers ? this.#answer(page, now) : undefined
  }

  fail(): Reply | undefined {
    const { page, onError } = this.#parts
    this.#pieces = undefined
    this.#land(undefined, true)
    this.#forget()
    const now = this.#clock.now()
    if (!page || !onError || !mayServeOnError(page.head, now)) return undefined
    return this.#answer(page, now)
  }

  #record(fields: Fields, now: number): Recording {
    const { asked, watch } = this.#parts
    return record(
      asked.request,
      {
        status: this.#status,
        fields,
        requestedAt: this.#requestedAt,
        ...(watch && { credentialsRead: watch.read }),
      },
      this.#rules,
      now,
    )
  }

  /** Nobody waits for it but those in other processes, and its errors are told by the policy. */
  #keep(page: StoredPage): Answer<unknown> {
    const { asked, spot, generation } = this.#parts
    if (generation === undefined) return undefined
    try {
      const stored = spot.store.write(asked.key, generation, asked.request, page, this.#rules)
      return isPromise(stored) ? stored.catch(() => false) : stored
    } catch {
      return false
    }
  }

  /** The handler says that the page we have is still right. */
  #renewed(page: StoredPage, now: number): Verdict {
    const { asked, watch } = this.#parts
    const renewal = renew(
      page.head,
      asked.request,
      {
        status: 304,
        fields: this.#fields,
        requestedAt: this.#requestedAt,
        ...(watch && { credentialsRead: watch.read }),
      },
      this.#rules,
      now,
    )
    if (renewal === undefined) {
      // It names another page than the only one that was asked about. Nothing of it is taken over, and the next one asks anew.
      this.#remove()
      this.#notStored('status')
      return { do: 'replace', reply: this.#answer(page, now, 304) }
    }
    if (renewal.keep) {
      const keep = without(this.#own, renewal.keep, this.#fields)
      const renewed = { head: withLength(keep, page.body.length), body: page.body }
      this.#land(renewed, true, this.#keep(renewed))
      return { do: 'replace', reply: this.#answer(renewed, now, 304) }
    }
    this.#notStored(renewal.reason)
    const { body } = page
    return { do: 'replace', reply: { status: page.head.status, lines: renewal.lines, body } }
  }

  #notKept(reason: NotStoredReason, add: Fields, now: number): Verdict {
    const { asked, page } = this.#parts
    const { request } = asked
    this.#notStored(reason)
    // RFC 9111 §4.3.5: what a HEAD tells of the page that we have.
    if (page && request.method === 'HEAD' && this.#status === 200 && contradicts(this.#fields, page, now)) {
      this.#remove()
    }
    const set = { ...add, ...this.#statusField({ detail: reason }) }
    // The handler saw no conditions, so they are judged here, for pages that are nobody else's too.
    if (request.method === 'GET' && this.#status === 200) {
      const head = {
        status: 200,
        etag: entityTag(field(this.#fields, 'etag')),
        lastModified: parseHttpDate(field(this.#fields, 'last-modified') ?? '', now) ?? null,
        date: now,
      }
      const known = head.etag !== null || head.lastModified !== null
      if (known && isNotModified(request.fields, head, now)) return { do: 'not-modified', set }
    }
    return { do: 'send', set }
  }

  #notStored(reason: NotStoredReason): void {
    const { asked, settings, page } = this.#parts
    // A handler that fails says nothing of what it will answer next: it is another's turn.
    this.#land(undefined, this.#status >= 500)
    this.#forget()
    if (asked.request.method !== 'GET') return
    // What the handler now says is nobody else's business must not go on being served.
    if (page && (reason === 'no-store' || reason === 'private')) {
      this.#remove()
    }
    if (settings.explain) tellNotStored(asked.visit.target, reason)
  }

  #abandon(reason: NotStoredReason): void {
    this.#pieces = undefined
    this.#head = undefined
    this.#notStored(reason)
  }

  #forget(): void {
    const { asked, spot, generation } = this.#parts
    if (generation !== undefined) quietly(() => spot.store.forget(asked.key, generation))
  }

  #remove(): void {
    const { asked, spot } = this.#parts
    quietly(() => spot.remove(asked.url))
  }

  #land(page: StoredPage | undefined, shareable: boolean, stored?: Answer<unknown>): void {
    if (this.#landed) return
    this.#landed = true
    this.#parts.landed(page, shareable, stored)
  }

  /** Weak, since whoever compresses our answers would have to weaken it. */
  #tag(body: Buffer): void {
    const { settings } = this.#parts
    const head = this.#head
    if (!settings.etag || head === undefined || head.etag !== null || head.status !== 200) return
    if (field(this.#fields, 'etag') !== undefined) return
    const etag = `W/"${hash('sha1', body, 'base64url')}"`
    this.#head = { ...head, etag, lines: [...head.lines, 'etag', etag] }
  }

  #answer(page: StoredPage, now: number, fwdStatus?: number): Reply {
    const { asked, settings, why } = this.#parts
    const status = statusMember(settings, {
      fwd: forwardFor(why),
      ttl: remaining(page.head, now),
      ...(fwdStatus !== undefined && { fwdStatus }),
    })
    return replyOf(answer(asked.request, page, now), page, status)
  }

  #statusField(more: { stored?: boolean; ttl?: number | undefined; detail?: string }) {
    const { settings, why } = this.#parts
    return statusField(settings, field(this.#fields, 'cache-status'), { fwd: forwardFor(why), ...more })
  }
}

/** For what nobody waits for: a store that fails is told by the policy, and one that is closed keeps nothing. */
function quietly(act: () => unknown): void {
  try {
    const done = act()
    if (done instanceof Promise) done.catch(() => {})
  } catch {
    // Nobody to throw it to.
  }
}

function joined(pieces: readonly Buffer[], length: number): Buffer {
  const body = Buffer.allocUnsafeSlow(length)
  let at = 0
  for (const piece of pieces) at += piece.copy(body, at)
  return body
}

/** A head without the fields that were set before the lookup, unless the handler changed them. */
function without(own: Fields, head: PageHead, fields: Fields): PageHead {
  const names = Object.keys(own).filter((name) => String(own[name]) === String(fields[name]))
  if (names.length === 0) return head
  const lines = head.lines.filter((_, i, all) => !names.includes(all[i - (i % 2)]!))
  return { ...head, lines }
}

function withLength(head: PageHead, length: number): PageHead {
  const { status, lines } = head
  if (status === 204 || lines.some((name, i) => i % 2 === 0 && name === 'content-length')) return head
  return { ...head, lines: [...lines, 'content-length', String(length)] }
}
