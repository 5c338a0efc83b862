/**
 * The main door: the registry, the backends that need nothing, errors and types.
 *
 * @example
 * import { createCaches, memory } from 'stillwarm'
 *
 * const caches = createCaches({ default: { backend: memory(), ttl: '5m' } })
 * const user = await caches.default.getOrSet('user:42', () => loadUser(42))
 */
import { dummy } from './backends/dummy.ts'
import { file } from './backends/file/file.ts'
import { memory } from './backends/memory.ts'
import { object } from './backends/object.ts'
import { jsonCodec } from './codecs/default.ts'
import {
  type Caches,
  type CachesConfig,
  makeCaches,
  type Registry,
  type RegistryOptions,
} from './core/caches.ts'
import type { Settings, ValuesOf } from './core/settings.ts'
import { makeFormat } from './core/values/encoding.ts'

/**
 * Makes caches of a configuration: alias → `{ backend, ttl, keyPrefix, version, … }`. Nothing is opened before
 * its first use. Without a configuration there is one cache, `default`, on `memory()`.
 *
 * @throws ConfigError `NO_DEFAULT_CACHE`, `RESERVED_ALIAS`, `INVALID_BACKEND`; TypeError or RangeError for a wrong option.
 */
export function createCaches(): Caches<{ default: { backend: ReturnType<typeof memory> } }>
export function createCaches<const C extends CachesConfig>(config: C, options?: RegistryOptions): Caches<C>
export function createCaches(
  config: CachesConfig = { default: { backend: memory() } },
  options: RegistryOptions = {},
): Registry {
  return makeCaches(config, options, formatOf)
}

function formatOf({ codec, types, compress, maxValueBytes }: Settings) {
  return makeFormat({ codec: codec ?? jsonCodec({ types }), compress, maxValueBytes })
}

/** Says what type the values of an alias have, for the compiler alone: `{ backend: memory(), values: values<User>() }`. */
export function values<V>(): ValuesOf<V> {
  return {}
}

export type { Backend, Claimed, Host, Kept, Space } from './core/backend.ts'
export type { Bus, BusListener } from './core/bus.ts'
export type {
  Cache,
  ClearOptions,
  Entries,
  GetOptions,
  GetOrSetOptions,
  IncrOptions,
  Inspection,
  SetOptions,
  SyncCache,
  VersionOption,
  WriteOptions,
} from './core/cache.ts'
export type { Caches, CachesConfig, Registry, RegistryOptions } from './core/caches.ts'
export {
  type CheckContext,
  type CheckMessage,
  type CheckOptions,
  checkCaches,
  type Finding,
  type PublicDir,
} from './core/check.ts'
export type { Clock } from './core/clock.ts'
export {
  argumentError,
  BackendError,
  CacheError,
  ClosedError,
  ConfigError,
  DeadlockError,
  InvalidKeyError,
  KeyNotFoundError,
  LoadTimeoutError,
  NotSupportedError,
  notANumber,
  SerializeError,
  UnavailableError,
  UnknownCacheError,
} from './core/errors.ts'
export type { Load, LoadContext, Loaded } from './core/making/load.ts'
export type { CacheEvent, EventType, Listener } from './core/seeing/events.ts'
export type { Stats } from './core/seeing/observe.ts'
export type { CacheOptions, MakeOptions, ValuesOf } from './core/settings.ts'
export { isGraced, type Stored } from './core/values/entry.ts'
export type { Duration, Freshness, Ttl } from './core/values/expiry.ts'
export type { Codec, ValueType } from './core/values/format.ts'
export { type HashedKeysOptions, hashedKeys } from './core/values/hashed-keys.ts'
export type { KeyPolicy } from './core/values/key.ts'
export type { KeyFunction } from './core/values/space.ts'
export { dummy, file, memory, object }
