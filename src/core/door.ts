/**
 * The door: keys, options and times of a call, checked and settled. What comes in is `unknown` until it has passed here; what goes
 * further in is a space, a ttl in milliseconds, a value that may be kept.
 */
import type { Space } from './backend.ts'
import type { GetOptions, SetOptions, VersionOption } from './cache.ts'
import { argumentError, SerializeError } from './errors.ts'
import { checkOptions, isRecord, kindOf } from './options.ts'
import type { Settings } from './settings.ts'
import { durationToMs, type Ttl, ttlToMs } from './values/expiry.ts'
import { checkKey, KeyCheck } from './values/key.ts'
import { checkVersion } from './values/space.ts'

/** Spaces of other versions than the cache's own are made anew beyond so many. */
const MOST_SPACES = 100

/** Where a write goes and until when, settled. */
export interface Write {
  readonly space: Space
  readonly ttl: number
  readonly staleFor: number
}

export class Door {
  /** The space of the cache's own version. */
  readonly space: Space
  readonly #settings: Settings
  readonly #spaces = new Map<number, Space>()
  readonly #plainWrite: Write
  readonly #keys: KeyCheck

  constructor(settings: Settings) {
    this.#settings = settings
    this.space = settings.space(settings.version)
    this.#plainWrite = { space: this.space, ttl: settings.ttl, staleFor: settings.make.staleFor }
    this.#keys = new KeyCheck(settings.keys)
  }

  get unnamedKeys(): number {
    return this.#keys.unnamed
  }

  /** Of a read, before the backend is asked: what may be refused is. A key that only earns a warning waits for `missed`. */
  asked(space: Space, key: string): void {
    if (this.#keys.refuses) this.#keys.check(space, key)
  }

  /** Of a read that found nothing. A key that was found was valid when it was stored: only here is it looked at. */
  missed(space: Space, key: string): void {
    if (!this.#keys.refuses) this.#keys.check(space, key)
  }

  checkKey(space: Space, key: string): void {
    checkKey(key)
    this.#keys.check(space, key)
  }

  keyed(where: string, key: string, options: VersionOption | undefined, known: readonly string[]): Space {
    checkKey(key)
    const space = options === undefined ? this.space : this.readSpace(where, options, known)
    this.#keys.check(space, key)
    return space
  }

  readSpace(where: string, options: GetOptions, known: readonly string[]): Space {
    if (where === 'get()' && (typeof options !== 'object' || options === null)) {
      throw argumentError(
        TypeError,
        'INVALID_OPTIONS',
        `get(): the second argument is an object of options, not ${kindOf(options)}: a default is { default: … }`,
      )
    }
    checkOptions(where, options, known)
    const { stale } = options
    if (stale !== undefined && typeof stale !== 'boolean') throw notBoolean('stale', stale)
    return options.version === undefined ? this.space : this.spaceOf(options.version)
  }

  write(where: string, third: Ttl | SetOptions | undefined, known: readonly string[]): Write {
    if (third === undefined) return this.#plainWrite
    if (typeof third !== 'object' || third === null) {
      return { space: this.space, ttl: ttlToMs(`${where}: ttl`, third), staleFor: this.#plainWrite.staleFor }
    }
    checkOptions(where, third, known)
    const { ttl, version, staleFor } = third
    return {
      space: version === undefined ? this.space : this.spaceOf(version),
      ttl: ttl === undefined ? this.#settings.ttl : ttlToMs(`${where}: ttl`, ttl),
      staleFor:
        staleFor === undefined ? this.#plainWrite.staleFor : durationToMs(`${where}: staleFor`, staleFor),
    }
  }

  spaceOf(version: number): Space {
    const known = version === this.space.version ? this.space : this.#spaces.get(version)
    if (known) return known
    const space = this.#settings.space(checkVersion(version))
    if (this.#spaces.size < MOST_SPACES) this.#spaces.set(version, space)
    return space
  }
}

export function checkValue(value: unknown): void {
  if (value === undefined) {
    throw argumentError(
      TypeError,
      'INVALID_VALUE',
      'value must not be undefined: undefined means missing; null is a value',
    )
  }
  if ((typeof value !== 'object' && typeof value !== 'function') || value === null) return
  let thenable: boolean
  try {
    thenable = typeof (value as { then?: unknown }).then === 'function'
  } catch (cause) {
    throw new SerializeError('value', 'an object that cannot be read', { cause })
  }
  if (thenable) {
    throw argumentError(
      TypeError,
      'INVALID_VALUE',
      'value is a promise: await it, or pass a function to getOrSet()',
    )
  }
}

export function checkKeys(where: string, keys: unknown): string[] {
  if (!isIterable(keys)) {
    throw argumentError(
      TypeError,
      'INVALID_KEYS',
      `${where}: keys must be an array or another iterable of keys, not ${kindOf(keys)}`,
    )
  }
  const all = new Set<string>()
  for (const key of keys) {
    checkKey(key)
    all.add(key)
  }
  return [...all]
}

export function checkEntries(entries: unknown): Iterable<readonly [string, unknown]> {
  if (!isIterable(entries)) {
    if (isRecord(entries)) return Object.entries(entries)
    throw argumentError(
      TypeError,
      'INVALID_ENTRIES',
      `setMany(): entries must be an object, a Map or pairs, not ${kindOf(entries)}`,
    )
  }
  const pairs: [string, unknown][] = []
  for (const pair of entries) {
    if (!Array.isArray(pair) || pair.length !== 2) {
      throw argumentError(TypeError, 'INVALID_ENTRIES', 'setMany(): every entry must be a pair [key, value]')
    }
    pairs.push([pair[0], pair[1]])
  }
  return pairs
}

function isIterable(value: unknown): value is Iterable<unknown> {
  try {
    // Of a boxed string the keys would be its characters.
    return (
      typeof value === 'object' && value !== null && !(value instanceof String) && Symbol.iterator in value
    )
  } catch {
    return false
  }
}

export function checkedObject<T extends object>(where: string, options: T): T {
  if (typeof options === 'object' && options !== null) return options
  throw argumentError(
    TypeError,
    'INVALID_OPTIONS',
    `${where}: options must be an object, not ${kindOf(options)}`,
  )
}

export function notBoolean(name: string, value: unknown): Error {
  return argumentError(TypeError, 'INVALID_OPTION', `${name} must be true or false, not ${kindOf(value)}`)
}
