/**
 * Options are checked where they come in: a name we don't know is refused with the nearest right
 * one, so that `{ tll: 5 }` is an error and not a value kept for the default ttl. Nothing here
 * ever shows a value.
 */
import { types } from 'node:util'
import { argumentError } from './errors.ts'

/**
 * Refuses what is no options object (a Date where a ttl goes is none), and every name that is not in `known`.
 *
 * @param where what the options are for, as the message begins: `'memory()'`, `'set()'`.
 */
export function checkOptions(where: string, options: unknown, known: readonly string[]): void {
  if (!isRecord(options)) {
    throw argumentError(
      TypeError,
      'INVALID_OPTIONS',
      `${where}: options must be an object, not ${kindOf(options)}`,
    )
  }
  for (const name in options) {
    if (known.includes(name)) continue
    const near = nearest(name, known)
    throw argumentError(
      TypeError,
      'UNKNOWN_OPTION',
      `${where}: unknown option ${JSON.stringify(name.slice(0, 40))}${near ? `: did you mean "${near}"?` : `; known are ${known.join(', ')}`}`,
    )
  }
}

/** Is it an object that can be looked into, and nothing with a meaning of its own: no list, no Date, no proxy that throws? */
export function isRecord(value: unknown): value is Record<string, unknown> {
  if (typeof value !== 'object' || value === null) return false
  try {
    // A proxy may throw at any look: at its names too.
    if (types.isProxy(value)) Object.keys(value)
    return Object.prototype.toString.call(value) === '[object Object]'
  } catch {
    return false
  }
}

/** What kind of thing it is, in one word, for messages that must not show the thing itself. */
export function kindOf(value: unknown): string {
  if (value === null) return 'null'
  if (types.isProxy(value)) return 'a proxy'
  if (Array.isArray(value)) return 'an array'
  if (typeof value === 'object') return 'an object'
  if (typeof value === 'string') return value === '' ? 'an empty string' : 'a string'
  return typeof value === 'undefined' ? 'undefined' : `a ${typeof value}`
}

/** Checks a whole number within bounds. */
export function checkInteger(
  name: string,
  value: unknown,
  least: number,
  most = Number.MAX_SAFE_INTEGER,
): number {
  if (typeof value !== 'number') {
    throw argumentError(TypeError, 'INVALID_OPTION', `${name} must be a whole number, not ${kindOf(value)}`)
  }
  if (!Number.isInteger(value) || value < least || value > most) {
    throw argumentError(
      RangeError,
      'INVALID_OPTION',
      `${name} must be a whole number ${most === Number.MAX_SAFE_INTEGER ? `of at least ${least}` : `from ${least} to ${most}`}`,
    )
  }
  return value
}

/** Checks that a value is one of a few words. */
export function checkWord<const W extends string>(name: string, value: unknown, words: readonly W[]): W {
  const found = words.find((word) => word === value)
  if (found !== undefined) return found
  const near = typeof value === 'string' ? nearest(value, words) : undefined
  throw argumentError(
    TypeError,
    'INVALID_OPTION',
    `${name} must be ${words.map((word) => `'${word}'`).join(' or ')}${near ? `: did you mean '${near}'?` : `, not ${kindOf(value)}`}`,
  )
}

const UNITS = { b: 1, kb: 1024, mb: 1024 ** 2, gb: 1024 ** 3 } as const

/** A number of bytes: `1048576`, `'512kb'`, `'64mb'`, `'2gb'` (units of 1024). */
export type Bytes = number | `${number}${keyof typeof UNITS}`

/** Reads a number of bytes; at least 1. */
export function parseBytes(name: string, value: unknown): number {
  if (typeof value === 'number') return checkInteger(name, value, 1)
  const parts = typeof value === 'string' ? /^(\d+(?:\.\d+)?)(b|kb|mb|gb)$/i.exec(value) : null
  const bytes = parts
    ? Math.floor(Number(parts[1]) * UNITS[parts[2]!.toLowerCase() as keyof typeof UNITS])
    : 0
  if (bytes >= 1 && Number.isSafeInteger(bytes)) return bytes
  throw argumentError(
    TypeError,
    'INVALID_OPTION',
    `${name} must be a number of bytes, or one with a unit such as '512kb', '64mb', '1gb'`,
  )
}

/** The known name that is at most a typo or two away. */
function nearest(name: string, known: readonly string[]): string | undefined {
  if (name.length > 40) return undefined
  let best: string | undefined
  let least = Math.max(2, Math.floor(name.length / 3)) + 1
  for (const candidate of known) {
    const distance = editDistance(name.toLowerCase(), candidate.toLowerCase())
    if (distance < least) {
      least = distance
      best = candidate
    }
  }
  return best
}

/** How many letters to insert, remove, change or swap to make one word the other. */
function editDistance(a: string, b: string): number {
  let before: number[] = []
  let row = Array.from({ length: b.length + 1 }, (_, j) => j)
  for (let i = 1; i <= a.length; i++) {
    const next = [i]
    for (let j = 1; j <= b.length; j++) {
      const change = row[j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1)
      next[j] = Math.min(change, row[j]! + 1, next[j - 1]! + 1)
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]) {
        next[j] = Math.min(next[j]!, before[j - 2]! + 1)
      }
    }
    before = row
    row = next
  }
  return row[b.length]!
}
