/**
 * Single flight: one load a key in this process. Who comes while it is under way joins it and shares
 * its outcome. A load that would wait for itself, directly or through others, is told so at once instead of hanging.
 */
import { AsyncLocalStorage } from 'node:async_hooks'
import { DeadlockError } from '../errors.ts'

/**
 * What became of a value: stored; found, made by another meanwhile; `late`, the key being written while it was loaded; not to be kept,
 * or the backend is down.
 */
export type Fate = 'kept' | 'found' | 'late' | 'unkept'

/** How a load ended well. */
export interface Outcome {
  /** What the load returned, as it is: for the caller whose load it was. */
  value: unknown
  fate: Fate
  /** What another caller gets: a copy of its own, where copies are private. */
  share(): unknown
}

/** The flight whose load is running, where we are called from inside one. */
const loading = new AsyncLocalStorage<Flight>()

// While any AsyncLocalStorage is in use, Node 20 runs a hook for every promise of the process, which
// triples the price of a hit. So it is in use only while a load is.
let running = 0

export class Flight {
  readonly storageKey: string
  /** The claim that its load stores under, once it has one. */
  token: string | undefined
  /** When its load began, by the store's count. */
  loadedAt: number | undefined
  /** When it asked for what it found, by the same count, where it ended without a load of its own. */
  foundAt: number | undefined
  /** The key was written since, by this process: what the load answers is not kept. */
  broken = false
  /** Whether its claim holds, being asked for all who want to know in this turn. */
  verdict: Promise<boolean> | undefined
  #watched = false
  #controller: AbortController | undefined
  #aborted: Error | undefined
  /** Flights that this one's load waits for. */
  readonly #awaits = new Set<Flight>()
  #outcome: PromiseWithResolvers | undefined
  #settled: { outcome: Outcome } | { error: unknown } | undefined

  constructor(storageKey: string) {
    this.storageKey = storageKey
  }

  /** Made when a load asks for it. */
  get signal(): AbortSignal {
    this.#controller ??= new AbortController()
    if (this.#aborted) this.#controller.abort(this.#aborted)
    return this.#controller.signal
  }

  abort(reason: Error): void {
    this.#aborted ??= reason
    this.#controller?.abort(reason)
  }

  /**
   * Runs the load as this flight's, so that what it asks for in turn is known to be waited for.
   *
   * @param endsAnyway it cannot wait for itself for ever: then it need not be watched, unless others are.
   */
  run<T>(load: () => T, endsAnyway: boolean): T {
    if (endsAnyway && running === 0) return load()
    this.#watched = true
    running++
    return loading.run(this, load)
  }

  /** The load has ended. */
  landed(): void {
    if (!this.#watched) return
    this.#watched = false
    running--
    if (running === 0) loading.disable()
  }

  /** Shares the outcome. */
  join(): Promise<Outcome> {
    const settled = this.#settled
    if (settled) return 'error' in settled ? Promise.reject(settled.error) : Promise.resolve(settled.outcome)
    this.#outcome ??= withResolvers()
    return this.#outcome.promise
  }

  succeed(outcome: Outcome): void {
    this.#settled ??= { outcome }
    this.#outcome?.resolve(outcome)
  }

  fail(error: unknown): void {
    this.#settled ??= { error }
    this.#outcome?.reject(error)
  }

  /**
   * Notes that the load we are called from now waits for `other`, until the function it returns is called; `undefined`
   * when we are called from none. Throws `DeadlockError` where `other` in turn waits for it.
   */
  static await(other: Flight): (() => void) | undefined {
    const waiter = running > 0 ? loading.getStore() : undefined
    if (waiter === undefined) return undefined
    if (other.#reaches(waiter)) {
      throw new DeadlockError(
        'DEADLOCK',
        `The load of ${JSON.stringify(waiter.storageKey)} waits for ${JSON.stringify(other.storageKey)}, which waits for it: use different keys, or call the inner function itself`,
      )
    }
    waiter.#awaits.add(other)
    return () => waiter.#awaits.delete(other)
  }

  #reaches(target: Flight, seen = new Set<Flight>()): boolean {
    if (this === target) return true
    if (seen.has(this)) return false
    seen.add(this)
    for (const next of this.#awaits) if (next.#reaches(target, seen)) return true
    return false
  }
}

/** After a failed refresh, so long before the next is tried, in milliseconds: a caller who waits is never held back. */
const RETRY_AFTER = 1_000

/** At most so many failed keys are remembered. */
const MOST_FAILURES = 1_000

/** The flights of one store, by storage key. */
export class Flights {
  readonly #flying = new Map<string, Flight>()
  readonly #failedAt = new Map<string, number>()
  /** Counts claims asked for and loads begun. Whoever notes it when he comes can tell later which of them began before. */
  count = 0

  get none(): boolean {
    return this.#flying.size === 0
  }

  get(storageKey: string): Flight | undefined {
    return this.#flying.get(storageKey)
  }

  start(storageKey: string): Flight {
    const flight = new Flight(storageKey)
    this.#flying.set(storageKey, flight)
    return flight
  }

  /** Nobody joins it any more. */
  end(flight: Flight): void {
    if (this.#flying.get(flight.storageKey) === flight) this.#flying.delete(flight.storageKey)
  }

  /** The key was written: who comes now does not join the load that began before. */
  detach(storageKey: string): void {
    const flight = this.#flying.get(storageKey)
    if (flight === undefined) return
    flight.broken = true
    this.#flying.delete(storageKey)
  }

  detachAll(which: (storageKey: string) => boolean): void {
    for (const storageKey of this.#flying.keys()) if (which(storageKey)) this.detach(storageKey)
  }

  refreshFailed(storageKey: string, now: number): void {
    this.#failedAt.delete(storageKey)
    if (this.#failedAt.size >= MOST_FAILURES) this.#failedAt.delete(this.#failedAt.keys().next().value ?? '')
    this.#failedAt.set(storageKey, now)
  }

  refreshed(storageKey: string): void {
    this.#failedAt.delete(storageKey)
  }

  /** May a refresh be tried, or did the last one fail a moment ago? */
  mayRefresh(storageKey: string, now: number): boolean {
    const failedAt = this.#failedAt.get(storageKey)
    return failedAt === undefined || now >= failedAt + RETRY_AFTER
  }
}

interface PromiseWithResolvers {
  promise: Promise<Outcome>
  resolve(outcome: Outcome): void
  reject(error: unknown): void
}

// Promise.withResolvers is in Node from 22 on.
function withResolvers(): PromiseWithResolvers {
  let settle: Pick<PromiseWithResolvers, 'resolve' | 'reject'> | undefined
  const promise = new Promise<Outcome>((resolve, reject) => {
    settle = { resolve, reject }
  })
  return { promise, ...settle! }
}
