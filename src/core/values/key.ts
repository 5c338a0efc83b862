/**
 * What a key may be. Every string but the empty one is a key on every backend; what classic
 * Memcached could not carry is warned of (Django's VAL rules), so that a later move is no surprise.
 */

import type { Space } from '../backend.ts'
import { argumentError, InvalidKeyError } from '../errors.ts'
import { kindOf } from '../options.ts'

/** What to do about storage keys that classic Memcached could not carry. A function gets each one, and may throw or warn. */
export type KeyPolicy = 'warn' | 'strict' | 'any' | ((storageKey: string) => void)

/** Refuses what is no key at all. */
export function checkKey(key: unknown): asserts key is string {
  if (typeof key === 'string' && key !== '') return
  throw argumentError(TypeError, 'INVALID_KEY', `key must be a string that is not empty, not ${kindOf(key)}`)
}

/** A space, a control character or DEL: said by what it is not, which the engine is quicker to look for. */
const ODD_CHARACTER = /[^!-~\x80-\uffff]/

/** Fits whatever its characters are: a UTF-16 unit makes at most 3 bytes of UTF-8, and 250 are allowed. */
const SURELY_SHORT = 83

function isLong(storageKey: string): boolean {
  // A code point is at most two UTF-16 units: beyond 500 there is nothing to count.
  return (
    storageKey.length > SURELY_SHORT &&
    (storageKey.length > 500 || [...storageKey].length > 250 || Buffer.byteLength(storageKey) > 250)
  )
}

/**
 * What classic Memcached has against this storage key, in Django's words: over 250 code points or bytes, or a space or
 * control character. `undefined` when nothing.
 */
export function keyFault(storageKey: string): string | undefined {
  const long = isLong(storageKey)
  if (!long && !ODD_CHARACTER.test(storageKey)) return undefined
  const shown = `'${storageKey.length > 300 ? `${storageKey.slice(0, 300)}…` : storageKey}'`
  return long
    ? `Cache key will cause errors if used with memcached: ${shown} (longer than 250)`
    : `Cache key contains characters that will cause errors if used with memcached: ${shown}`
}

/** At most so many keys of a cache are named in warnings; what comes after is only counted. */
const MOST_WARNINGS = 100

/** Named already, by whichever cache of the process: two aliases on one prefix mean the same key. */
const named = new Set<string>()

/** Keeps a cache's key policy: call it with each key that is written, or was not found. */
export class KeyCheck {
  readonly #policy: KeyPolicy
  #named = 0
  /** The space that was asked about last: most caches have one. */
  #space: Space | undefined
  #surelyShort = 0
  /** How many bad keys were met after the last one that was named. */
  unnamed = 0

  constructor(policy: KeyPolicy) {
    this.#policy = policy
  }

  check(space: Space, key: string): void {
    const policy = this.#policy
    if (policy === 'any') return
    if (space !== this.#space) this.#look(space)
    // The common key costs a look at its characters and no joined string.
    if (key.length <= this.#surelyShort && !ODD_CHARACTER.test(key)) return
    this.#checkStorageKey(policy, space.frame(key))
  }

  /** Learns how long a key may be to fit in this space without being joined with its prefix. */
  #look(space: Space): void {
    this.#space = space
    const plain = space.plain && typeof this.#policy === 'string' && !ODD_CHARACTER.test(space.prefix)
    // The longest version has 16 digits, and there are two colons.
    this.#surelyShort = plain ? SURELY_SHORT - 18 - space.prefix.length : 0
  }

  #checkStorageKey(policy: Exclude<KeyPolicy, 'any'>, storageKey: string): void {
    if (typeof policy === 'function') {
      policy(storageKey)
      return
    }
    const fault = keyFault(storageKey)
    if (fault === undefined) return
    if (policy === 'strict') throw new InvalidKeyError('INVALID_KEY', fault)
    if (named.has(storageKey)) return
    if (this.#named >= MOST_WARNINGS) {
      this.unnamed++
      return
    }
    this.#named++
    named.add(storageKey)
    process.emitWarning(fault, { type: 'CacheKeyWarning', code: 'CACHE_KEY_WARNING' })
  }
}
