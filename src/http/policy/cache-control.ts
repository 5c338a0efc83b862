import { type Directive, outsideQuotes, parseDirectives, unquote } from './directives.ts'
import { type Fields, field, fieldLines } from './fields.ts'
import { parseDictionary, type StructuredValue } from './structured-dictionary.ts'

/**
 * What Cache-Control says, for a shared cache. Anything malformed tightens: a number that cannot be
 * read is the strictest one, a quote that never closes is `no-store`, a restrictive word
 * inside a broken member counts. A directive said twice is taken at its strictest. Reading never throws.
 */
export interface ResponseControl {
  noStore: boolean
  /** Bare or qualified: `private="set-cookie"` is `private` here, stricter than RFC 9111 §5.2.2.7. */
  private: boolean
  /** Bare or qualified, as `private`. */
  noCache: boolean
  /** Nothing stale may be served: must-revalidate, proxy-revalidate, or s-maxage (RFC 9111 §5.2.2.10). */
  forbidsStale: boolean
  mustUnderstand: boolean
  /** It was well formed, so that it may lift `no-store`; a malformed one only tightens. */
  liftsNoStore: boolean
  /** Bare and well formed: then a lifetime may be guessed at whatever the status (RFC 9111 §4.2.2). */
  public: boolean
  /**
   * The answer to a request with credentials may be shared: `public`, `s-maxage` or `must-revalidate`
   * (§3.5).
   */
  allowsCredentials: boolean
  /** Seconds. 0 where it was there and could not be read. */
  maxAge: number | undefined
  sMaxAge: number | undefined
  staleWhileRevalidate: number | undefined
  staleIfError: number | undefined
  /** It was read from a targeted field, in place of Cache-Control and of Expires. */
  targeted: boolean
}

export interface RequestControl {
  noStore: boolean
  noCache: boolean
  onlyIfCached: boolean
  /** Seconds. */
  maxAge: number | undefined
  minFresh: number | undefined
  /** Seconds past its lifetime that a page may be; Infinity for a bare `max-stale`. */
  maxStale: number | undefined
}

/** More than this is this: RFC 9111 §1.2.2. */
export const MAX_SECONDS = 2 ** 31

const NO_REQUEST_CONTROL: RequestControl = Object.freeze({
  noStore: false,
  noCache: false,
  onlyIfCached: false,
  maxAge: undefined,
  minFresh: undefined,
  maxStale: undefined,
})

/**
 * Reads Cache-Control of a response, from all its lines. The first of `targets` that is there, well formed
 * and not empty takes its place wholly, also where it says less (RFC 9213 §2.2).
 */
export function responseControl(fields: Fields, targets: readonly string[] = NO_TARGETS): ResponseControl {
  const control: ResponseControl = {
    noStore: false,
    private: false,
    noCache: false,
    forbidsStale: false,
    mustUnderstand: false,
    liftsNoStore: false,
    public: false,
    allowsCredentials: false,
    maxAge: undefined,
    sMaxAge: undefined,
    staleWhileRevalidate: undefined,
    staleIfError: undefined,
    targeted: false,
  }
  for (const target of targets) {
    const members = parseDictionary(field(fields, target) ?? '')
    if (members === undefined || members.size === 0) continue
    control.targeted = true
    for (const [name, value] of members) {
      const argument = targetedArgument(name, value)
      if (argument === null) continue
      applyToResponse(control, { name, argument, text: name, wellFormed: true })
    }
    return control
  }
  readLines(fields, control, (directive) => {
    applyToResponse(control, directive)
  })
  return control
}

const NO_TARGETS: readonly string[] = Object.freeze([])

// RFC 9213 §2.1: an argument of the wrong type, and the directive is ignored. null: ignored.
function targetedArgument(name: string, value: StructuredValue): string | undefined | null {
  if (IN_SECONDS.has(name)) return value.type === 'integer' ? String(value.value) : null
  if (value.type === 'boolean') return value.value ? undefined : null
  const qualified = name === 'private' || name === 'no-cache'
  return qualified && value.type === 'string' ? JSON.stringify(value.value) : null
}

const IN_SECONDS: ReadonlySet<string> = new Set([
  'max-age',
  's-maxage',
  'stale-while-revalidate',
  'stale-if-error',
])

/**
 * Reads Cache-Control of a request. `Pragma: no-cache` stands in where there is no Cache-Control
 * (RFC 9111 §5.4).
 */
export function requestControl(fields: Fields): RequestControl {
  if (field(fields, 'cache-control') === undefined) {
    const pragma = field(fields, 'pragma')
    if (pragma === undefined) return NO_REQUEST_CONTROL
    const noCache = parseDirectives(pragma).directives.some((directive) => directive.name === 'no-cache')
    return { ...NO_REQUEST_CONTROL, noCache }
  }
  const control = { ...NO_REQUEST_CONTROL }
  readLines(fields, control, (directive) => {
    applyToRequest(control, directive)
  })
  return control
}

/**
 * delta-seconds (RFC 9111 §1.2.2), as a token or in quotes: ASCII digits and nothing else. Undefined
 * for a sign, a fraction, letters or nothing at all.
 */
function deltaSeconds(argument: string | undefined): number | undefined {
  if (argument === undefined) return undefined
  const digits = unquote(argument)
  return /^[0-9]+$/.test(digits) ? Math.min(Number(digits), MAX_SECONDS) : undefined
}

function readLines(
  fields: Fields,
  control: ResponseControl | RequestControl,
  apply: (directive: Directive) => void,
): void {
  for (const line of fieldLines(fields, 'cache-control')) {
    const { directives, torn } = parseDirectives(line)
    if (torn) {
      control.noStore = true
      // Nor is it lifted by anything.
      if ('private' in control) control.private = true
    }
    for (const directive of directives) {
      apply(directive)
      if (!directive.wellFormed) tighten(control, directive.text)
    }
  }
}

function applyToResponse(control: ResponseControl, { name, argument, wellFormed }: Directive): void {
  const bare = argument === undefined && wellFormed
  // A malformed argument never counts as a permission: only the exact form of these allows anything.
  const seconds = wellFormed ? deltaSeconds(argument) : undefined
  switch (name) {
    case 'no-store':
      control.noStore = true
      break
    case 'private':
      control.private = true
      break
    case 'no-cache':
      control.noCache = true
      break
    case 'must-understand':
      control.mustUnderstand = true
      if (bare) control.liftsNoStore = true
      break
    case 'public':
      if (bare) {
        control.public = true
        control.allowsCredentials = true
      }
      break
    case 'must-revalidate':
      control.forbidsStale = true
      if (bare) control.allowsCredentials = true
      break
    case 'proxy-revalidate':
      control.forbidsStale = true
      break
    case 's-maxage':
      control.forbidsStale = true
      control.sMaxAge = smallest(control.sMaxAge, seconds ?? 0)
      if (seconds !== undefined) control.allowsCredentials = true
      break
    case 'max-age':
      control.maxAge = smallest(control.maxAge, seconds ?? 0)
      break
    case 'stale-while-revalidate':
      control.staleWhileRevalidate = smallest(control.staleWhileRevalidate, seconds ?? 0)
      break
    case 'stale-if-error':
      control.staleIfError = smallest(control.staleIfError, seconds ?? 0)
      break
  }
}

function applyToRequest(control: RequestControl, { name, argument, wellFormed }: Directive): void {
  const seconds = wellFormed ? deltaSeconds(argument) : undefined
  switch (name) {
    case 'no-store':
      control.noStore = true
      break
    case 'no-cache':
      control.noCache = true
      break
    case 'only-if-cached':
      control.onlyIfCached = true
      break
    case 'max-age':
      control.maxAge = smallest(control.maxAge, seconds ?? 0)
      break
    case 'min-fresh':
      control.minFresh = Math.max(control.minFresh ?? 0, seconds ?? MAX_SECONDS)
      break
    case 'max-stale':
      control.maxStale = smallest(
        control.maxStale,
        argument === undefined && wellFormed ? Infinity : (seconds ?? 0),
      )
      break
  }
}

// `no-cache no-store` (a comma forgotten), `public; private`: the word was meant, whatever stands
// round it. What is inside complete quotes is data even here.
function tighten(control: ResponseControl | RequestControl, text: string): void {
  const words = outsideQuotes(text).toLowerCase()
  for (const word of words.match(/[a-z-]+/g) ?? []) {
    if (word === 'no-store') control.noStore = true
    else if (word === 'no-cache') control.noCache = true
    else if (word === 'private' && 'private' in control) control.private = true
  }
}

function smallest(before: number | undefined, now: number): number {
  return before === undefined ? now : Math.min(before, now)
}
