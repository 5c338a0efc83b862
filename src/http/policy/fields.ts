/**
 * Header fields as plain data: lower-case names, values as Node and Fetch hand them out. Node's
 * `req.headers` and `res.getHeaders()` have this shape as they are; Fetch Headers and raw pairs come
 * through `fieldsOf`. Every other file here reads fields through `field`, since an object that
 * came from outside may answer to `constructor` or `__proto__` with something that is no field.
 */
export type Fields = { readonly [name: string]: string | number | readonly string[] | undefined }

/** The lines of one field, joined as RFC 9110 §5.3 joins them; undefined where the field is absent. */
export function field(fields: Fields, name: string): string | undefined {
  const value = fields[name]
  if (typeof value === 'string' || value === undefined) return value
  if (typeof value === 'number') return String(value)
  return Array.isArray(value) && value.length > 0 ? value.join(', ') : undefined
}

/** The lines of one field, in order, not joined. */
export function fieldLines(fields: Fields, name: string): readonly string[] {
  const value = fields[name]
  if (typeof value === 'string') return [value]
  if (typeof value === 'number') return [String(value)]
  return Array.isArray(value) ? value : []
}

/** Fields from pairs, as Fetch Headers iterate; the lines of a repeated field stay apart and in order. */
export function fieldsOf(pairs: Iterable<readonly [name: string, value: string]>): Fields {
  const lines = new Map<string, string | string[]>()
  for (const [name, value] of pairs) {
    const key = name.toLowerCase()
    const before = lines.get(key)
    if (before === undefined) lines.set(key, value)
    else if (typeof before === 'string') lines.set(key, [before, value])
    else before.push(value)
  }
  return fromMap(lines)
}

/** Pairs from a flat list of names and values, as Node's `rawHeaders` and a stored page keep them. */
export function* pairsOf(flat: readonly string[]): Generator<readonly [name: string, value: string]> {
  for (let i = 0; i + 1 < flat.length; i += 2) yield [flat[i]!, flat[i + 1]!]
}

/** `over` on top of `under`; a name set to undefined in `over` is taken away. */
export function overlay(under: Fields, over: Fields): Fields {
  const merged = new Map<string, Fields[string]>(Object.entries(under))
  for (const [name, value] of Object.entries(over)) {
    if (value === undefined) merged.delete(name)
    else merged.set(name, value)
  }
  return fromMap(merged)
}

/** Whether a text is a token (RFC 9110 §5.6.2), as field names, directives and methods must be. */
export function isToken(text: string): boolean {
  return /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/.test(text)
}

/** Whether a text may stand in a field line: nothing in it can end the line or the value. */
export function isFieldValue(text: string): boolean {
  return /^[\t\x20-\x7e\x80-\xff]*$/.test(text)
}

/** Strips what HTTP calls optional whitespace: blanks and tabs, nothing else that `trim` would take. */
export function stripBlanks(text: string): string {
  let start = 0
  let end = text.length
  while (start < end && isBlank(text.charCodeAt(start))) start++
  while (end > start && isBlank(text.charCodeAt(end - 1))) end--
  return start === 0 && end === text.length ? text : text.slice(start, end)
}

function isBlank(code: number): boolean {
  return code === 0x20 || code === 0x09
}

// Object.fromEntries defines, where an assignment would lose `__proto__` or change the prototype.
function fromMap(map: Map<string, Fields[string]>): Fields {
  return Object.fromEntries(map)
}
