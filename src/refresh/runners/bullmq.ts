/**
 * Refreshes through BullMQ on Redis. A task waits once for its key; tries, backoff and priority are BullMQ's own, and what is
 * beyond help ends in its set of failed jobs, where every dashboard of BullMQ shows it.
 */
import { randomUUID } from 'node:crypto'
import type { ConnectionOptions, IRedisClient, Job, JobsOptions, Processor, Queue, Worker } from 'bullmq'
import { withinDeadline } from '../../core/guarding/deadline.ts'
import { atMost } from '../../core/making/waiting.ts'
import { checkInteger, checkOptions, kindOf } from '../../core/options.ts'
import { type Engine, EngineRunner } from '../engine.ts'
import { checkInstalled, load } from '../installed.ts'
import { Places } from '../places.ts'
import {
  checkObject,
  checkUrl,
  ENGINE_OPTIONS,
  type EngineOptions,
  type EngineSettings,
  MOST_DEATHS,
  refused,
  settleEngine,
} from '../queue-options.ts'
import { type Orders, type Runner, type Task, TaskError, type Working } from '../runner.ts'

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

/** BullMQ connects by ioredis where it is given no client. */
const LIBRARIES = ['bullmq', 'ioredis']

/** What makes two tasks one, and BullMQ's features that make one task several. */
const OURS = ['jobId', 'deduplication', 'debounce', 'repeat', 'parent']

/** Answers of Redis that no waiting mends: a wrong password, no such right, no such database. */
const MISCONFIGURED = /^(WRONGPASS|NOAUTH|NOPERM|ERR (AUTH|invalid|DB))/

/** Nobody is there. A worker waits for him, who asks does not. */
const NOBODY = /ECONNREFUSED|ENOTFOUND/

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
  checkInstalled(WHERE, isClient(settings.connection) ? ['bullmq'] : LIBRARIES, import.meta.url)
  return new EngineRunner(bullmqEngine(settings), settings)
}

function bullmqEngine(settings: Settings): Engine<Queues> {
  return {
    name: 'bullmq',
    where: WHERE,
    ours: OURS,
    async open() {
      const library = await loadBullmq()
      return new Queues(library, connect(library, settings))
    },
    drop: (queues) => queues.drop(),
    close: (queues) => queues.close(),
    async send(queues, queue, task, options, jobOptions) {
      const jobId = randomUUID()
      const job: JobsOptions = {
        attempts: options.tries,
        backoff: { type: 'exponential', delay: options.backoff, jitter: 0.5 },
        // To BullMQ lower is sooner, and 0 is none at all: sooner than any.
        priority: 101 - options.priority,
        removeOnComplete: true,
        removeOnFail: { count: settings.keepFailed },
        ...jobOptions,
        jobId,
        // One more may be asked for while one runs, which may be about to end: it then waits, the latest of them.
        deduplication: { id: task.id, keepLastIfActive: true },
      }
      const { id } = await queues.add(queue, task, job)
      return id === jobId
    },
    work: (queues, orders) => new BullmqWorking(settings, orders, queues),
  }
}

/** A producer's queues, by name, each with a connection of its own unless a client was given. */
class Queues {
  readonly #library: Library
  readonly #connected: Connected
  readonly #patience = new Patience([MISCONFIGURED, NOBODY])
  readonly #queues = new Map<string, Queue<Task, unknown, string>>()

  constructor(library: Library, connected: Connected) {
    this.#library = library
    this.#connected = connected
  }

  add(name: string, task: Task, options: JobsOptions): Promise<Job<Task, unknown, string>> {
    const queue = this.#queues.get(name) ?? this.#make(name)
    this.#queues.set(name, queue)
    return this.#patience.during(queue.add(task.job, task, options))
  }

  #make(name: string): Queue<Task, unknown, string> {
    const queue = new this.#library.Queue<Task, unknown, string>(name, this.#connected.options)
    queue.on('error', (error) => this.#patience.hear(error))
    return queue
  }

  async close(): Promise<void> {
    await Promise.all([...this.#queues.values()].map((queue) => queue.close()))
    this.#connected.end()
  }

  drop(): void {
    for (const queue of this.#queues.values()) letGo(queue)
    this.#connected.end()
  }
}

/** One worker of BullMQ for each queue. */
interface Workers {
  readonly workers: readonly Worker<unknown, string>[]
  readonly connected: Connected
}

class BullmqWorking implements Working {
  readonly ready: Promise<void>
  readonly #settings: Settings
  readonly #orders: Orders
  readonly #queues: readonly string[]
  readonly #running = new Set<Promise<unknown>>()
  /** Once the library is loaded. */
  readonly #begun: Promise<Workers>

  constructor(settings: Settings, orders: Orders, queues: readonly string[]) {
    this.#settings = settings
    this.#orders = orders
    this.#queues = queues
    const patience = new Patience([MISCONFIGURED])
    this.#begun = this.#begin((error) => {
      orders.failed(error)
      patience.hear(error)
    })
    const ready = this.#begun.then(({ workers }) =>
      Promise.all(workers.map((worker) => worker.waitUntilReady())),
    )
    this.ready = patience.during(ready).then(() => {})
  }

  async #begin(heard: (error: Error) => void): Promise<Workers> {
    const library = await loadBullmq()
    const connected = connect(library, this.#settings)
    const { concurrency, perform } = this.#orders
    // Tasks in all, not of each queue.
    const free = new Places(concurrency)
    const process: Processor<unknown, string> = (job) => {
      const work = free.in(async () => {
        try {
          return await perform(job.data, isLast(job))
        } catch (error) {
          throw error instanceof TaskError ? new library.UnrecoverableError(error.message) : plain(error)
        }
      })
      this.#running.add(work)
      const done = () => this.#running.delete(work)
      work.then(done, done)
      return work
    }
    const workers = this.#queues.map((name) => {
      const worker = new library.Worker(name, process, {
        lockDuration: this.#settings.deadAfter,
        stalledInterval: Math.ceil(this.#settings.deadAfter / 3),
        maxStalledCount: MOST_DEATHS,
        ...this.#settings.workerOptions,
        ...connected.options,
        concurrency,
      })
      worker.on('error', heard)
      return worker
    })
    return { workers, connected }
  }

  async close(): Promise<void> {
    const begun = await this.#begun.catch(() => undefined)
    if (!begun) return
    const { workers, connected } = begun
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
    connected.end()
  }
}

/** BullMQ tries again whatever fails, for ever. Who waits for it is told of what he need not wait for. */
class Patience {
  readonly #endedBy: readonly RegExp[]
  readonly #waiting = new Set<(error: Error) => void>()

  constructor(endedBy: readonly RegExp[]) {
    this.#endedBy = endedBy
  }

  hear(error: Error): void {
    // Of a name with several addresses the message is empty, and the code says it.
    const said = error.message || String('code' in error && error.code)
    if (this.#endedBy.some((pattern) => pattern.test(said))) for (const end of this.#waiting) end(error)
  }

  during<T>(answer: Promise<T>): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      this.#waiting.add(reject)
      answer.finally(() => this.#waiting.delete(reject)).then(resolve, reject)
    })
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

type Library = typeof import('bullmq')

function loadBullmq(): Promise<Library> {
  return load(WHERE, LIBRARIES, import('bullmq'))
}

/** How BullMQ's classes find Redis, until the end. */
interface Connected {
  readonly options: { readonly connection: ConnectionOptions; readonly prefix?: string }
  end(): void
}

function connect(library: Library, { connection, prefix }: Settings): Connected {
  const named = prefix !== undefined && { prefix }
  if (!isClient(connection)) return { options: { connection, ...named }, end() {} }
  const client = copyOf(library, connection)
  return { options: { connection: client, ...named }, end: () => client.disconnect() }
}

/** A client of the user's is copied, and the copy is ours to end: BullMQ's listeners stay for good where they were put. */
function copyOf(library: Library, client: Client): IRedisClient {
  const isNodeRedis = typeof client.defineCommand !== 'function' && 'isOpen' in client
  const waits = { maxRetriesPerRequest: null, ...DISCONNECT }
  const copy = isNodeRedis
    ? library.createNodeRedisClient(client.duplicate())
    : library.createIORedisClient(client.isCluster ? client.duplicate() : client.duplicate(waits))
  // To the end: BullMQ repeats errors when it has stopped to listen itself, and one that nobody hears ends the process.
  copy.on('error', () => {})
  return copy
}

/** What BullMQ takes for a client. */
type Client = Extract<ConnectionOptions, { duplicate(...args: unknown[]): unknown }>

function isClient(connection: ConnectionOptions): connection is Client {
  return 'duplicate' in connection && typeof connection.duplicate === 'function'
}

function settleConnection(given: unknown): ConnectionOptions {
  if (given === undefined) return { ...DISCONNECT }
  if (typeof given === 'string') {
    return { ...DISCONNECT, url: checkUrl(`${WHERE}: connection`, given, ['redis:', 'rediss:']) }
  }
  const options = checkObject(`${WHERE}: connection`, given)
  // BullMQ knows what both are; the types of its many drivers are not ours to require.
  return isClient(given as ConnectionOptions) ? (given as ConnectionOptions) : { ...DISCONNECT, ...options }
}
