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
  /**
   * Shows operators what rests there: the beginning of the key stands behind the digest, `flavor-version-digest-games`. At most 60
   * characters, what is no letter, digit or one of `._:/` becomes `_`, and the whole stays within 250 bytes. Off by default, since
   * it puts what may be private into the names of a store.
   */
  readableTail?: boolean
}

const DIGITS = { sha256: 64, sha1: 40, md5: 32 } as const

/** What every store takes, Memcached being the narrowest. */
const MOST_BYTES = 250
const MOST_TAIL = 60

/**
 * A `keyFunction` that keeps any key: `flavor-version-digest`, with the cache's `keyPrefix` in front when it has one.
 *
 * @example
 * createCaches({ default: { backend: memory(), keyFunction: hashedKeys({ flavor: 'staging' }) } })
 */
export function hashedKeys(options: HashedKeysOptions = {}): KeyFunction {
  checkOptions('hashedKeys()', options, ['flavor', 'hash', 'readableTail'])
  const { flavor = '', readableTail = false } = options
  if (typeof flavor !== 'string') {
    throw argumentError(TypeError, 'INVALID_OPTION', `flavor must be a string, not ${kindOf(flavor)}`)
  }
  if (typeof readableTail !== 'boolean') {
    throw argumentError(
      TypeError,
      'INVALID_OPTION',
      `readableTail must be true or false, not ${kindOf(readableTail)}`,
    )
  }
  const hash = checkWord('hash', options.hash ?? 'sha256', ['sha256', 'sha1', 'md5'])
  const ownPrefix = (prefix: string) => `${[prefix, flavor].filter((part) => part !== '').join('-')}-`
  // With or without a tail: turning it on must not keep `clear` from what was made before.
  const rest = new RegExp(`^\\d+-[0-9a-f]{${DIGITS[hash]}}(-[\\w.:/]{1,${MOST_TAIL}})?$`)
  const keys: KeyFunction = (key, prefix, version) => {
    const digested = `${ownPrefix(prefix)}${version}-${createHash(hash).update(bytesOf(key)).digest('hex')}`
    return readableTail ? digested + tailOf(key, MOST_BYTES - Buffer.byteLength(digested)) : digested
  }
  keys.ownPrefix = ownPrefix
  keys.owns = (storageKey, prefix) => {
    const start = ownPrefix(prefix)
    return storageKey.startsWith(start) && rest.test(storageKey.slice(start.length))
  }
  return keys
}

/** The digest alone says which key it is; this is for reading. */
function tailOf(key: string, room: number): string {
  const most = Math.max(0, Math.min(MOST_TAIL, room - 1))
  const readable = key.slice(0, most).replace(/[^\w.:/]/g, '_')
  return readable === '' ? '' : `-${readable}`
}

/** UTF-8, as newcache hashes; half a surrogate pair, which UTF-8 cannot say, in UTF-16 and so as nothing else. */
function bytesOf(key: string): Buffer {
  return key.isWellFormed()
    ? Buffer.from(key, 'utf8')
    : Buffer.concat([Buffer.from([0xff]), Buffer.from(key, 'utf16le')])
}
