import { type Fields, field, fieldLines, isToken, stripBlanks } from './fields.ts'
import type { PageHead, PageRequest } from './page.ts'
import type { PageRules } from './page-rules.ts'

/**
 * Which requests a stored page is for (RFC 9111 §4.1). A page is always judged by the names and values it
 * came with, whatever newer pages of its URL vary on. Absent matches only absent, not empty.
 */
export type VaryFault = 'vary-star' | 'vary-invalid' | 'vary-too-many'

/** More names than this make every request a variant of its own. */
export const MAX_VARY_NAMES = 32

/** Selects by the language of the request; no field can have such a name. */
export const LOCALE = ':locale'
/** Selects by the time zone of the request. */
export const TIME_ZONE = ':zone'

/**
 * The names in Vary, in lower case, or why no page with it can be reused. `*` counts anywhere: alone,
 * padded, among empty members or names, in any line (§4.1: always fails to match).
 */
export function varyNames(fields: Fields): readonly string[] | VaryFault {
  const lines = fieldLines(fields, 'vary')
  if (lines.length === 0) return NONE
  const names = new Set<string>()
  for (const line of lines) {
    for (const member of line.split(',')) {
      const name = stripBlanks(member).toLowerCase()
      if (name === '') continue
      if (name === '*') return 'vary-star'
      if (!isToken(name)) return 'vary-invalid'
      names.add(name)
    }
  }
  return names.size > MAX_VARY_NAMES ? 'vary-too-many' : [...names]
}

/** One list of selecting names, sorted and each once, so that their order in Vary is of no account. */
export function unionOfNames(...lists: readonly (readonly string[])[]): readonly string[] {
  // Nearly always there is one list, the site's, which is sorted already.
  let only: readonly string[] = NONE
  for (const list of lists) {
    if (list.length === 0 || list === only) continue
    if (only !== NONE) return [...new Set(lists.flat())].sort()
    only = list
  }
  return only.every((name, i) => i === 0 || only[i - 1]! < name) ? only : [...new Set(only)].sort()
}

/** The value by which a request is selected; null where the field is absent. */
export function selectingValue(request: PageRequest, name: string, rules: PageRules): string | null {
  if (name === LOCALE) return request.locale ?? null
  if (name === TIME_ZONE) return request.timeZone ?? null
  const value = field(request.fields, name)
  if (value === undefined) return null
  const normalise = rules.normalise
  if (normalise !== undefined && Object.hasOwn(normalise, name)) return normalise[name]!(value)
  return oneForm(name, value)
}

/** Whether a stored page answers for this request, by its own Vary. */
export function fits(head: PageHead, request: PageRequest, rules: PageRules): boolean {
  const { vary, selected } = head
  for (let i = 0; i < vary.length; i++) {
    if (selectingValue(request, vary[i]!, rules) !== selected[i]) return false
  }
  return true
}

/**
 * The key of the variant that a request selects under a list of names (`head.vary`, or a union of them).
 * Framed: `-` is absent and a length goes before each value, so that no two lists of names and values make
 * the same key. As long as the values are: to be hashed by whoever stores it.
 */
export function variantKey(names: readonly string[], request: PageRequest, rules: PageRules): string {
  let key = ''
  for (const name of names) {
    const value = selectingValue(request, name, rules)
    key += value === null ? `${name}=-` : `${name}=${value.length}:${value}`
  }
  return key
}

/** Of two pages that both fit, the one to serve: the newer Date (§4.1). */
export function newer(a: PageHead, b: PageHead): PageHead {
  return b.date > a.date || (b.date === a.date && b.receivedAt >= a.receivedAt) ? b : a
}

/**
 * A normaliser for Accept-Encoding, Accept-Language and their like: only members that bear on one of
 * `choices` count, ranked as the client ranks them. `en-gb`, `en-us` and `*` all bear on `en`. So the many
 * spellings of one wish share a page. For handlers that pick one of `choices` by rank; one that weighs the
 * numbers themselves needs the whole value.
 *
 * @throws TypeError `INVALID_ARGUMENT` for anything but a list of texts.
 */
export function acceptChoices(choices: readonly string[]): (value: string) => string {
  if (!Array.isArray(choices) || !choices.every((choice) => typeof choice === 'string')) {
    const fault = new TypeError("choices: a list of what you can answer in, as in ['en', 'de']")
    throw Object.assign(fault, { code: 'INVALID_ARGUMENT' })
  }
  const known = choices.map((choice) => choice.toLowerCase())
  const bears = (range: string) =>
    range === '*' ||
    known.some((c) => c === range || c.startsWith(`${range}-`) || range.startsWith(`${c}-`)) ||
    range === 'identity'
  return (value) => {
    const wishes: { range: string; weight: number }[] = []
    for (const member of value.split(',')) {
      const [range = '', ...parameters] = member.split(';').map((part) => stripBlanks(part).toLowerCase())
      if (range === '' || !bears(range)) continue
      const weight = parameters.length === 0 ? 1 : weightOf(parameters)
      // A member that is not read is not normalised either: the value stands as it came.
      if (weight === undefined) return value
      wishes.push({ range, weight })
    }
    wishes.sort((a, b) => b.weight - a.weight)
    let form = ''
    let before: number | undefined
    for (const { range, weight } of wishes) {
      // What weighs the same stays apart from what weighs less: there the handler may prefer by itself.
      form += before === undefined ? '' : weight === before ? ',' : '>'
      form += weight === 0 ? `!${range}` : range
      before = weight
    }
    return form
  }
}

const NONE: readonly string[] = Object.freeze([])

// No lists: a comma in them is a character like any other.
const SINGLE_VALUES: ReadonlySet<string> = new Set([
  'authorization',
  'cookie',
  'from',
  'host',
  'origin',
  'referer',
  'user-agent',
])

// §4.1 lets blanks be added or removed where the syntax of the field allows them.
function oneForm(name: string, value: string): string {
  if (!value.includes(',') || SINGLE_VALUES.has(name) || value.includes('"')) return stripBlanks(value)
  return value.split(',').map(stripBlanks).join(',')
}

function weightOf(parameters: readonly string[]): number | undefined {
  const found = /^q=(0(?:\.\d{0,3})?|1(?:\.0{0,3})?)$/.exec(parameters.join(';'))
  return found ? Number(found[1]) : undefined
}
