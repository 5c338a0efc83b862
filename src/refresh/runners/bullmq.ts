/**
 * Refreshes through BullMQ on Redis. A task waits once for its key; tries, backoff and priority are BullMQ's own, and what is
 * beyond help ends in its set of failed jobs, where every dashboard of BullMQ shows it.
 */
import { randomUUID } from 'node:crypto'
import type { ConnectionOptions, Job, JobsOptions, Processor, Queue, Worker } from 'bullmq'
import { ClosedError } from '../../core/errors.ts'
import { withinDeadline } from '../../core/guarding/deadline.ts'
import { atMost } from '../../core/making/waiting.ts'
import { checkInteger, checkOptions, kindOf } from '../../core/options.ts'
import { checkInstalled, load } from '../installed.ts'
import { Places } from '../places.ts'
import { QueueLink } from '../queue-link.ts'
import {
  checkObject,
  checkUrl,
  ENGINE_OPTIONS,
  type EngineOptions,
  type EngineSettings,
  MOST_DEATHS,
  refused,
  settleEngine,
  settleQueue,
} from '../queue-options.ts'
import { type Orders, type Runner, type Task, TaskError, type TaskOptions, type Working } from '../runner.ts'

export interface BullmqOptions extends EngineOptions {
  /**
   * Where Redis is: a URL (`redis:` or `rediss:`), options of ioredis, or a client of ioredis or node-redis, which is yours to
   * close. Default `redis://127.0.0.1:6379`. Not the cache's own Redis, where keys are evicted: a queue must lose none.
   */
  connection?: string | object
  /** BullMQ's own prefix of keys; `bull` by default. In a Cluster `{bull}`. */
  prefix?: string
  /** How many tasks that failed for good are kept to be looked at; 1,000 by default. */
  keepFailed?: number
  /** For BullMQ's `Worker`, as they are: `lockDuration`, `limiter`, `telemetry` … */
  workerOptions?: Record<string, unknown>
}

const WHERE = 'bullmq()'
const NAMES = [...ENGINE_OPTIONS, 'connection', 'prefix', 'keepFailed', 'workerOptions']

/** What makes two tasks one, and BullMQ's features that make one task several. */
const OURS = ['jobId', 'deduplication', 'debounce', 'repeat', 'parent']

/** Answers of Redis that no waiting mends: a wrong password, no such right, no such database. */
const MISCONFIGURED = /^(WRONGPASS|NOAUTH|NOPERM|ERR (AUTH|invalid|DB))/

/** A socket that a dead server does not close is closed by us, after so long, in milliseconds. */
const DISCONNECT = { disconnectTimeout: 200 }

interface Settings extends EngineSettings {
  readonly connection: ConnectionOptions
  readonly prefix: string | undefined
  readonly keepFailed: number
  readonly workerOptions: Readonly<Record<string, unknown>>
}

/**
 * Runs refreshes through BullMQ (6.3.3 or later) on Redis.
 *
 * @throws TypeError for options that cannot work; ConfigError `MISSING_PACKAGE` where BullMQ is not installed.
 * @example
 * const runner = bullmq({ connection: 'redis://127.0.0.1:6379' })
 * const prices = defineJob({ name: 'prices', cache, load, runner })
 */
export function bullmq(options: BullmqOptions = {}): Runner {
  checkOptions(WHERE, options, NAMES)
  const settings: Settings = {
    ...settleEngine(WHERE, options),
    connection: settleConnection(options.connection),
    prefix: options.prefix,
    keepFailed: checkInteger(`${WHERE}: keepFailed`, options.keepFailed ?? 1_000, 0),
    workerOptions: checkObject(`${WHERE}: workerOptions`, options.workerOptions),
  }
  if (settings.prefix !== undefined && typeof settings.prefix !== 'string') {
    throw refused(`${WHERE}: prefix must be a string, not ${kindOf(settings.prefix)}`)
  }
  checkInstalled(WHERE, 'bullmq', import.meta.url)
  return new BullmqRunner(settings)
}

class BullmqRunner implements Runner {
  readonly name = 'bullmq'
  readonly remote = true
  readonly #settings: Settings
  readonly #link: QueueLink<Queues>
  readonly #working = new Set<BullmqWorking>()
  #closed = false

  constructor(settings: Settings) {
    this.#settings = settings
    this.#link = new QueueLink(WHERE, settings.opTimeout, {
      open: async () => {
        const { Queue } = await loadBullmq()
        return new Queues((name) => {
          const queue = new Queue<Task, unknown, string>(name, connecting(settings))
          queue.on('error', () => {}) // what it says of its connection, the next task finds out
          return queue
        })
      },
      drop: (queues) => queues.drop(),
      close: (queues) => queues.close(),
    })
  }

  check(where: string, queue: unknown): void {
    settleQueue(where, queue, OURS)
  }

  async enqueue(task: Task, options: TaskOptions): Promise<boolean> {
    if (this.#closed) throw new ClosedError()
    const { name = this.#settings.queue, jobOptions } = settleQueue(WHERE, options.queue, OURS)
    const jobId = randomUUID()
    const job: JobsOptions = {
      attempts: options.tries,
      backoff: { type: 'exponential', delay: options.backoff, jitter: 0.5 },
      // To BullMQ lower is sooner, and 0 is none at all: sooner than any.
      priority: 101 - options.priority,
      removeOnComplete: true,
      removeOnFail: { count: this.#settings.keepFailed },
      ...jobOptions,
      jobId,
      // One more may be asked for while one runs, which may be about to end: it then waits, the latest of them.
      deduplication: { id: task.id, keepLastIfActive: true },
    }
    const { id } = await this.#link.ask((queues) => queues.named(name).add(task.job, task, job))
    return id === jobId
  }

  work(orders: Orders): Working {
    if (this.#closed) throw new ClosedError()
    const working = new BullmqWorking(this.#settings, orders, () => this.#working.delete(working))
    this.#working.add(working)
    return working
  }

  async close(): Promise<void> {
    this.#closed = true
    await Promise.all([...this.#working].map((working) => working.close()))
    await this.#link.close()
  }
}

/** A producer's queues, by name, each with a connection of its own. */
class Queues {
  readonly #make: (name: string) => Queue<Task, unknown, string>
  readonly #queues = new Map<string, Queue<Task, unknown, string>>()

  constructor(make: (name: string) => Queue<Task, unknown, string>) {
    this.#make = make
  }

  named(name: string): Queue<Task, unknown, string> {
    const queue = this.#queues.get(name) ?? this.#make(name)
    this.#queues.set(name, queue)
    return queue
  }

  close(): Promise<unknown> {
    return Promise.all([...this.#queues.values()].map((queue) => queue.close()))
  }

  drop(): void {
    for (const queue of this.#queues.values()) letGo(queue)
  }
}

class BullmqWorking implements Working {
  readonly ready: Promise<void>
  readonly #settings: Settings
  readonly #orders: Orders
  readonly #ended: () => void
  readonly #running = new Set<Promise<unknown>>()
  /** One worker of BullMQ for each queue, once its library is loaded. */
  readonly #workers: Promise<Worker<unknown, string>[]>
  #closing: Promise<void> | undefined

  constructor(settings: Settings, orders: Orders, ended: () => void) {
    this.#settings = settings
    this.#orders = orders
    this.#ended = ended
    let refuse: (error: Error) => void = () => {}
    const refused = new Promise<never>((_resolve, reject) => {
      refuse = reject
    })
    this.#workers = this.#begin((error) => {
      orders.failed(error)
      if (MISCONFIGURED.test(error.message)) refuse(error)
    })
    this.ready = this.#workers.then(async (workers) => {
      await Promise.race([refused, Promise.all(workers.map((worker) => worker.waitUntilReady()))])
    })
    refused.catch(() => {})
    this.ready.catch(() => {})
  }

  close(): Promise<void> {
    this.#closing ??= this.#close()
    return this.#closing
  }

  async #begin(heard: (error: Error) => void): Promise<Worker<unknown, string>[]> {
    const { Worker, UnrecoverableError } = await loadBullmq()
    const { concurrency, jobs, perform } = this.#orders
    const names = new Set(
      jobs.map(({ queue }) => settleQueue(WHERE, queue, OURS).name ?? this.#settings.queue),
    )
    // Tasks in all, not of each queue.
    const free = new Places(concurrency)
    const process: Processor<unknown, string> = (job) => {
      const work = free.in(async () => {
        try {
          return await perform(job.data, isLast(job))
        } catch (error) {
          throw error instanceof TaskError ? new UnrecoverableError(error.message) : plain(error)
        }
      })
      this.#running.add(work)
      const done = () => this.#running.delete(work)
      work.then(done, done)
      return work
    }
    return [...names].map((name) => {
      const worker = new Worker(name, process, {
        lockDuration: this.#settings.deadAfter,
        stalledInterval: Math.ceil(this.#settings.deadAfter / 3),
        maxStalledCount: MOST_DEATHS,
        ...this.#settings.workerOptions,
        ...connecting(this.#settings),
        concurrency,
      })
      worker.on('error', heard)
      return worker
    })
  }

  async #close(): Promise<void> {
    const workers = await this.#workers.catch(() => [])
    await Promise.all(workers.map((worker) => worker.pause(true)))
    const { closeTimeout, opTimeout } = this.#settings
    await atMost(
      closeTimeout,
      Promise.allSettled(this.#running).then(() => {}),
    )
    // Cut off, their locks end, and other workers take them.
    const cutOff = this.#running.size > 0
    const closed = Promise.all(workers.map((worker) => worker.close(cutOff)))
    await withinDeadline(opTimeout, closed, WHERE).catch(() => workers.forEach(letGo))
    this.#ended()
  }
}

/** Ends the connections of what no server answers. A client that was given stays as it is. */
function letGo(of: Queue<Task, unknown, string> | Worker<unknown, string>): void {
  const backend = of.getBackend()
  backend.close(true).catch(() => {})
  backend.disconnect().catch(() => {})
}

/** To BullMQ the names of some errors mean that the task is where it should be; a load's error is a failure whatever its name. */
function plain(error: unknown): Error {
  if (!(error instanceof Error)) return new Error(`The load threw no Error, but ${kindOf(error)}`)
  const failure = new Error(error.message)
  if (error.stack !== undefined) failure.stack = error.stack
  return failure
}

function isLast({ attemptsMade, opts }: Job<unknown>): boolean {
  return attemptsMade + 1 >= (opts.attempts ?? 1)
}

function loadBullmq(): Promise<typeof import('bullmq')> {
  return load(WHERE, 'bullmq', import('bullmq'))
}

/** Where BullMQ's classes find Redis. */
function connecting({ connection, prefix }: Settings) {
  return { connection, ...(prefix !== undefined && { prefix }) }
}

function settleConnection(given: unknown): ConnectionOptions {
  if (given === undefined) return { ...DISCONNECT }
  if (typeof given === 'string') {
    return { ...DISCONNECT, url: checkUrl(`${WHERE}: connection`, given, ['redis:', 'rediss:']) }
  }
  const options = checkObject(`${WHERE}: connection`, given)
  const isClient = typeof (given as { duplicate?: unknown }).duplicate === 'function'
  // BullMQ knows what both are; the types of its many drivers are not ours to require.
  return (isClient ? given : { ...DISCONNECT, ...options }) as ConnectionOptions
}
