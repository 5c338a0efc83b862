/** Memcached, one server or several, by a client of our own. Nothing is connected before the first verb. */
import { MemcachedBackend } from './backend.ts'
import { type MemcachedOptions, settleOptions } from './options.ts'

export type { MemcachedBackend } from './backend.ts'
export type { MemcachedOptions } from './options.ts'

/**
 * Keeps entries in Memcached. An end is kept to the second, fractions rounded up; whole numbers are counted by the server itself, from 0
 * up to 2^53 - 1: below zero is a `RangeError` here and nowhere else. `clear()` needs `clear: 'epoch'`.
 *
 * @example
 * memcached()
 * memcached({ servers: 'a.example,b.example:11212' })
 * memcached({ servers: [{ host: 'a.example', weight: 2 }, 'unix:/run/memcached.sock'], clear: 'epoch' })
 * memcached({ servers: 'cache.example', protocol: 'binary', username, password })
 *
 * @throws TypeError or RangeError, with a `code`, for options that cannot be meant; never showing a password.
 */
export function memcached(options: MemcachedOptions = {}): MemcachedBackend {
  return new MemcachedBackend(settleOptions(options))
}
