/**
 * A Dictionary of Structured Fields (RFC 9651 §3.2), as far as cache directives need it: which type a
 * member has, and its text. All or nothing: one fault anywhere and the field is as if it were not there.
 */
export type StructuredValue =
  | { readonly type: 'boolean'; readonly value: boolean }
  | { readonly type: 'integer'; readonly value: number }
  | { readonly type: 'string'; readonly value: string }
  /** Well formed, and of no use to a directive: token, decimal, bytes, date, list. */
  | { readonly type: 'other' }

const KEY = /[a-z*][a-z0-9_.*-]*/y
const NUMBER = /-?\d{1,15}(?![\d.])|-?\d{1,12}\.\d{1,3}(?![\d.])/y
const STRING = /"((?:[\x20\x21\x23-\x5b\x5d-\x7e]|\\["\\])*)"/y
const TOKEN = /[A-Za-z*][!#$%&'*+.^_`|~0-9A-Za-z:/-]*/y
const BYTES = /:[A-Za-z0-9+/=]*:/y
const BOOLEAN = /\?[01]/y
const DATE = /@-?\d{1,15}(?![\d.])/y
const DISPLAY_STRING = /%"(?:[\x20\x21\x23\x24\x26-\x7e]|%[0-9a-f]{2})*"/y
const COMMA = /[ \t]*,[ \t]*/y
const BLANKS = / */y

/** The members by key, the last where it is repeated (§4.2.2); undefined where the field is malformed. */
export function parseDictionary(text: string): ReadonlyMap<string, StructuredValue> | undefined {
  const reader = new Reader(text)
  const members = new Map<string, StructuredValue>()
  reader.take(BLANKS)
  while (!reader.atEnd()) {
    const key = reader.take(KEY)
    if (key === undefined) return undefined
    const value = reader.take(EQUALS) === undefined ? TRUE : memberValue(reader)
    if (value === undefined || !skipParameters(reader)) return undefined
    members.set(key, value)
    if (reader.onlyBlanksLeft()) return members
    // A comma at the end announces a member that is not there (§4.2.2).
    if (reader.take(COMMA) === undefined || reader.atEnd()) return undefined
  }
  return members
}

const EQUALS = /=/y
const OPEN = /\(/y
const CLOSE = /\)/y
const SEMICOLON = /; */y
const BLANK = / +/y
const TRUE: StructuredValue = Object.freeze({ type: 'boolean', value: true })
const OTHER: StructuredValue = Object.freeze({ type: 'other' })

class Reader {
  readonly #text: string
  #at = 0

  constructor(text: string) {
    this.#text = text
  }

  take(pattern: RegExp): string | undefined {
    pattern.lastIndex = this.#at
    const found = pattern.exec(this.#text)
    if (found === null) return undefined
    this.#at = pattern.lastIndex
    return found[0]
  }

  atEnd(): boolean {
    return this.#at === this.#text.length
  }

  onlyBlanksLeft(): boolean {
    for (let i = this.#at; i < this.#text.length; i++) if (this.#text[i] !== ' ') return false
    return true
  }
}

function memberValue(reader: Reader): StructuredValue | undefined {
  if (reader.take(OPEN) === undefined) return bareItem(reader)
  reader.take(BLANKS)
  while (reader.take(CLOSE) === undefined) {
    if (bareItem(reader) === undefined || !skipParameters(reader)) return undefined
    if (reader.take(BLANK) !== undefined) continue
    return reader.take(CLOSE) === undefined ? undefined : OTHER
  }
  return OTHER
}

function bareItem(reader: Reader): StructuredValue | undefined {
  const number = reader.take(NUMBER)
  if (number !== undefined) return number.includes('.') ? OTHER : { type: 'integer', value: Number(number) }
  const text = reader.take(STRING)
  if (text !== undefined) return { type: 'string', value: text.slice(1, -1).replace(/\\(.)/g, '$1') }
  const boolean = reader.take(BOOLEAN)
  if (boolean !== undefined) return { type: 'boolean', value: boolean === '?1' }
  for (const pattern of [TOKEN, BYTES, DATE, DISPLAY_STRING]) {
    if (reader.take(pattern) !== undefined) return OTHER
  }
  return undefined
}

function skipParameters(reader: Reader): boolean {
  while (reader.take(SEMICOLON) !== undefined) {
    if (reader.take(KEY) === undefined) return false
    if (reader.take(EQUALS) !== undefined && bareItem(reader) === undefined) return false
  }
  return true
}
