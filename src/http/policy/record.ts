import { requestControl, responseControl } from './cache-control.ts'
import { formatHttpDate, parseHttpDate } from './dates.ts'
import { type Fields, field, overlay } from './fields.ts'
import { ageOnArrival, dateOf, lifetime, mayBeGuessed, ownLifetime } from './freshness.ts'
import { isNeverStored, ofTheConnection } from './hop-by-hop.ts'
import { flatLines, type PageHead, type PageRequest, type PageResponse } from './page.ts'
import type { PageRules } from './page-rules.ts'
import { freshnessFields } from './response-fields.ts'
import { hasValidator, type RefusalReason, refusalReason } from './storable.ts'
import { entityTag } from './validators.ts'
import { LOCALE, selectingValue, TIME_ZONE, unionOfNames, type VaryFault, varyNames } from './vary.ts'

/** What becomes of a response: kept under this head, or not for this reason. */
export type Recording = (
  | { readonly keep: PageHead; readonly reason?: undefined }
  | { readonly keep?: undefined; readonly reason: RefusalReason }
) & {
  /**
   * Fields to add to the response as it leaves: Expires and max-age where the handler said nothing, else
   * none.
   */
  readonly add: Fields
}

/**
 * Decides on a response as it leaves, after everything that could still have set a cookie or a Vary.
 *
 * To be called only for requests that `bypassReason` let in, with the fields and the status that the client
 * gets. The body is the caller's: a head may be kept only with a whole one, ended as it should and as long
 * as Content-Length says. The page is for whoever `fits(head, …)`; its key among the variants is
 * `variantKey(head.vary, …)`. A request that waited for this response gets it only if `lookup` of the new
 * page says so.
 *
 * Never throws, whatever the fields hold.
 */
export function record(
  request: PageRequest,
  response: PageResponse,
  rules: PageRules,
  now: number,
): Recording {
  const { status, fields } = response
  const requested = requestControl(request.fields)
  const control = responseControl(fields, rules.targets)
  // A 304 to the client's own condition is never stored, but tells the freshness of the page it confirms.
  const confirms = status === 304
  const about = confirms ? { ...response, status: 200 } : response
  const refusal = refusalReason(request, requested, about, control, rules)
  if (refusal !== undefined) return { reason: refusal, add: NOTHING }

  const vary = selectors(request, response, rules)
  if (typeof vary === 'string') return { reason: vary, add: NOTHING }

  const selected = vary.map((name) => selectingValue(request, name, rules))
  // They rest with every variant.
  if (selected.reduce((sum, value) => sum + (value?.length ?? 0), 0) > MAX_SELECTED_LENGTH) {
    return { reason: 'fields-too-large', add: NOTHING }
  }

  const date = dateOf(fields, now)
  const life = lifetime(about.status, fields, control, date, rules, now)
  const validatable = Boolean(rules.keepToValidate) && hasValidator(fields)
  // §3: without a lifetime only some statuses are stored at all.
  const storedWithout = validatable && mayBeGuessed(about.status, control)
  if (life === undefined && !storedWithout) return { reason: 'no-lifetime', add: NOTHING }
  const fromSite = life?.from === 'ttl' || life?.from === 'default'
  // What the handler tells others is in Cache-Control, whatever a targeted field tells us.
  const told = control.targeted ? responseControl(fields) : control
  const addedFreshness = fromSite && ownLifetime(fields, told, date, now) === undefined
  const add = addedFreshness ? freshnessFields(fields, life.seconds, now) : NOTHING
  if (confirms) return { reason: 'status', add }

  const age = ageOnArrival(fields, date, response.requestedAt ?? now, now)
  const bornAt = now - age * 1000
  // §5.2.2.4: no-cache is kept only to be validated. The site's own ttl counts from receipt.
  const freshFrom = fromSite ? now : bornAt
  const seconds = control.noCache ? 0 : (life?.seconds ?? 0)
  const freshUntil = seconds === Infinity ? null : Math.max(freshFrom + seconds * 1000, bornAt)
  const mayBeStale = !control.forbidsStale && !control.noCache
  const stretch = (allowed: number | undefined, ruled: number | undefined) =>
    freshUntil === null ? null : freshUntil + (mayBeStale ? (allowed ?? ruled ?? 0) * 1000 : 0)
  const staleUntil = stretch(control.staleWhileRevalidate, rules.staleWhileRevalidate)
  const errorUntil = stretch(control.staleIfError, rules.staleIfError)
  const validatableFor = validatable ? (rules.keepToValidate ?? 0) * 1000 : 0
  const keepUntil =
    freshUntil === null ? null : Math.max(staleUntil ?? 0, errorUntil ?? 0, freshUntil + validatableFor)
  if (keepUntil !== null && keepUntil <= now) return { reason: 'already-stale', add }

  const sent = overlay(fields, add)
  return {
    keep: {
      status,
      lines: storedLines(sent, now),
      vary,
      selected,
      bornAt,
      receivedAt: now,
      freshUntil,
      staleUntil,
      errorUntil,
      keepUntil,
      mayBeStale,
      forCredentials: control.allowsCredentials,
      etag: entityTag(field(fields, 'etag')),
      lastModified: parseHttpDate(field(fields, 'last-modified') ?? '', now) ?? null,
      date,
      addedFreshness,
    },
    add,
  }
}

/** Longer values of a request, all that select taken together, make no variant. */
const MAX_SELECTED_LENGTH = 16_384

const NOTHING: Fields = Object.freeze({})
const NO_NAMES: readonly string[] = Object.freeze([])

/**
 * What selects the response: its own Vary, the site's list, language and zone, and credentials that were
 * read.
 */
function selectors(
  request: PageRequest,
  response: PageResponse,
  rules: PageRules,
): readonly string[] | VaryFault | RefusalReason {
  const named = varyNames(response.fields)
  if (typeof named === 'string') return named
  const declared = unionOfNames(named, rules.varyOn ?? NO_NAMES)
  // A cookie that is being set changes the very value that would select the page.
  if (declared.includes('cookie') && field(response.fields, 'set-cookie') !== undefined) return 'set-cookie'
  const read = response.credentialsRead ?? NO_NAMES
  for (const name of read) {
    if (!declared.includes(name) && field(request.fields, name) !== undefined) return 'credentials-read'
  }
  const own = [
    ...(request.locale === undefined ? [] : [LOCALE]),
    ...(request.timeZone === undefined ? [] : [TIME_ZONE]),
  ]
  const names = unionOfNames(declared, read, own)
  // The language that was chosen says all that Accept-Language could.
  return request.locale === undefined ? names : names.filter((name) => name !== 'accept-language')
}

function storedLines(fields: Fields, now: number): string[] {
  const bound = ofTheConnection(fields)
  const lines = flatLines(fields, (name) => !bound(name) && !isNeverStored(name))
  if (field(fields, 'date') === undefined) lines.push('date', formatHttpDate(now))
  return lines
}
