/**
 * The registry: alias → cache, each opened by its first verb, all closed together.
 */
import type { Cache, SyncCache } from './cache.ts'
import { type Clock, systemClock } from './clock.ts'
import { ConfigError, UnknownCacheError } from './errors.ts'
import { Handle } from './handle.ts'
import { checkOptions, kindOf } from './options.ts'
import type { EventType, Listener } from './seeing/events.ts'
import { Listeners, Observer } from './seeing/observe.ts'
import { type CacheOptions, type Settings, settle, type ValuesOf } from './settings.ts'
import { bytesForm, type Form, tieredForm, valuesForm } from './values/form.ts'
import type { Format } from './values/format.ts'

/** Alias → configuration. `default` is mandatory. */
export type CachesConfig = Record<string, CacheOptions>

/** What the caches of a registry share. */
export interface RegistryOptions {
  /** Where time is read; the system's by default. For tests: `fakeClock()` of `stillwarm/testing`. */
  clock?: Clock
}

type ValueOf<C> = C extends { values: ValuesOf<infer V> } ? V : unknown
type SyncOf<C> = C extends { backend: { sync: true } } ? { readonly sync: SyncCache<ValueOf<C>> } : unknown

/** What is common to every registry, whatever its aliases. */
export interface Registry {
  /** The cache of an alias known at run time; `UnknownCacheError` when it is not configured. */
  get(alias: string): Cache
  /** Every cache, in the order of the configuration; with `opened` only those that have been used. */
  all(options?: { opened?: boolean }): Cache[]
  /** Listens to every cache, until the function it returns is called. `'*'` is every event. */
  on<T extends EventType | '*'>(type: T, listener: Listener<T>): () => void
  /** Closes every cache; every later verb rejects with `ClosedError`. */
  close(): Promise<void>
  /** The aliases, in the order of the configuration. */
  [Symbol.iterator](): Iterator<string>
}

/** The caches of a configuration, typed by alias. */
export type Caches<C> = Registry & { readonly [A in keyof C]: Cache<ValueOf<C[A]>> & SyncOf<C[A]> }

/** Names that an alias cannot have: the registry's own, and those that JavaScript looks for by itself. */
const RESERVED = new Set([
  'get',
  'all',
  'on',
  'close',
  'then',
  'constructor',
  'prototype',
  '__proto__',
  'toString',
  'toJSON',
  'valueOf',
])

/** The types say of stored values what their reader says; a handle itself knows nothing of them. */
function asCache(handle: object): Cache {
  return handle as Cache
}

/** How a configured codec, or the default one, becomes a format. */
export type MakeFormat = (settings: Settings) => Format

/** Makes a registry. The main door binds the default backend and codec, which core does not know. */
export function makeCaches<const C extends CachesConfig>(
  config: C,
  options: RegistryOptions,
  makeFormat: MakeFormat,
): Caches<C> {
  if (typeof config !== 'object' || config === null || Array.isArray(config)) {
    throw new ConfigError(
      'INVALID_CONFIG',
      `createCaches(): the configuration must be an object of aliases, not ${kindOf(config)}`,
    )
  }
  checkOptions('createCaches()', options, ['clock'])
  const clock = options.clock ?? systemClock
  const listeners = new Listeners()
  const handles = new Map<string, Handle>()
  for (const alias of Object.keys(config)) {
    if (RESERVED.has(alias) || alias === '') {
      throw new ConfigError(
        'RESERVED_ALIAS',
        `createCaches(): ${JSON.stringify(alias)} cannot be an alias: choose another name`,
      )
    }
    const settings = settle(alias, config[alias]!)
    handles.set(
      alias,
      new Handle(settings, new Observer(alias, clock, listeners), clock, () => formOf(settings, makeFormat)),
    )
  }
  if (!handles.has('default')) {
    throw new ConfigError(
      'NO_DEFAULT_CACHE',
      "createCaches(): you must define a 'default' cache in the configuration",
    )
  }
  const registry: Registry = {
    get(alias) {
      const handle = handles.get(alias)
      if (handle) return asCache(handle)
      throw new UnknownCacheError(
        'UNKNOWN_CACHE',
        `The cache ${typeof alias === 'string' ? JSON.stringify(alias.slice(0, 100)) : kindOf(alias)} is not configured; there are ${[...handles.keys()].join(', ')}`,
      )
    },
    all: ({ opened = false } = {}) =>
      [...handles.values()].filter((handle) => !opened || handle.opened).map(asCache),
    on: (type, listener) => listeners.on(type, listener),
    async close() {
      await Promise.all([...handles.values()].map((handle) => handle.close()))
    },
    [Symbol.iterator]: () => handles.keys(),
  }
  return Object.freeze(Object.assign(Object.create(null), registry, Object.fromEntries(handles))) as Caches<C>
}

function formOf(settings: Settings, makeFormat: MakeFormat): Form {
  const { backend, maxValueBytes, types } = settings
  if (backend.holds === 'values') return valuesForm(backend, maxValueBytes, types)
  const far = bytesForm(makeFormat(settings))
  return backend.near ? tieredForm(far, valuesForm(backend.near, maxValueBytes, types)) : far
}
