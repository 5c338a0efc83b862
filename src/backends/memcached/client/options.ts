/** The options of a client, checked and completed once; what is left is frozen. */
import type { ConnectionOptions } from 'node:tls'
import { argumentError, type MemcachedError } from './errors.ts'
import type { ModulaHash } from './modula.ts'
import { type Address, parseServers, type ServerOptions } from './servers.ts'
import type { Credentials } from './verbs.ts'

export interface ClientOptions {
  /**
   * `host:port`, `host`, `[v6]:port`, `unix:/path`: one, several in a string split at `,` or `;`, or a list, where
   * `{ host, port, weight }` gives weights. Default `127.0.0.1:11211`.
   */
  servers?: string | readonly (string | ServerOptions)[]
  /** Default `meta` (memcached 1.6.10 and later). `text` for older servers, `binary` for services that need SASL. */
  protocol?: 'meta' | 'text' | 'binary'
  /**
   * Which server a key rests on. Default `ketama`, as libmemcached's weighted one; `modula` is `hash(key) % servers`;
   * `rendezvous` is pymemcache's.
   */
  distribution?: 'ketama' | 'modula' | 'rendezvous'
  /** Of `modula` alone. Default `crc`, python-memcached's and newcache's. */
  hash?: ModulaHash
  /** Takes a server out of the distribution while it is down, so that its keys move to the others. Default `false`. */
  ejectDead?: boolean
  /** How long an operation may take, waiting included, in milliseconds. Default 250. */
  timeout?: number
  /** How long connecting may take, login included, in milliseconds. Default 500. */
  connectTimeout?: number
  /**
   * The first attempt to connect again comes within so many milliseconds, at random, the next ones twice as far apart
   * each. Default 750, which keeps any 100 ms below a fifth of them.
   */
  reconnectDelay?: number
  /** The furthest apart, in milliseconds. Default 1000. */
  maxReconnectDelay?: number
  /** Commands under way and waiting, a server; one more is refused at once. A call of many keys is one. Default 1024. */
  maxPending?: number
  /** Bytes of values that wait to be stored, a server. Default 64 MiB. */
  maxPendingBytes?: number
  /** The largest value, to store and to read. Default 1 MiB, as the server's `-I`. */
  maxValueBytes?: number
  /** `true`, or options of `tls.connect`. */
  tls?: boolean | ConnectionOptions
  /** For `memcached -Y` (meta and text), or SASL PLAIN (binary). */
  username?: string
  password?: string
  /** Told when a server begins to answer and when it stops; what it does first on `up` is sent before anything else. */
  onState?: (server: string, state: 'up' | 'down', error?: MemcachedError) => void
}

/** What is left of them. */
export interface Settings {
  readonly servers: readonly Address[]
  readonly protocol: 'meta' | 'text' | 'binary'
  readonly distribution: 'ketama' | 'modula' | 'rendezvous'
  readonly hash: ModulaHash
  readonly ejectDead: boolean
  readonly timeout: number
  readonly connectTimeout: number
  readonly reconnectDelay: number
  readonly maxReconnectDelay: number
  readonly maxPending: number
  readonly maxPendingBytes: number
  readonly maxValueBytes: number
  readonly tls: ConnectionOptions | undefined
  readonly credentials: Credentials | undefined
  readonly onState: NonNullable<ClientOptions['onState']> | undefined
}

const CHOICES = {
  protocol: ['meta', 'text', 'binary'],
  distribution: ['ketama', 'modula', 'rendezvous'],
  hash: ['crc', 'md5', 'fnv1a', 'jenkins'],
} as const

/** Default, smallest and largest. A timer of Node holds 31 bits. */
const NUMBERS = {
  timeout: [250, 1, 2 ** 31 - 1],
  connectTimeout: [500, 1, 2 ** 31 - 1],
  reconnectDelay: [750, 0, 2 ** 30],
  maxReconnectDelay: [1000, 1, 2 ** 30],
  maxPending: [1024, 1, Number.MAX_SAFE_INTEGER],
  maxPendingBytes: [64 * 1024 * 1024, 1, Number.MAX_SAFE_INTEGER],
  maxValueBytes: [1024 * 1024, 1, 1024 * 1024 * 1024],
} as const

const NAMES = [
  'servers',
  ...Object.keys(CHOICES),
  ...Object.keys(NUMBERS),
  'ejectDead',
  'tls',
  'username',
  'password',
  'onState',
]

export function settle(options: ClientOptions = {}): Settings {
  if (typeof options !== 'object' || options === null) throw wrong(TypeError, 'options: expected an object')
  const odd = Object.keys(options).find((name) => !NAMES.includes(name))
  if (odd !== undefined) {
    throw wrong(TypeError, `no such option ${JSON.stringify(odd)}; there are ${NAMES.join(', ')}`)
  }
  const { ejectDead = false, tls = false, onState, hash } = options
  if (typeof ejectDead !== 'boolean') throw wrong(TypeError, 'ejectDead: true or false')
  if (typeof tls !== 'boolean' && (typeof tls !== 'object' || tls === null)) {
    throw wrong(TypeError, 'tls: true, false or the options of tls.connect')
  }
  if (onState !== undefined && typeof onState !== 'function') throw wrong(TypeError, 'onState: a function')
  const distribution = choice('distribution', options.distribution)
  if (hash !== undefined && distribution !== 'modula') {
    throw wrong(TypeError, "hash: only with distribution: 'modula'; the others have their own")
  }
  const protocol = choice('protocol', options.protocol)
  return Object.freeze({
    servers: parseServers(options.servers ?? '127.0.0.1'),
    protocol,
    distribution,
    hash: choice('hash', hash),
    ejectDead,
    timeout: number('timeout', options.timeout),
    connectTimeout: number('connectTimeout', options.connectTimeout),
    reconnectDelay: number('reconnectDelay', options.reconnectDelay),
    maxReconnectDelay: number('maxReconnectDelay', options.maxReconnectDelay),
    maxPending: number('maxPending', options.maxPending),
    maxPendingBytes: number('maxPendingBytes', options.maxPendingBytes),
    maxValueBytes: number('maxValueBytes', options.maxValueBytes),
    tls: tls === true ? {} : tls === false ? undefined : tls,
    credentials: credentialsOf(options, protocol),
    onState,
  })
}

function choice<Name extends keyof typeof CHOICES>(
  name: Name,
  chosen: (typeof CHOICES)[Name][number] | undefined,
): (typeof CHOICES)[Name][number] {
  const choices: readonly (typeof CHOICES)[Name][number][] = CHOICES[name]
  if (chosen === undefined) return choices[0]!
  if (!choices.includes(chosen)) throw wrong(TypeError, `${name}: one of ${choices.join(', ')}`)
  return chosen
}

function number(name: keyof typeof NUMBERS, given: number | undefined): number {
  const [usual, least, most] = NUMBERS[name]
  if (given === undefined) return usual
  if (typeof given !== 'number') throw wrong(TypeError, `${name}: a number`)
  if (!Number.isInteger(given) || given < least || given > most) {
    throw wrong(RangeError, `${name}: a whole number from ${least} to ${most}`)
  }
  return given
}

function credentialsOf(
  { username, password }: ClientOptions,
  protocol: Settings['protocol'],
): Credentials | undefined {
  if (username === undefined && password === undefined) return undefined
  for (const [name, text] of Object.entries({ username, password })) {
    // A space would end the word in one login, and a NUL in the other.
    const odd = protocol === 'binary' ? /\0/ : /[\s\0]/
    if (typeof text !== 'string' || text === '' || odd.test(text)) {
      throw wrong(
        TypeError,
        `${name}: user name and password are both needed, without spaces or control characters`,
      )
    }
  }
  return { username: username!, password: password! }
}

function wrong(kind: new (message: string) => Error, message: string): Error {
  return argumentError(kind, 'INVALID_OPTION', message)
}
