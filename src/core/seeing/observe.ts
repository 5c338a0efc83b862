/**
 * The one observer of a cache. Counters are plain numbers and always on; an event is built only when somebody listens: a
 * listener (`cache.on`, `caches.on`) or a subscriber of the diagnostics channel `stillwarm`.
 */
import { channel } from 'node:diagnostics_channel'
import type { Host } from '../backend.ts'
import type { Clock } from '../clock.ts'
import { argumentError } from '../errors.ts'
import { checkWord, kindOf } from '../options.ts'
import type { CacheEvent, EventType, Listener } from './events.ts'

/** Every event of every cache of the process is published here, while anyone subscribes. */
const events = channel('stillwarm')

/** How often each thing happened since the cache was made. */
export interface Stats {
  hits: number
  misses: number
  /** Stale values served. */
  stale: number
  sets: number
  deletes: number
  clears: number
  /** Loads that began, in the foreground or behind. */
  loads: number
  loadFailures: number
  /** Callers that shared a load under way. */
  joined: number
  /** Loads whose answer came too late to be kept. */
  late: number
  /** Values that the store would not keep. */
  dropped: number
  evicted: number
  decodeFailures: number
  backendFailures: number
  /** Refreshes of jobs asked for, found needless, failed (each try), and not taken by the runner. */
  refreshesAsked: number
  refreshesSkipped: number
  refreshFailures: number
  queueFailures: number
  /** Keys that classic Memcached could not carry, beyond the hundred that were named in warnings. */
  unnamedKeys: number
}

const COUNTER: Record<EventType, keyof Stats | undefined> = {
  hit: 'hits',
  miss: 'misses',
  stale: 'stale',
  set: 'sets',
  delete: 'deletes',
  clear: 'clears',
  load: 'loads',
  loaded: undefined,
  'load-failed': 'loadFailures',
  joined: 'joined',
  late: 'late',
  dropped: 'dropped',
  evicted: 'evicted',
  'decode-failed': 'decodeFailures',
  'backend-down': undefined,
  'backend-up': undefined,
  'backend-failed': 'backendFailures',
  'refresh-asked': 'refreshesAsked',
  'refresh-skipped': 'refreshesSkipped',
  'refresh-failed': 'refreshFailures',
  'queue-failed': 'queueFailures',
}

const TYPES = Object.keys(COUNTER) as EventType[]

type AnyListener = (event: CacheEvent) => void

/** Who listens: those of one cache, or of a whole registry. */
export class Listeners {
  #byType = new Map<EventType | '*', Set<AnyListener>>()
  #count = 0

  get some(): boolean {
    return this.#count > 0
  }

  /** Listens until the function it returns is called. */
  on<T extends EventType | '*'>(type: T, listener: Listener<T>): () => void {
    checkWord('on(): type', type, [...TYPES, '*'])
    if (typeof listener !== 'function') {
      throw argumentError(
        TypeError,
        'INVALID_LISTENER',
        `on(): listener must be a function, not ${kindOf(listener)}`,
      )
    }
    const heard = (event: CacheEvent) => (listener as AnyListener)(event)
    const set = this.#byType.get(type) ?? new Set()
    this.#byType.set(type, set.add(heard))
    this.#count++
    return () => {
      if (set.delete(heard)) this.#count--
    }
  }

  tell(event: CacheEvent): void {
    for (const type of [event.type, '*'] as const) {
      for (const listener of this.#byType.get(type) ?? []) {
        try {
          listener(event)
        } catch (error) {
          // A listener is an onlooker: what it throws must not become the caller's error, nor end the process.
          process.emitWarning(`A listener of '${event.type}' threw: ${error}`, {
            type: 'CacheWarning',
            code: 'LISTENER_FAILED',
          })
        }
      }
    }
  }
}

/** Counts and tells, for one cache. It is also the host that its backend reports to. */
export class Observer implements Host {
  readonly alias: string
  readonly clock: Clock
  readonly own = new Listeners()
  readonly #registry: Listeners
  readonly counts: Stats = {
    hits: 0,
    misses: 0,
    stale: 0,
    sets: 0,
    deletes: 0,
    clears: 0,
    loads: 0,
    loadFailures: 0,
    joined: 0,
    late: 0,
    dropped: 0,
    evicted: 0,
    decodeFailures: 0,
    backendFailures: 0,
    refreshesAsked: 0,
    refreshesSkipped: 0,
    refreshFailures: 0,
    queueFailures: 0,
    unnamedKeys: 0,
  }

  constructor(alias: string, clock: Clock, registry: Listeners) {
    this.alias = alias
    this.clock = clock
    this.#registry = registry
  }

  /** Somebody listens: only then is an event worth building. */
  get heard(): boolean {
    return this.own.some || this.#registry.some || events.hasSubscribers
  }

  hit(key: string): void {
    this.counts.hits++
    if (this.heard) this.#tell({ type: 'hit', key, alias: this.alias })
  }

  miss(key: string): void {
    this.counts.misses++
    if (this.heard) this.#tell({ type: 'miss', key, alias: this.alias })
  }

  stale(key: string): void {
    this.counts.stale++
    if (this.heard) this.#tell({ type: 'stale', key, alias: this.alias })
  }

  set(key: string): void {
    this.counts.sets++
    if (this.heard) this.#tell({ type: 'set', key, alias: this.alias })
  }

  joined(key: string): void {
    this.counts.joined++
    if (this.heard) this.#tell({ type: 'joined', key, alias: this.alias })
  }

  evicted(key: string, reason: 'room' | 'expired'): void {
    this.counts.evicted++
    if (this.heard) this.#tell({ type: 'evicted', key, reason, alias: this.alias })
  }

  corrupt(key: string, reason: string): void {
    this.see({ type: 'decode-failed', key, reason })
  }

  failed(verb: string, error: unknown): void {
    this.see({ type: 'backend-failed', verb, error })
  }

  down(backend: string, error: unknown): void {
    this.see({ type: 'backend-down', backend, error })
  }

  up(backend: string, downFor: number, repaired: number): void {
    this.see({ type: 'backend-up', backend, downFor, repaired })
  }

  /** Everything that is not on the hot path. */
  see(what: Unaliased<CacheEvent>): void {
    const counter = COUNTER[what.type]
    if (counter !== undefined) this.counts[counter]++
    if (this.heard) this.#tell({ ...what, alias: this.alias })
  }

  #tell(event: CacheEvent): void {
    this.own.tell(event)
    this.#registry.tell(event)
    if (events.hasSubscribers) events.publish(event)
  }
}

type Unaliased<E> = E extends CacheEvent ? Omit<E, 'alias'> : never
