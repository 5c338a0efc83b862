/** The options of `memcached()`, checked and settled before anything is connected. */
import type { ConnectionOptions } from 'node:tls'
import { argumentError } from '../../core/errors.ts'
import { checkInteger, checkOptions, checkWord, kindOf } from '../../core/options.ts'
import type { ClientOptions, ModulaHash, ServerOptions } from './client/index.ts'

export interface MemcachedOptions {
  /**
   * `host:port`, `host`, `[v6]:port` or `unix:/path`: one, several in a string split at `,` or `;`, or a list, where
   * `{ host, port, weight }` gives weights. Or a URL, `memcached://user:password@host:port;host?protocol=text`. Default
   * `127.0.0.1:11211`.
   */
  servers?: string | readonly (string | ServerOptions)[]
  /** `'meta'` (default; memcached 1.6.10 and later), `'text'` for older servers, `'binary'` for services that want SASL. */
  protocol?: 'meta' | 'text' | 'binary'
  /** Which server a key rests on: `'ketama'` (default, libmemcached's), `'modula'`, `'rendezvous'` (pymemcache's). */
  distribution?: 'ketama' | 'modula' | 'rendezvous'
  /** Of `'modula'`: `'crc'` (default, python-memcached's and newcache's), `'md5'`, `'fnv1a'`, `'jenkins'`. */
  hash?: ModulaHash
  /** While a server is down its keys move to the others. `false` by default: they are misses until it is back. */
  ejectDead?: boolean
  /** For `memcached -Y`, or SASL PLAIN with `protocol: 'binary'`. */
  username?: string
  password?: string
  /** `true`, or the options of Node's `tls.connect`. */
  tls?: boolean | ConnectionOptions
  /**
   * `'epoch'`: `clear()` writes a mark that travels with every read, and what was made before it is a miss. Without it `clear()` is
   * refused, since Memcached cannot list its keys. Meta protocol only.
   */
  clear?: 'epoch'
  /** How long one operation may take, in milliseconds; 250 by default. */
  opTimeout?: number
  /** How long it may take to connect, in milliseconds; 500 by default. */
  connectTimeout?: number
  /** So many operations may be under way at once; the next fails immediately. 1,024 by default. */
  maxInFlight?: number
}

export interface MemcachedSettings {
  readonly client: ClientOptions
  readonly protocol: 'meta' | 'text' | 'binary'
  readonly epochs: boolean
  readonly opTimeout: number
  readonly maxInFlight: number
}

const NAMES = [
  'servers',
  'protocol',
  'distribution',
  'hash',
  'ejectDead',
  'username',
  'password',
  'tls',
  'clear',
  'opTimeout',
  'connectTimeout',
  'maxInFlight',
]

/** The server says what is too large; this only bounds what a faulty one may announce. */
const MOST_BYTES = 256 * 1024 * 1024

/** An operation is up to so many commands at once. */
const COMMANDS = 4

export function settleOptions(options: MemcachedOptions): MemcachedSettings {
  checkOptions('memcached()', options, NAMES)
  const given: MemcachedOptions = isUrl(options.servers)
    ? { ...options, ...parseUrl(options.servers) }
    : options
  for (const name of ['username', 'password'] as const) {
    if (given[name] !== undefined && typeof given[name] !== 'string') {
      throw refused(`${name} must be a string, not ${kindOf(given[name])}`)
    }
  }
  const { protocol = 'meta', distribution = 'ketama', hash, clear, ejectDead = false } = given
  checkWord('protocol', protocol, ['meta', 'text', 'binary'])
  checkWord('distribution', distribution, ['ketama', 'modula', 'rendezvous'])
  if (hash !== undefined) checkWord('hash', hash, ['crc', 'md5', 'fnv1a', 'jenkins'])
  if (clear !== undefined) checkWord('clear', clear, ['epoch'])
  const epochs = clear !== undefined
  if (epochs && protocol !== 'meta') throw refused("clear: 'epoch' needs protocol: 'meta'")
  if (epochs && ejectDead) {
    throw refused("clear: 'epoch' does not go with ejectDead: the marks do not move as the keys do")
  }
  const opTimeout = checkInteger('opTimeout', given.opTimeout ?? 250, 1, 60_000)
  const connectTimeout = checkInteger('connectTimeout', given.connectTimeout ?? 500, 1, 60_000)
  const maxInFlight = checkInteger('maxInFlight', given.maxInFlight ?? 1_024, 1, 1_000_000)
  const { servers, username, password, tls } = given
  return {
    protocol,
    epochs,
    opTimeout,
    maxInFlight,
    client: {
      servers,
      protocol,
      distribution,
      hash,
      ejectDead,
      username,
      password,
      tls,
      timeout: opTimeout,
      connectTimeout,
      maxPending: maxInFlight * COMMANDS,
      maxValueBytes: MOST_BYTES,
    },
  }
}

const SCHEME = /^memcacheds?:\/\//

function isUrl(servers: MemcachedOptions['servers']): servers is string {
  return typeof servers === 'string' && SCHEME.test(servers)
}

/** `memcached://user:password@host:port;host?protocol=text`; with `memcacheds:` by TLS. */
function parseUrl(url: string): MemcachedOptions {
  const [where = '', query = ''] = url.replace(SCHEME, '').split('?', 2)
  const at = where.lastIndexOf('@')
  const login = at < 0 ? {} : loginOf(where.slice(0, at))
  const found: MemcachedOptions = { ...login, servers: where.slice(at + 1).replace(/\/$/, '') }
  if (url.startsWith('memcacheds:')) found.tls = true
  for (const [name, value] of new URLSearchParams(query)) {
    if (name === 'binary') {
      // A word, not whether there is one: `binary=false` is no.
      if (flag(name, value)) found.protocol = 'binary'
    } else if (name === 'protocol') found.protocol = checkWord(name, value, ['meta', 'text', 'binary'])
    else if (name === 'distribution') {
      found.distribution = checkWord(name, value, ['ketama', 'modula', 'rendezvous'])
    } else if (name === 'hash') found.hash = checkWord(name, value, ['crc', 'md5', 'fnv1a', 'jenkins'])
    else if (name === 'tls') found.tls = flag(name, value)
    else {
      const known = 'protocol, binary, distribution, hash and tls'
      throw refused(
        `servers: no such part of a URL: ${JSON.stringify(name.slice(0, 40))}; there are ${known}`,
      )
    }
  }
  return found
}

function loginOf(text: string): { username: string; password: string } {
  const colon = text.indexOf(':')
  if (colon < 0) throw refused('servers: a URL with a user name needs a password too')
  try {
    return {
      username: decodeURIComponent(text.slice(0, colon)),
      password: decodeURIComponent(text.slice(colon + 1)),
    }
  } catch {
    throw refused('servers: user name and password in a URL are percent-encoded')
  }
}

function flag(name: string, value: string): boolean {
  if (/^(true|1|yes|on)$/i.test(value)) return true
  if (/^(false|0|no|off)?$/i.test(value)) return false
  throw refused(`servers: ${name} in a URL is true or false`)
}

function refused(why: string): Error {
  return argumentError(TypeError, 'INVALID_OPTION', `memcached(): ${why}`)
}
