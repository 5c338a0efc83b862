/**
 * Any backend, made to fail: on demand, or with a probability. Around it stands the same guard as around a server on a network, so
 * that it can be seen what an application does in an outage, without a server.
 *
 * @example
 * const flaky = chaos(memory(), { chance: { throw: 0.1, hang: 0.01 } })
 * const caches = createCaches({ default: { backend: flaky } })
 * flaky.fault = 'hang' // from here on nothing is answered
 * flaky.fault = undefined // and from here on again
 */
import type { Answer } from '../core/answer.ts'
import type { Backend, Claimed, Host, Kept, Network, Space } from '../core/backend.ts'
import { systemClock } from '../core/clock.ts'
import { argumentError } from '../core/errors.ts'
import { checkInteger, checkOptions, checkWord, isRecord, kindOf } from '../core/options.ts'
import { Store } from '../core/store.ts'
import type { Stored } from '../core/values/entry.ts'
import { checkBoolean, checkMs, checkProbability, wrong } from './fault-options.ts'

/**
 * What becomes of a call. `'throw'`: it fails, as if nobody listened. `'refuse'`: the server answers with an error. `'hang'`: it is
 * neither done nor answered. `'lose'`: it is done and not answered. `{ delay }`: it is done and answered after so many milliseconds.
 */
export type Fault = 'throw' | 'refuse' | 'hang' | 'lose' | { delay: number }

type Faulty = Fault | undefined | ((verb: string, key: string | undefined) => Fault | undefined)

export interface ChaosOptions {
  /** How probable a fault is, from 0 to 1 each; none by default. */
  chance?: { throw?: number; refuse?: number; hang?: number; lose?: number; delay?: number }
  /** How long a call takes that `chance.delay` meets, in milliseconds; 400 by default. */
  delay?: number
  /** Numbers from 0 to 1 for `chance`; `Math.random` by default. */
  random?: () => number
  /** How long the guard waits for an answer, in milliseconds; 250 by default. */
  opTimeout?: number
  /** How many calls the guard lets be under way; 1,024 by default. */
  maxInFlight?: number
  /** Pretends that other processes write here too: several of these around one backend are then several processes. */
  shared?: boolean
}

/** What a call fails with. `code` is `ECONNREFUSED`, or `REFUSED` for `'refuse'`. */
export class ChaosError extends Error {
  override name = 'ChaosError'
  readonly code: string

  constructor(code: string) {
    super(code === 'REFUSED' ? 'The server refused' : 'No server answered')
    this.code = code
  }
}

const OPTIONS = ['chance', 'delay', 'random', 'opTimeout', 'maxInFlight', 'shared']
const FAULTS = ['throw', 'refuse', 'hang', 'lose'] as const
const CHANCES = [...FAULTS, 'delay'] as const

/**
 * Wraps a backend. Close it, not the one inside.
 *
 * @throws TypeError `INVALID_ARGUMENT` for what is no backend; TypeError or RangeError `INVALID_OPTIONS`, `UNKNOWN_OPTION`, `INVALID_OPTION`.
 */
export function chaos(backend: Backend, options: ChaosOptions = {}): ChaosBackend {
  if (typeof backend?.get !== 'function') {
    throw argumentError(
      TypeError,
      'INVALID_ARGUMENT',
      `chaos() wraps a backend, as in chaos(memory()), not ${kindOf(backend)}`,
    )
  }
  check(options)
  return new ChaosBackend(backend, options)
}

function check(options: ChaosOptions): void {
  checkOptions('chaos()', options, OPTIONS)
  const { chance = {}, delay = 0, random, opTimeout = 1, maxInFlight = 1, shared = false } = options
  checkOptions('chaos(), chance', chance, CHANCES)
  let sum = 0
  for (const fault of CHANCES) sum += checkProbability(`chance.${fault}`, chance[fault] ?? 0)
  if (sum > 1 + Number.EPSILON * 8)
    throw wrong(RangeError, 'chance', 'probabilities that add up to 1 at most')
  checkMs('delay', delay)
  if (random !== undefined && typeof random !== 'function') {
    throw wrong(TypeError, 'random', `a function, not ${kindOf(random)}`)
  }
  checkInteger('opTimeout', opTimeout, 1)
  checkInteger('maxInFlight', maxInFlight, 1)
  checkBoolean('shared', shared)
}

function checkFault(fault: unknown): void {
  if (fault === undefined) return
  if (!isRecord(fault)) checkWord('fault', fault, FAULTS)
  else {
    checkOptions('fault', fault, ['delay'])
    checkMs('fault.delay', fault.delay)
  }
}

/** What several wrappers around one backend share: what it leaves out is derived once, its claims included. */
const stores = new WeakMap<Backend, Store>()

export class ChaosBackend implements Backend {
  readonly name = 'chaos'
  readonly holds: 'bytes' | 'values'
  readonly sync = false
  readonly shared: boolean
  readonly network: Network
  readonly admit: Backend['admit']
  readonly lend: Backend['lend']
  readonly near?: Backend
  /** Calls that came, by verb. */
  readonly calls: Record<string, number> = {}
  readonly #inner: Backend
  readonly #options: ChaosOptions
  #fault: Faulty
  #store: Store | undefined
  /** Calls of a connection that has been ended since are never answered. */
  #connection = new AbortController()

  constructor(inner: Backend, options: ChaosOptions) {
    this.#inner = inner
    this.#options = options
    this.holds = inner.holds
    this.shared = options.shared ?? inner.shared
    this.admit = inner.admit?.bind(inner)
    this.lend = inner.lend?.bind(inner)
    if (inner.near) this.near = inner.near
    this.network = {
      opTimeout: options.opTimeout ?? 250,
      maxInFlight: options.maxInFlight ?? 1_024,
      noAnswer: (error) => error instanceof ChaosError && error.code !== 'REFUSED',
      reconnect: () => {
        this.#connection.abort()
        this.#connection = new AbortController()
        return this.#do('reconnect', undefined, () => {})
      },
    }
  }

  /**
   * What becomes of every call from now on; a function is asked for each. `undefined`: what `chance` says.
   *
   * @throws TypeError, RangeError `INVALID_OPTION`, `UNKNOWN_OPTION` for what is no fault.
   */
  get fault(): Faulty {
    return this.#fault
  }

  set fault(fault: Faulty) {
    if (typeof fault !== 'function') checkFault(fault)
    this.#fault = fault
  }

  open(host: Host): void {
    let store = stores.get(this.#inner)
    if (store === undefined || store.closed) {
      store = new Store(this.#inner, host.clock)
      stores.set(this.#inner, store)
    }
    if (this.#store !== store) store.open(host)
    this.#store = store
  }

  get(space: Space, key: string): Promise<Stored | undefined> {
    return this.#do('get', key, (store) => store.get(space, key))
  }

  getMany(space: Space, keys: readonly string[]): Promise<Map<string, Stored>> {
    return this.#do('getMany', undefined, (store) => store.getMany(space, keys))
  }

  peek(space: Space, key: string): Promise<Kept | undefined> {
    return this.#do('peek', key, (store) => store.peek(space, key))
  }

  has(space: Space, key: string): Promise<boolean | 'graced'> {
    return this.#do('has', key, (store) => store.has(space, key))
  }

  set(space: Space, key: string, what: Stored, expiresAt: number): Promise<boolean> {
    return this.#do('set', key, (store) => store.set(space, key, what, expiresAt))
  }

  setMany(space: Space, entries: ReadonlyMap<string, Stored>, expiresAt: number): Promise<string[]> {
    return this.#do('setMany', undefined, (store) => store.setMany(space, entries, expiresAt))
  }

  add(space: Space, key: string, what: Stored, expiresAt: number): Promise<boolean> {
    return this.#do('add', key, (store) => store.add(space, key, what, expiresAt))
  }

  touch(space: Space, key: string, expiresAt: number): Promise<boolean | 'graced'> {
    return this.#do('touch', key, (store) => store.touch(space, key, expiresAt))
  }

  replace(space: Space, key: string, was: Stored, what: Stored, expiresAt: number): Promise<boolean> {
    return this.#do('replace', key, (store) => store.replace(space, key, was, what, expiresAt))
  }

  delete(space: Space, key: string): Promise<boolean> {
    return this.#do('delete', key, (store) => store.delete(space, key))
  }

  deleteMany(space: Space, keys: readonly string[]): Promise<number> {
    return this.#do('deleteMany', undefined, (store) => store.deleteMany(space, keys))
  }

  incr(
    space: Space,
    key: string,
    by: number,
    made?: { initial: number; expiresAt: number },
  ): Promise<number | undefined> {
    return this.#do('incr', key, (store) => store.incr(space, key, by, made))
  }

  clear(what: Space | 'everything'): Promise<void> {
    return this.#do('clear', undefined, (store) => store.clear(what))
  }

  prune(): Promise<number> {
    return this.#do('prune', undefined, (store) => store.prune())
  }

  claim(space: Space, key: string, ms: number): Promise<Claimed> {
    return this.#do('claim', key, (store) => store.claim(space, key, ms))
  }

  extend(space: Space, key: string, token: string, ms: number): Promise<boolean> {
    return this.#do('extend', key, (store) => store.extend(space, key, token, ms))
  }

  fill(space: Space, key: string, token: string, what: Stored, expiresAt: number): Promise<boolean> {
    return this.#do('fill', key, (store) => store.fill(space, key, token, what, expiresAt))
  }

  release(space: Space, key: string, token?: string): Promise<void> {
    return this.#do('release', key, (store) => store.release(space, key, token))
  }

  close(): Answer<void> {
    return this.#store?.close()
  }

  async #do<T>(verb: string, key: string | undefined, act: (store: Store) => Answer<T>): Promise<T> {
    this.calls[verb] = (this.calls[verb] ?? 0) + 1
    if (this.#store === undefined) this.open({ clock: systemClock, evicted() {}, corrupt() {}, failed() {} })
    const store = this.#store!
    const { signal } = this.#connection
    const fault = this.#faultOf(verb, key)
    if (fault === 'throw') throw new ChaosError('ECONNREFUSED')
    if (fault === 'refuse') throw new ChaosError('REFUSED')
    if (fault === 'hang') return new Promise(() => {})
    if (typeof fault === 'object') await new Promise((resolve) => setTimeout(resolve, fault.delay))
    const answer = await act(store)
    return fault === 'lose' || signal.aborted ? new Promise(() => {}) : answer
  }

  #faultOf(verb: string, key: string | undefined): Fault | undefined {
    if (typeof this.#fault === 'function') {
      const fault = this.#fault(verb, key)
      checkFault(fault)
      return fault
    }
    if (this.#fault !== undefined) return this.#fault
    const { chance = {}, delay = 400, random = Math.random } = this.#options
    let dice = random()
    for (const fault of CHANCES) {
      dice -= chance[fault] ?? 0
      if (dice < 0) return fault === 'delay' ? { delay } : fault
    }
    return undefined
  }
}
