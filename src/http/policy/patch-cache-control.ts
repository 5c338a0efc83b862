import { type Directive, parseDirectives, unquote } from './directives.ts'
import { isFieldValue, isToken, stripBlanks } from './fields.ts'

/**
 * Writing Cache-Control: merges directives into the value a response already has, as Django's
 * patch_cache_control does. What is there keeps its place, what is new goes to the end. Unknown directives
 * pass through. Works on values, so that it serves every kind of response; it decides nothing about
 * storing.
 */
export type DirectiveValue = boolean | number | string | readonly string[] | null | undefined

/**
 * Directives by name: camelCase, snake_case or as in the header, in any letter case. `true` writes the bare
 * name; `false` and `null` take the directive away; `undefined` is as if it had not been named.
 */
export interface CacheControlChanges {
  /**
   * Seconds, or a duration (`'1h'`). The smaller of this and what is there wins; spelled `'max-age'` it
   * replaces.
   */
  readonly maxAge?: number | string | false | null | undefined
  readonly sMaxAge?: number | string | false | null | undefined
  readonly staleWhileRevalidate?: number | string | false | null | undefined
  readonly staleIfError?: number | string | false | null | undefined
  /** Takes an existing `private` away, and the other way round. */
  readonly public?: boolean | null | undefined
  readonly private?: boolean | string | readonly string[] | null | undefined
  /** Field names add up; `true` makes one bare `no-cache` of them all. */
  readonly noCache?: boolean | string | readonly string[] | null | undefined
  readonly noStore?: boolean | null | undefined
  readonly noTransform?: boolean | null | undefined
  readonly mustRevalidate?: boolean | null | undefined
  readonly proxyRevalidate?: boolean | null | undefined
  readonly mustUnderstand?: boolean | null | undefined
  readonly immutable?: boolean | null | undefined
  readonly [directive: string]: DirectiveValue
}

const SECONDS: ReadonlySet<string> = new Set([
  'max-age',
  's-maxage',
  'stale-while-revalidate',
  'stale-if-error',
  'max-stale',
  'min-fresh',
])
const UNITS: Readonly<Record<string, number>> = { ms: 0.001, s: 1, m: 60, h: 3600, d: 86_400 }

/**
 * The new value of Cache-Control, or undefined where there is nothing to say and the header should stay
 * unset. `existing` is what the response has, several lines joined with commas. Throws a TypeError with
 * code `INVALID_DIRECTIVE` for a name or a value that cannot be written; never for what `existing` holds.
 */
export function patchCacheControl(
  existing: string | undefined,
  changes: CacheControlChanges,
): string | undefined {
  if (typeof changes !== 'object' || changes === null || Array.isArray(changes)) {
    const fault = new TypeError('Cache-Control: give the directives as an object, as in { maxAge: 60 }')
    throw Object.assign(fault, { code: 'INVALID_DIRECTIVE' })
  }
  // A name leads to what stands after it; several values only for no-cache.
  const directives = readExisting(existing ?? '')
  for (const [key, value] of Object.entries(changes)) {
    if (value !== undefined) change(directives, key, value)
  }
  if (isSet(changes.public) && !isSet(changes.private)) directives.delete('private')
  if (isSet(changes.private) && !isSet(changes.public)) directives.delete('public')
  const members: string[] = []
  for (const [name, argument] of directives) {
    if (argument === BARE) members.push(name)
    else if (typeof argument === 'string') members.push(`${name}=${argument}`)
    else for (const each of argument) members.push(`${name}=${each}`)
  }
  return members.length === 0 ? undefined : members.join(', ')
}

/** The directives of a response nobody may keep: what Django's never_cache sends. */
export const NEVER_CACHE: CacheControlChanges = Object.freeze({
  maxAge: 0,
  noCache: true,
  noStore: true,
  mustRevalidate: true,
  private: true,
})

/**
 * max-age as a whole number, the last one where it is repeated, or undefined where there is none that can
 * be read (quoted, with a fraction, blanks before `=`). As Django reads it for its helpers: a bare
 * `max-age` is 1 and a negative one is given as it is. The page cache itself is stricter.
 */
export function getMaxAge(existing: string | undefined): number | undefined {
  let found: number | undefined
  for (const { text } of parseDirectives(existing ?? '').directives) {
    const match = /^max-age(?:$|=[ \t]*(.*)$)/is.exec(text)
    if (!match) continue
    const digits = match[1]
    if (digits === undefined) found = 1
    else found = /^[+-]?\d+$/.test(digits) ? Number(digits) : undefined
  }
  return found
}

const BARE = Symbol('bare')
type Written = string | typeof BARE | readonly string[]

function readExisting(existing: string): Map<string, Written> {
  const { torn, directives: there } = parseDirectives(existing)
  // Behind a quote that never closes nothing we add would be read. What is kept of it is for nobody to store.
  if (torn) return readExisting(`${existing.replaceAll('"', '')}, no-store`)
  const directives = new Map<string, Written>()
  for (const directive of there) {
    const { name, argument } = directive
    if (name === 'no-cache') addNoCache(directives, fieldNames(directive))
    else directives.set(name, argument ?? BARE)
  }
  return directives
}

function change(directives: Map<string, Written>, key: string, value: DirectiveValue): void {
  const name = directiveName(key)
  if (value === false || value === null) {
    directives.delete(name)
    return
  }
  if (name === 'no-cache') {
    addNoCache(directives, value === true ? BARE : namesFrom(key, value))
    return
  }
  if (value === true) {
    directives.set(name, BARE)
    return
  }
  const written = SECONDS.has(name) ? seconds(key, value) : argumentText(key, value)
  if (name === 'max-age' && key !== 'max-age') {
    const before = numeric(directives.get(name))
    directives.set(name, String(before === undefined ? written : Math.min(before, Number(written))))
    return
  }
  directives.set(name, written)
}

function addNoCache(directives: Map<string, Written>, names: Written): void {
  const before = directives.get('no-cache')
  if (before === BARE || names === BARE || typeof names === 'string') {
    directives.set('no-cache', BARE)
    return
  }
  const all = typeof before === 'object' ? [...before] : []
  for (const name of names) {
    if (!all.some((known) => known.toLowerCase() === name.toLowerCase())) all.push(name)
  }
  directives.set('no-cache', all.length === 0 ? BARE : all)
}

// `no-cache=""` names no field: it is bare rather than nothing, which would loosen it.
function fieldNames({ argument }: Directive): Written {
  if (argument === undefined) return BARE
  const names = unquote(argument).split(',').map(stripBlanks)
  return names.every(isToken) ? names : BARE
}

function namesFrom(key: string, value: DirectiveValue): readonly string[] {
  const names = (Array.isArray(value) ? value : String(value).split(',')).map((name) =>
    stripBlanks(String(name)),
  )
  if (!names.every(isToken)) throw invalid(`${key}: name header fields, as in { noCache: ['X-A'] }`)
  return names
}

function argumentText(key: string, value: DirectiveValue): string {
  const text = Array.isArray(value) ? value.join(', ') : String(value)
  if (isToken(text)) return text
  if (!isFieldValue(text)) throw invalid(`${key}: a directive cannot hold line breaks or control characters`)
  return `"${text.replace(/[\\"]/g, '\\$&')}"`
}

function seconds(key: string, value: DirectiveValue): string {
  const found = typeof value === 'string' ? /^(\d+(?:\.\d+)?)(ms|s|m|h|d)?$/.exec(value) : null
  const count = found ? Number(found[1]) * (UNITS[found[2] ?? 's'] ?? 1) : value
  if (typeof count !== 'number' || !Number.isFinite(count)) {
    throw invalid(`${key}: give whole seconds, or a duration like '30s', '5m' or '1h'`)
  }
  // HTTP knows no negative seconds; less than none is none.
  return String(Math.max(0, Math.floor(count)))
}

function numeric(written: Written | undefined): number | undefined {
  if (typeof written !== 'string') return undefined
  const digits = unquote(written)
  return /^\d+$/.test(digits) ? Number(digits) : undefined
}

function directiveName(key: string): string {
  const name = key
    .replace(/([a-z0-9])([A-Z])/g, '$1-$2')
    .replace(/_/g, '-')
    .toLowerCase()
  if (!isToken(name)) throw invalid('a Cache-Control directive has a name of letters, digits and hyphens')
  return name === 's-max-age' ? 's-maxage' : name
}

function isSet(value: DirectiveValue): boolean {
  return value !== undefined && value !== null && value !== false
}

function invalid(message: string): TypeError & { code: string } {
  return Object.assign(new TypeError(`Cache-Control ${message}`), { code: 'INVALID_DIRECTIVE' })
}
