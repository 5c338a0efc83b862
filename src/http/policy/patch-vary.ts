import { isToken, stripBlanks } from './fields.ts'

/**
 * Writing and asking Vary, as Django's patch_vary_headers and has_vary_header do: names that are not there
 * yet go to the end, order and spelling of the others stay, and `*` swallows everything.
 */

/**
 * The new value of Vary, or undefined where it should stay unset. Throws a TypeError with code
 * `INVALID_FIELD_NAME` for a name that is none; never for what `existing` holds.
 */
export function patchVary(existing: string | undefined, names: readonly string[]): string | undefined {
  const there = members(existing ?? '')
  const known = new Set(there.map((name) => name.toLowerCase()))
  if (!Array.isArray(names)) throw noNames()
  const added = names.map(fieldName).filter((name) => !known.has(name.toLowerCase()))
  const all = [...there, ...added]
  if (all.length === 0) return undefined
  return all.includes('*') ? '*' : all.join(', ')
}

/**
 * Whether Vary names a field, in any letter case. `*` names only itself. Throws a TypeError with code `INVALID_FIELD_NAME` for a
 * name that is none.
 */
export function hasVary(existing: string | undefined, name: string): boolean {
  const wanted = fieldName(name).toLowerCase()
  return members(existing ?? '').some((member) => member.toLowerCase() === wanted)
}

function fieldName(name: unknown): string {
  const bare = typeof name === 'string' ? stripBlanks(name) : ''
  if (!isToken(bare)) throw noNames()
  return bare
}

function noNames(): TypeError {
  const fault = new TypeError("Vary takes names of header fields, as in ['Accept-Language']")
  return Object.assign(fault, { code: 'INVALID_FIELD_NAME' })
}

function members(value: string): string[] {
  return value
    .split(',')
    .map(stripBlanks)
    .filter((member) => member !== '')
}
