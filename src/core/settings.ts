/**
 * What a cache is told, and what it makes of it: every option of a configuration and of a call, its
 * default, and the frozen settings that everything further in reads.
 */
import type { Backend, Space } from './backend.ts'
import { argumentError, ConfigError } from './errors.ts'
import { type Bytes, checkOptions, checkWord, kindOf, parseBytes } from './options.ts'
import { type Duration, durationToMs, type Ttl, ttlToMs } from './values/expiry.ts'
import type { Codec, ValueTypes } from './values/format.ts'
import type { KeyPolicy } from './values/key.ts'
import { checkPrefix, checkVersion, type KeyFunction, makeSpace } from './values/space.ts'

/** Says what type the values of an alias have: `values: values<User>()`. It does nothing at run time. */
export interface ValuesOf<V> {
  readonly values?: () => V
}

/** How loads are made and how long a value that replaces another is waited for; on a cache for all calls, or on one call. */
export interface MakeOptions {
  /** After `ttl` it may be served stale for so long (a number is **seconds**), while one refresh runs. 0 by default: fresh or nothing. */
  staleFor?: Duration
  /** With a stale value there, waits so long for a new one before it serves the stale one. 0 by default: at once. */
  softTimeout?: Duration
  /** Waits so long at most: then the stale value, or `LoadTimeoutError`. The load may still end and be kept. None by default. */
  hardTimeout?: Duration
  /**
   * Renews a value while it is still fresh: a share of its life (`0.8`: in the last fifth), or how long before its end (`'30s'`).
   * None by default.
   */
  refreshAhead?: number | Exclude<Duration, number>
  /**
   * On a backend that processes share, one of them loads a key and the others wait for it. `lease`: how long a
   * holder that died keeps it; 2 s by default. `false`: one load a process.
   */
  lock?: boolean | { lease: Duration }
}

/** The configuration of one alias. */
export interface CacheOptions<V = unknown> extends MakeOptions {
  /** Where entries rest: `memory()`, `object()`, `file({ directory })`, `dummy()`, … or one of your own. */
  backend: Backend
  /** How long a value is kept when a call does not say; 300 seconds by default. */
  ttl?: Ttl
  /** Stands in front of every key; `''` by default. */
  keyPrefix?: string
  /** Stands between prefix and key, a whole number from 0 on; 1 by default. */
  version?: number
  /** Makes the storage key instead of `prefix:version:key`. */
  keyFunction?: KeyFunction
  /** What to do about keys that classic Memcached could not carry; `'warn'` by default. */
  keys?: KeyPolicy
  /** Replaces how values become bytes, on backends that hold bytes. */
  codec?: Codec
  /** Classes whose instances may be kept, by a name that travels with them. */
  types?: ValueTypes
  /** Values larger than this are not kept: `set` is `false`. 1 MiB by default. */
  maxValueBytes?: Bytes
  /** Compresses values at write, on backends that hold bytes. */
  compress?: 'auto' | 'none'
  /** A backend that fails: a miss, a `false` and an event (`'miss'`, by default), or a `BackendError`. */
  onBackendError?: 'miss' | 'throw'
  /**
   * While the backend is known to be down, an answer of `getOrSet` is held in the process for so long; 1 s by default, 0 for not at
   * all.
   */
  outageHold?: Duration
  /** The type of the values, for the compiler alone. */
  values?: ValuesOf<V>
}

const MAKE_OPTIONS = ['staleFor', 'softTimeout', 'hardTimeout', 'refreshAhead', 'lock'] as const
const CACHE_OPTIONS = [
  'backend',
  'ttl',
  'keyPrefix',
  'version',
  'keyFunction',
  'keys',
  'codec',
  'types',
  'maxValueBytes',
  'compress',
  'onBackendError',
  'outageHold',
  'values',
  ...MAKE_OPTIONS,
] as const

/** How a value is made, settled: milliseconds. */
export interface MakeSettings {
  readonly staleFor: number
  readonly softTimeout: number
  readonly hardTimeout: number | undefined
  /** How old a value of that ttl is when a refresh begins ahead of its end; `undefined`: none does. */
  readonly refreshAhead: number | undefined
  readonly lease: number | undefined
}

/** The settings of one cache, checked and frozen. */
export interface Settings {
  readonly alias: string
  readonly backend: Backend
  readonly ttl: number
  readonly version: number
  readonly keys: KeyPolicy
  readonly codec: Codec | undefined
  readonly types: ValueTypes | undefined
  readonly maxValueBytes: number
  readonly compress: 'auto' | 'none' | undefined
  readonly onBackendError: 'miss' | 'throw'
  /** Milliseconds. */
  readonly outageHold: number
  readonly make: MakeSettings
  space(version: number): Space
}

const DEFAULT_TTL = 300_000
const DEFAULT_LEASE = 2_000
const DEFAULT_MAX_VALUE_BYTES = 1024 ** 2

/** Checks the configuration of an alias. Every fault is found here, before anything is opened. */
export function settle(alias: string, options: CacheOptions): Settings {
  const where = `createCaches(): ${alias}`
  checkOptions(where, options, CACHE_OPTIONS)
  const { keyFunction } = options
  if (keyFunction !== undefined && typeof keyFunction !== 'function') {
    throw argumentError(
      TypeError,
      'INVALID_OPTION',
      `${where}: keyFunction must be a function, not ${kindOf(keyFunction)}`,
    )
  }
  const keys = options.keys ?? (options.backend?.anyKey ? 'any' : 'warn')
  if (typeof keys !== 'function') checkWord(`${where}: keys`, keys, ['warn', 'strict', 'any'])
  checkCodec(where, options.codec)
  const prefix = checkPrefix(options.keyPrefix ?? '')
  return Object.freeze({
    alias,
    backend: checkBackend(where, options.backend),
    ttl: options.ttl === undefined ? DEFAULT_TTL : ttlToMs(`${where}: ttl`, options.ttl),
    version: checkVersion(options.version ?? 1),
    keys,
    codec: options.codec,
    types: options.types,
    maxValueBytes:
      options.maxValueBytes === undefined
        ? DEFAULT_MAX_VALUE_BYTES
        : parseBytes(`${where}: maxValueBytes`, options.maxValueBytes),
    compress:
      options.compress === undefined
        ? undefined
        : checkWord(`${where}: compress`, options.compress, ['auto', 'none']),
    onBackendError: checkWord(`${where}: onBackendError`, options.onBackendError ?? 'miss', [
      'miss',
      'throw',
    ]),
    outageHold: durationToMs(`${where}: outageHold`, options.outageHold ?? 1),
    make: settleMake(options, {
      staleFor: 0,
      softTimeout: 0,
      hardTimeout: undefined,
      refreshAhead: undefined,
      lease: DEFAULT_LEASE,
    }),
    space: (version: number) => makeSpace(prefix, version, keyFunction),
  })
}

/** The options of one call over those of its cache. */
export function settleMake(options: MakeOptions, base: MakeSettings): MakeSettings {
  const { staleFor, softTimeout, hardTimeout, refreshAhead, lock } = options
  if (
    staleFor === undefined &&
    softTimeout === undefined &&
    hardTimeout === undefined &&
    refreshAhead === undefined &&
    lock === undefined
  ) {
    return base
  }
  return {
    staleFor: staleFor === undefined ? base.staleFor : durationToMs('staleFor', staleFor),
    softTimeout: softTimeout === undefined ? base.softTimeout : durationToMs('softTimeout', softTimeout),
    hardTimeout: hardTimeout === undefined ? base.hardTimeout : durationToMs('hardTimeout', hardTimeout),
    refreshAhead: refreshAhead === undefined ? base.refreshAhead : checkAhead(refreshAhead),
    lease: lock === undefined ? base.lease : leaseOf(lock),
  }
}

export const MAKE_OPTION_NAMES: readonly string[] = MAKE_OPTIONS

/** A share below 1 stays one; a time before the end is kept negative, so that both are one number. */
function checkAhead(refreshAhead: unknown): number {
  if (typeof refreshAhead === 'string') return -durationToMs('refreshAhead', refreshAhead)
  if (typeof refreshAhead === 'number' && refreshAhead > 0 && refreshAhead < 1) return refreshAhead
  throw argumentError(
    typeof refreshAhead === 'number' ? RangeError : TypeError,
    'INVALID_OPTION',
    "refreshAhead must be a share of the ttl between 0 and 1, such as 0.8, or a time before its end, such as '30s'",
  )
}

function leaseOf(lock: unknown): number | undefined {
  if (lock === false) return undefined
  if (lock === true) return DEFAULT_LEASE
  checkOptions('lock', lock, ['lease'])
  const lease = durationToMs('lock.lease', (lock as { lease: unknown }).lease)
  if (lease >= 100) return lease
  throw argumentError(RangeError, 'INVALID_OPTION', "lock.lease must be at least '100ms'")
}

const METHODS = ['get', 'set', 'add', 'touch', 'delete', 'incr', 'clear', 'close'] as const
const NETWORK_METHODS = ['getMany', 'setMany', 'deleteMany', 'peek', 'replace'] as const
const CLAIM_METHODS = ['claim', 'extend', 'fill', 'release'] as const

function checkBackend(where: string, backend: unknown): Backend {
  const invalid = (why: string) =>
    new ConfigError('INVALID_BACKEND', `${where}: backend ${why}: give what a factory made, such as memory()`)
  if (typeof backend === 'function') throw invalid('is a function')
  if (typeof backend !== 'object' || backend === null)
    throw invalid(`must be an object, not ${kindOf(backend)}`)
  const has = backend as Partial<Backend>
  const must = [...METHODS, ...(has.shared ? CLAIM_METHODS : []), ...(has.network ? NETWORK_METHODS : [])]
  const missing = must.filter((name) => typeof has[name] !== 'function')
  if (missing.length > 0) throw invalid(`has no ${missing.join(', ')}`)
  if (has.holds !== 'bytes' && has.holds !== 'values')
    throw invalid("must say what it holds: 'bytes' or 'values'")
  return backend as Backend
}

function checkCodec(where: string, codec: unknown): void {
  if (codec === undefined) return
  const { encode, decode } = (codec ?? {}) as Partial<Codec>
  if (typeof encode === 'function' && typeof decode === 'function') return
  throw argumentError(TypeError, 'INVALID_OPTION', `${where}: codec must be an object with encode and decode`)
}
