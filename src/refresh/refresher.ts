/**
 * What a job does at its cache: reads by core's one table, has refreshes made elsewhere, and makes those that it is handed.
 *
 * A refresh is asked for under a claim of its own, a mark beside the key that holds for `refreshTimeout`: of all readers in all
 * processes one asks, and while the mark holds nobody asks again. It is not the claim to make the key: who must wait for a value
 * (a miss, one that is too old) never waits for a queue, and what was set or deleted after a load began is never overwritten,
 * however late the worker.
 */
import { type Answer, andThen, isPromise } from '../core/answer.ts'
import type { Space } from '../core/backend.ts'
import type { Inspection } from '../core/cache.ts'
import type { Write } from '../core/door.ts'
import { BackendError, CacheError, ClosedError, ConfigError } from '../core/errors.ts'
import { insideOf, readThroughOf } from '../core/handle.ts'
import type { Inside } from '../core/inside.ts'
import type { Load } from '../core/making/load.ts'
import { markSpace } from '../core/making/marks.ts'
import type { Call, ReadThrough } from '../core/read-through.ts'
import { type MakeSettings, settleMake } from '../core/settings.ts'
import type { Found } from '../core/values/form.ts'
import { checkKey } from '../core/values/key.ts'
import { writeArguments } from './arguments.ts'
import { Asked } from './asked.ts'
import { digest } from './digests.ts'
import { commonRunner } from './in-process.ts'
import { forArgs, type JobSettings } from './options.ts'
import type { Done, Perform, Task } from './runner.ts'
import { Visit } from './visit.ts'
import { warnNowAndThen } from './warning.ts'

/** The runner did not take a refresh, and the job was to say so. Code `QUEUE_FAILED`; `cause` is what the runner threw. */
export class QueueError extends CacheError {
  override name = 'QueueError'
}

/** What `inspect` tells of a job's value: as of a cache's, and whether a stale one is being refreshed. */
export type JobInspection<V> = Omit<Inspection<V>, 'status'> & {
  status: Inspection<V>['status'] | 'refreshing'
}

/** A refresh that is overtaken by writes of its key is made again: so often in all. */
const MOST_TIMES = 4

/** After so long, in milliseconds, we look again whether the mark of another process still holds, or the queue is back. */
const LOOK_AGAIN = 1_000

/** No waiting mends it, and who is served a stale value meanwhile is not told. */
const warnMisconfigured = warnNowAndThen('No refresh is queued until this is mended')

/** The cache, open. */
export interface Opened {
  readonly inside: Inside
  readonly readThrough: ReadThrough
  readonly write: Write
  /** How a caller's load is made. */
  readonly make: MakeSettings
}

export class Refresher {
  readonly settings: JobSettings
  readonly #asked = new Asked()
  #opened: Opened | undefined

  constructor(settings: JobSettings) {
    this.settings = settings
  }

  /** Throws `ClosedError` once the cache is closed. */
  #open(): Opened {
    const { cache, lifetime, storeFor } = this.settings
    const inside = insideOf(cache)
    if (this.#opened?.inside === inside) return this.#opened
    // Where each has a lifetime of its own, the load says it.
    const ttl = typeof lifetime === 'number' ? lifetime : storeFor
    const softTimeout = inside.settings.make.softTimeout || Number.POSITIVE_INFINITY
    const base = { ...inside.settings.make, softTimeout, staleFor: storeFor - ttl }
    const make = settleMake(this.settings.make, base)
    this.#opened = {
      inside,
      readThrough: readThroughOf(cache),
      write: { space: inside.door.space, ttl, staleFor: base.staleFor },
      make,
    }
    return this.#opened
  }

  /** The key of these arguments. */
  key(args: unknown[]): string {
    const { key, name, runner } = this.settings
    const where = `job ${JSON.stringify(name)}`
    if (key === undefined) return `${name}:${digest(writeArguments(where, args))}`
    const own = key(...args)
    checkKey(own)
    // What cannot travel is refused at the first call, not when the first value is stale.
    if (runner.remote) writeArguments(where, args)
    return own
  }

  get(args: unknown[]): Answer<unknown> {
    const opened = this.#open()
    const visit = new Visit(this, opened, this.key(args), args)
    const value = opened.readThrough.read(visit)
    const { processResult } = this.settings
    return processResult ? andThen(value, (found) => processResult(found, visit.result)) : value
  }

  async inspect(args: unknown[]): Promise<JobInspection<unknown>> {
    const opened = this.#open()
    const key = this.key(args)
    const inspection = await this.settings.cache.inspect(key)
    if (inspection.status !== 'stale') return inspection
    const refreshing = await this.#isRefreshing(opened, key, inspection.createdAt ?? null)
    return refreshing ? { ...inspection, status: 'refreshing' } : inspection
  }

  #isRefreshing(opened: Opened, key: string, replaces: number | null): Answer<boolean> {
    const { policy, store } = opened.inside
    const { space } = opened.write
    if (this.isAsked(opened, key, replaces) || store.flights.get(space.frame(key))) return true
    const marks = markSpace(space, 'asked')
    const looked = policy.attempt('inspect', () => store.claim(marks, key, 1), { token: '' })
    return andThen(looked, ({ token }) => {
      if (token) this.#quietly(opened, () => store.release(marks, key, token))
      return token === undefined
    })
  }

  async set(args: unknown[], value: unknown): Promise<boolean> {
    const opened = this.#open()
    const { cache, storeFor } = this.settings
    const key = this.key(args)
    const ttl = forArgs(this.settings.lifetime, args)
    const stored = await cache.set(key, value, { ttl: ttl / 1_000, staleFor: (storeFor - ttl) / 1_000 })
    this.#endMark(opened, opened.write.space, key)
    return stored
  }

  async delete(args: unknown[]): Promise<boolean> {
    const opened = this.#open()
    const key = this.key(args)
    const found = await this.settings.cache.delete(key)
    this.#endMark(opened, opened.write.space, key)
    return found
  }

  async invalidate(args: unknown[]): Promise<boolean> {
    const opened = this.#open()
    const { cache } = this.settings
    const key = this.key(args)
    if (!(await cache.expire(key))) return false
    const { createdAt = null } = await cache.inspect(key)
    // Whatever was asked for before may have read what is no longer true.
    this.#endMark(opened, opened.write.space, key)
    await this.#askNow(opened, key, args, createdAt, () => undefined)
    return true
  }

  async enqueue(args: unknown[]): Promise<boolean> {
    const opened = this.#open()
    const key = this.key(args)
    const { createdAt = null } = await this.settings.cache.inspect(key)
    const failed = (error: QueueError) => {
      throw error
    }
    return this.#askNow(opened, key, args, createdAt, failed)
  }

  async #askNow(
    opened: Opened,
    key: string,
    args: unknown[],
    replaces: number | null,
    failed: (error: QueueError) => void,
  ): Promise<boolean> {
    const { onQueueError } = this.settings
    try {
      return await this.#handOver(opened, key, args, replaces)
    } catch (error) {
      if (!(error instanceof QueueError)) throw error
      if (error.cause instanceof ConfigError) throw error.cause
      if (onQueueError === 'throw') throw error
      if (onQueueError === 'sync') await this.refresh(args)
      else failed(error)
      return onQueueError === 'sync'
    }
  }

  async refresh(args: unknown[]): Promise<unknown> {
    const opened = this.#open()
    const key = this.key(args)
    const value = await opened.readThrough.read({
      key,
      load: this.loading(opened, key, args),
      write: opened.write,
      make: opened.make,
      fresh: true,
      inTurn: false,
      came: opened.inside.store.flights.count,
    })
    this.#endMark(opened, opened.write.space, key)
    return value
  }

  /** The load of these arguments, as core calls it. */
  loading({ inside, write }: Opened, key: string, args: unknown[]): Load<unknown> {
    const { lifetime, load, storeFor } = this.settings
    const failed = (error: unknown): never => {
      inside.store.flights.refreshFailed(write.space.frame(key), inside.clock.now())
      throw error
    }
    return (context) => {
      if (typeof lifetime === 'function') {
        const ttl = lifetime(args)
        context.ttl(ttl / 1_000)
        context.staleFor((storeFor - ttl) / 1_000)
      }
      try {
        const made = load(...args)
        // Awaited once: a query builder asks its database every time it is.
        return isPromise(made) ? Promise.resolve(made).catch(failed) : made
      } catch (error) {
        return failed(error)
      }
    }
  }

  /** Is this stale value too old to go on with? Not where a load failed a moment ago: then it is better than nothing. */
  mustLoad({ inside, write }: Opened, key: string, args: unknown[], { createdAt }: Found): boolean {
    const limit = forArgs(this.settings.loadWhenOlderThan, args)
    if (limit === Number.POSITIVE_INFINITY || createdAt === undefined) return false
    const now = inside.clock.now()
    return now - createdAt > limit && inside.store.flights.mayRefresh(write.space.frame(key), now)
  }

  isAsked({ inside }: Opened, key: string, replaces: number | null): boolean {
    return this.#asked.has(key, replaces, inside.clock.now())
  }

  /** Asks for a refresh. `true` when it was not to be had, and the caller is to load; rejects where the job says so. */
  ask(opened: Opened, key: string, args: unknown[], replaces: number | null): Answer<boolean> {
    const { inside, write } = opened
    // The last one failed a moment ago.
    if (!inside.store.flights.mayRefresh(write.space.frame(key), inside.clock.now())) return false
    const asking = this.#handOver(opened, key, args, replaces)
    switch (this.settings.onQueueError) {
      case 'sync':
        return asking.then(
          () => false,
          () => true,
        )
      case 'throw':
        return asking.then(() => false)
      default:
        asking.catch(() => {})
        return false
    }
  }

  /** The same for a value that is fresh still: nobody is to hear of it. */
  askBehind(opened: Opened, key: string, args: unknown[], replaces: number | null): void {
    if (this.isAsked(opened, key, replaces)) return
    const asked = this.ask(opened, key, args, replaces)
    if (isPromise(asked)) asked.catch(() => {})
  }

  /** Claims the mark and gives the task to the runner. `false`: another has asked. Rejects with a `QueueError`. */
  async #handOver(opened: Opened, key: string, args: unknown[], replaces: number | null): Promise<boolean> {
    const { inside, write } = opened
    const { name, onQueueError, runner, task: options } = this.settings
    const refreshTimeout = forArgs(this.settings.refreshTimeout, args)
    const until = (ms: number) => this.#asked.note(key, replaces, inside.clock.now() + ms)
    until(refreshTimeout)
    const marks = markSpace(write.space, 'asked')
    const claim = () => inside.store.claim(marks, key, refreshTimeout)
    const { token } = await inside.policy.attempt('refresh', claim, { token: '' })
    if (token === undefined) {
      until(Math.min(refreshTimeout, LOOK_AGAIN))
      return false
    }
    const perform: Perform = (_task, last) => this.perform(task, last, args)
    const task = this.#task(opened, key, args, token, replaces)
    try {
      await runner.enqueue(task, options, perform)
    } catch (cause) {
      inside.observer.see({ type: 'queue-failed', job: name, key, runner: runner.name, error: cause })
      if (cause instanceof ConfigError) warnMisconfigured(cause, cause.code)
      try {
        if (onQueueError !== 'in-process') throw cause
        await commonRunner().enqueue(task, options, perform)
      } catch {
        until(LOOK_AGAIN)
        if (token) this.#quietly(opened, () => inside.store.release(marks, key, token))
        throw new QueueError('QUEUE_FAILED', `${runner.name} did not take a refresh of job ${name}`, {
          cause,
        })
      }
    }
    inside.observer.see({ type: 'refresh-asked', job: name, key })
    return true
  }

  #task(
    { inside, write }: Opened,
    key: string,
    args: unknown[],
    token: string,
    replaces: number | null,
  ): Task {
    const { cache, key: rule, name, runner } = this.settings
    const where = runner.remote ? cache.alias : storeNumber(inside.store)
    // In this process the arguments themselves go along.
    const travels = runner.remote || rule === undefined
    return {
      job: name,
      id: digest(JSON.stringify([name, where, write.space.frame(key)])),
      key,
      version: write.space.version,
      args: travels ? writeArguments(`job ${JSON.stringify(name)}`, args) : '[]',
      token,
      replaces,
      askedAt: inside.clock.now(),
    }
  }

  /** Makes the value that a task asks for, unless there is no need any more. */
  async perform(task: Task, last: boolean, args: unknown[]): Promise<Done> {
    const opened = this.#open()
    const { inside } = opened
    const { name: job } = this.settings
    const { key } = task
    const { counts } = inside.observer
    const faults = counts.backendFailures
    try {
      const done = await this.#renew(opened, task, args)
      // A store that does not answer looks as if nothing were there, and keeps nothing: the task is not done.
      if ((done === 'gone' || done === 'unkept') && counts.backendFailures > faults) {
        throw new BackendError('BACKEND_FAILED', `The backend failed during a refresh of job ${job}`)
      }
      // What is not kept would be asked for again at once, and for nothing.
      if (done !== 'unkept') this.#endMark(opened, inside.door.spaceOf(task.version), key)
      if (done === 'fresh' || done === 'gone') {
        inside.observer.see({ type: 'refresh-skipped', job, key, reason: done })
      }
      return done
    } catch (error) {
      if (!(error instanceof ClosedError)) {
        inside.observer.see({ type: 'refresh-failed', job, key, last, error })
      }
      throw error
    }
  }

  async #renew(opened: Opened, { key, version, token, replaces }: Task, args: unknown[]): Promise<Done> {
    const { inside, make, readThrough, write } = opened
    const space = inside.door.spaceOf(version)
    const refreshTimeout = forArgs(this.settings.refreshTimeout, args)
    // As long as we work, nobody asks again.
    this.#quietly(opened, () =>
      andThen(inside.store.extend(markSpace(space, 'asked'), key, token, refreshTimeout), () => undefined),
    )
    const call: Call = {
      key,
      load: this.loading(opened, key, args),
      write: { ...write, space },
      make: { ...make, hardTimeout: refreshTimeout },
      fresh: false,
      inTurn: false,
      came: 0,
    }
    for (let times = 1; times <= MOST_TIMES; times++) {
      let needless: 'fresh' | 'gone' | undefined
      const fate = await readThrough.renew({ ...call, came: inside.store.flights.count }, (found) => {
        needless = needlessly(inside, found, replaces)
        return needless === undefined
      })
      if (fate === false) return needless ?? 'gone'
      if (fate === 'kept') return 'made'
      if (fate === 'found') return 'fresh'
      if (fate === 'unkept') return 'unkept'
      // Too late: the key was written, or invalidated, since the load began.
    }
    return 'unkept'
  }

  /** The value is there, or nothing is to be there: the next who finds it stale may ask at once. */
  #endMark(opened: Opened, space: Space, key: string): void {
    this.#asked.forget(key)
    this.#quietly(opened, () => opened.inside.store.release(markSpace(space, 'asked'), key))
  }

  #quietly({ inside }: Opened, act: () => Answer<void>): void {
    try {
      const answer = inside.policy.attempt('refresh', act, undefined)
      if (isPromise(answer)) answer.catch(() => {})
    } catch {
      // Counted and told by the policy; there is nobody to throw it to.
    }
  }
}

/** Why what is there need not be renewed: it is another than was to be replaced, and fresh; or that has been deleted. */
function needlessly(
  { reader }: Inside,
  found: Found | undefined,
  replaces: number | null,
): 'fresh' | 'gone' | undefined {
  if (found === undefined) return replaces === null ? undefined : 'gone'
  return reader.freshness(found) === 'fresh' && (found.createdAt ?? Number.NaN) !== replaces
    ? 'fresh'
    : undefined
}

const numbers = new WeakMap<object, number>()
let stores = 0

/** Tells stores of this process apart. */
function storeNumber(store: object): number {
  const known = numbers.get(store)
  if (known !== undefined) return known
  numbers.set(store, ++stores)
  return stores
}
