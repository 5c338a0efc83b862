/** The options of `redis()`, checked and settled before anything is connected. */
import { argumentError } from '../../core/errors.ts'
import { checkInteger, checkOptions, checkWord, kindOf } from '../../core/options.ts'
import { type Address, parseNodes, parseUrls } from './address.ts'
import { DRIVER_NAMES, type DriverName, type IoredisClient, type NodeRedisClient } from './drivers.ts'
import type { LinkOptions } from './link.ts'

/** A server of a Cluster or a Sentinel: `'host:port'`, a URL, or its parts. */
export type RedisNode = string | { host: string; port?: number }

interface Common {
  /**
   * Who answers `get`, `getMany` and `has` where there are replicas. With several `url`s they do (`'replica'`, at random);
   * with Sentinels and in a Cluster the leader does, unless this says otherwise. A replica may lag behind.
   */
  readFrom?: 'replica' | 'leader'
  /** How long one command may take, in milliseconds; 250 by default. */
  opTimeout?: number
  /** How long it may take to connect, in milliseconds; 500 by default. */
  connectTimeout?: number
  /** So many commands may be under way at once; the next fails immediately. 1,024 by default. */
  maxInFlight?: number
}

interface Own extends Common {
  /** The client library; by default ioredis where it is installed, else node-redis. */
  driver?: DriverName
  /** For the client library, as they are; not checked. */
  clientOptions?: Record<string, unknown>
  /** For servers whose URL names none. */
  username?: string
  password?: string
  /** `true`, or the options of Node's `tls.connect`. `rediss:` means it too. */
  tls?: boolean | object
}

/** One server, or a leader and its replicas. */
export interface RedisServersOptions extends Own {
  /**
   * `redis://user:password@host:6379/0`; `rediss: valkey: valkeys: unix:` or the path of a socket. One, a string with
   * `;` or `,` between, or a list: the first is the leader, the others are its replicas. Default `redis://127.0.0.1:6379`.
   */
  url?: string | readonly string[]
  /** The database, where the URL names none. */
  db?: number
}

/** A leader that Sentinels know. */
export interface RedisSentinelOptions extends Own {
  sentinels: readonly RedisNode[]
  /** The name the Sentinels watch it under. */
  name: string
  db?: number
}

/** A Cluster, by some of its nodes. */
export interface RedisClusterOptions extends Own {
  cluster: readonly RedisNode[]
}

/** The user's own client of ioredis (5, 6) or node-redis (from 5 on), single or Cluster. It is never closed by us. */
export interface RedisClientOptions extends Common {
  client: IoredisClient | NodeRedisClient
}

export type RedisOptions =
  | RedisServersOptions
  | RedisSentinelOptions
  | RedisClusterOptions
  | RedisClientOptions

/** Where the servers are. */
export type Places =
  | { kind: 'servers'; leader: Address; replicas: readonly Address[] }
  | { kind: 'sentinels'; sentinels: readonly Address[]; name: string; login: Omit<Address, 'host' | 'port'> }
  | { kind: 'cluster'; nodes: readonly Address[] }
  | { kind: 'client'; client: object }

export interface RedisSettings extends LinkOptions {
  readonly places: Places
  readonly readReplicas: boolean
  readonly driver: DriverName | undefined
  readonly clientOptions: Readonly<Record<string, unknown>>
}

const COMMON = ['readFrom', 'opTimeout', 'connectTimeout', 'maxInFlight']
const OWN = [...COMMON, 'driver', 'clientOptions', 'username', 'password', 'tls', 'db']
const WAYS = ['url', 'sentinels', 'cluster', 'client'] as const
const NAMES = [...WAYS, 'name', ...OWN]

export function settleOptions(options: RedisOptions): RedisSettings {
  checkOptions('redis()', options, NAMES)
  const given = { ...options } as Record<string, unknown>
  const ways = WAYS.filter((way) => given[way] !== undefined)
  if (ways.length > 1) throw refused(`${ways.join(' and ')} contradict each other: give one of them`)
  const way = ways[0] ?? 'url'
  for (const name of OWN) {
    const elsewhere = way === 'client' ? !COMMON.includes(name) : way === 'cluster' && name === 'db'
    if (elsewhere && given[name] !== undefined) throw refused(`${name} does not go with ${way}`)
  }
  if (given.name !== undefined && way !== 'sentinels') throw refused('name goes with sentinels only')
  const places = placesOf(way, given)
  const several = places.kind === 'servers' && places.replicas.length > 0
  const readFrom =
    given.readFrom === undefined ? undefined : checkWord('readFrom', given.readFrom, ['replica', 'leader'])
  return {
    places,
    readReplicas: readFrom ? readFrom === 'replica' : several,
    driver: given.driver === undefined ? undefined : checkWord('driver', given.driver, DRIVER_NAMES),
    clientOptions: asObject('clientOptions', given.clientOptions),
    opTimeout: checkInteger('opTimeout', given.opTimeout ?? 250, 1, 60_000),
    connectTimeout: checkInteger('connectTimeout', given.connectTimeout ?? 500, 1, 60_000),
    maxInFlight: checkInteger('maxInFlight', given.maxInFlight ?? 1_024, 1, 1_000_000),
  }
}

function placesOf(way: (typeof WAYS)[number], given: Record<string, unknown>): Places {
  const login = {
    ...text('username', given.username),
    ...text('password', given.password),
    tls:
      given.tls === undefined
        ? false
        : typeof given.tls === 'boolean'
          ? given.tls
          : asObject('tls', given.tls),
    ...(given.db !== undefined && { db: checkInteger('db', given.db, 0) }),
  }
  const own = (address: Address): Address => ({
    ...login,
    ...address,
    tls: address.tls && login.tls ? login.tls : address.tls || login.tls,
  })
  switch (way) {
    case 'url': {
      const [leader, ...replicas] = parseUrls('url', given.url ?? 'redis://127.0.0.1:6379').map(own)
      return { kind: 'servers', leader: leader!, replicas }
    }
    case 'cluster':
      return { kind: 'cluster', nodes: parseNodes('cluster', given.cluster, 6379).map(own) }
    case 'sentinels':
      if (typeof given.name !== 'string' || given.name === '') {
        throw refused('sentinels need the name that they watch the leader under: { sentinels, name }')
      }
      return {
        kind: 'sentinels',
        sentinels: parseNodes('sentinels', given.sentinels, 26379).map((one) =>
          one.tls && login.tls ? { ...one, tls: login.tls } : one,
        ),
        name: given.name,
        login,
      }
    case 'client':
      if (typeof given.client !== 'object' || given.client === null) {
        throw refused(`client must be a client of ioredis or node-redis, not ${kindOf(given.client)}`)
      }
      return { kind: 'client', client: given.client }
  }
}

function text<N extends string>(name: N, value: unknown): { [K in N]?: string } {
  if (value === undefined) return {}
  if (typeof value !== 'string') throw refused(`${name} must be a string, not ${kindOf(value)}`)
  return { [name]: value } as { [K in N]: string }
}

function asObject(name: string, value: unknown): Record<string, unknown> {
  if (value === undefined) return {}
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return { ...value }
  throw refused(`${name} must be an object, not ${kindOf(value)}`)
}

function refused(why: string): Error {
  return argumentError(TypeError, 'INVALID_OPTION', `redis(): ${why}`)
}
