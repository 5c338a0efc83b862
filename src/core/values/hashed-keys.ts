/**
 * newcache's keys: `flavor-version-digest`. Any key of any length and character fits any store, a
 * flavor keeps development, staging and production apart on one server, and a new version leaves
 * all old entries behind.
 */
import { createHash } from 'node:crypto'
import { argumentError } from '../errors.ts'
import { checkOptions, checkWord, kindOf } from '../options.ts'
import type { KeyFunction } from './space.ts'

export interface HashedKeysOptions {
  /** Stands in front of every key: the environment or application. `''` by default. */
  flavor?: string
  /** `'sha256'` by default; `'sha1'` is newcache's, `'md5'` its first release's. */
  hash?: 'sha256' | 'sha1' | 'md5'
}

const DIGITS = { sha256: 64, sha1: 40, md5: 32 } as const

/**
 * A `keyFunction` that keeps any key: `flavor-version-digest`, with the cache's `keyPrefix` in front when it has one.
 *
 * @example
 * createCaches({ default: { backend: memory(), keyFunction: hashedKeys({ flavor: 'staging' }) } })
 */
export function hashedKeys(options: HashedKeysOptions = {}): KeyFunction {
  checkOptions('hashedKeys()', options, ['flavor', 'hash'])
  const { flavor = '' } = options
  if (typeof flavor !== 'string') {
    throw argumentError(TypeError, 'INVALID_OPTION', `flavor must be a string, not ${kindOf(flavor)}`)
  }
  const hash = checkWord('hash', options.hash ?? 'sha256', ['sha256', 'sha1', 'md5'])
  const ownPrefix = (prefix: string) => `${[prefix, flavor].filter((part) => part !== '').join('-')}-`
  const tail = new RegExp(`^\\d+-[0-9a-f]{${DIGITS[hash]}}$`)
  const keys: KeyFunction = (key, prefix, version) =>
    `${ownPrefix(prefix)}${version}-${createHash(hash).update(bytesOf(key)).digest('hex')}`
  keys.ownPrefix = ownPrefix
  keys.owns = (storageKey, prefix) => {
    const start = ownPrefix(prefix)
    return storageKey.startsWith(start) && tail.test(storageKey.slice(start.length))
  }
  return keys
}

/** UTF-8, as newcache hashes; half a surrogate pair, which UTF-8 cannot say, in UTF-16 and so as nothing else. */
function bytesOf(key: string): Buffer {
  return key.isWellFormed()
    ? Buffer.from(key, 'utf8')
    : Buffer.concat([Buffer.from([0xff]), Buffer.from(key, 'utf16le')])
}
