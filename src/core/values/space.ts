/**
 * Storage keys: `prefix:version:key`, Django's recipe, so that both can share a store, kept so that
 * it reads back in one way only (a prefix that could be taken for a version is refused).
 */
import type { Space } from '../backend.ts'
import { argumentError } from '../errors.ts'
import { checkInteger, kindOf } from '../options.ts'

/**
 * Replaces the recipe of storage keys; Django's KEY_FUNCTION, arguments in its order. `ownPrefix` says how all keys that it
 * makes for a `keyPrefix` begin; without it `clear()` cannot know which keys are this cache's, and is refused.
 */
export interface KeyFunction {
  (key: string, keyPrefix: string, version: number): string
  ownPrefix?: string | ((keyPrefix: string) => string)
  /** Tells exactly, where the beginning alone does not: is this a key it made for `keyPrefix`? */
  owns?(storageKey: string, keyPrefix: string): boolean
}

/** Refuses a prefix that would make two different keys one storage key. */
export function checkPrefix(prefix: unknown): string {
  if (typeof prefix !== 'string') {
    throw argumentError(TypeError, 'INVALID_PREFIX', `keyPrefix must be a string, not ${kindOf(prefix)}`)
  }
  if (!prefix.isWellFormed()) {
    throw argumentError(
      TypeError,
      'INVALID_PREFIX',
      'keyPrefix must be well-formed text: it holds half a character',
    )
  }
  const [first = '', ...parts] = prefix.split(':')
  if (parts.some((part) => /^\d+$/.test(part))) {
    const better = parts.reduce((text, part) => text + (/^\d+$/.test(part) ? '-' : ':') + part, first)
    throw argumentError(
      RangeError,
      'INVALID_PREFIX',
      `keyPrefix ${JSON.stringify(prefix)} could be taken for a prefix and a version: write ${JSON.stringify(better)}`,
    )
  }
  return prefix
}

/** A version is a whole number from 0 on. */
export function checkVersion(version: unknown): number {
  try {
    return checkInteger('version', version, 0) + 0
  } catch (error) {
    throw Object.assign(error as Error, { code: 'INVALID_VERSION' })
  }
}

/** Makes the space of one prefix and version; `make` replaces the recipe. */
export function makeSpace(prefix: string, version: number, make?: KeyFunction): Space {
  return make ? customSpace(prefix, version, make) : recipeSpace(prefix, version)
}

function recipeSpace(prefix: string, version: number): Space {
  const start = `${prefix}:`
  const head = `${start}${version}:`
  return {
    prefix,
    version,
    plain: true,
    start,
    frame: (key) => head + wellFormed(key),
    owns: (storageKey) =>
      storageKey.startsWith(start) && /^\d+:/.test(storageKey.slice(start.length, start.length + 20)),
  }
}

function customSpace(prefix: string, version: number, make: KeyFunction): Space {
  const start = typeof make.ownPrefix === 'function' ? make.ownPrefix(prefix) : make.ownPrefix
  return {
    prefix,
    version,
    plain: false,
    start,
    frame(key) {
      let made: unknown
      try {
        made = make(key, prefix, version)
      } catch (cause) {
        throw Object.assign(argumentError(TypeError, 'KEY_FUNCTION_FAILED', 'keyFunction threw'), { cause })
      }
      if (typeof made === 'string' && made !== '') return wellFormed(made)
      throw argumentError(
        TypeError,
        'KEY_FUNCTION_FAILED',
        `keyFunction must return a string that is not empty, not ${kindOf(made)}`,
      )
    },
    owns: (storageKey) =>
      start !== undefined && storageKey.startsWith(start) && (make.owns?.(storageKey, prefix) ?? true),
  }
}

/**
 * Text that survives UTF-8. Half a surrogate pair would become U+FFFD there, and two keys one; so it is written as U+FFFD
 * and its code, and U+FFFD itself doubled. Nearly every key comes back as it is.
 */
function wellFormed(key: string): string {
  if (key.isWellFormed() && !key.includes('\ufffd')) return key
  let text = ''
  for (const char of key) {
    const code = char.codePointAt(0)!
    if (code === 0xfffd) text += '\ufffd\ufffd'
    else text += code >= 0xd800 && code <= 0xdfff ? `\ufffd${code.toString(16)}` : char
  }
  return text
}

/**
 * Reads a storage key back by the recipe. An in-process backend that keeps a table per prefix and version needs it for keys
 * that a key function made, so that they meet what the recipe itself would have made. `undefined`: it is of another make.
 */
export function readBack(storageKey: string): { prefix: string; version: number; key: string } | undefined {
  const first = storageKey.indexOf(':')
  for (let from = first; from !== -1; ) {
    const to = storageKey.indexOf(':', from + 1)
    if (to === -1) return undefined
    const part = storageKey.slice(from + 1, to)
    if (/^\d+$/.test(part)) {
      const version = Number(part)
      if (String(version) !== part || !Number.isSafeInteger(version) || to + 1 === storageKey.length)
        return undefined
      return { prefix: storageKey.slice(0, from), version, key: storageKey.slice(to + 1) }
    }
    from = to
  }
  return undefined
}
