/**
 * A worker on pg-boss. Its own `work()` is not used: that runs a whole batch as one, gives up on a task that takes long though it is
 * alive, and lets the process die of a connection lost at the wrong moment.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { ConfigError } from '../../../core/errors.ts'
import { withinDeadline } from '../../../core/guarding/deadline.ts'
import { atMost } from '../../../core/making/waiting.ts'
import { kindOf } from '../../../core/options.ts'
import { type Orders, TaskError, type Working } from '../../runner.ts'
import { type Boss, type Fetched, Line, type Settings, WHERE } from './line.ts'

/** So long, in milliseconds, before what failed is tried again. */
const PAUSE = 1_000

/** Errors of PostgreSQL that no waiting mends: a wrong password, no such database, no such right. */
const MISCONFIGURED = /^(28|3D|3F|42)/

interface Running {
  readonly queue: string
  readonly performed: Promise<unknown>
  /** It has been performed, well or not, and pg-boss is being told. */
  ended: boolean
  /** pg-boss knows. */
  told: Promise<void>
}

export class PgBossWorking implements Working {
  readonly ready: Promise<void>
  readonly #settings: Settings
  readonly #orders: Orders
  readonly #queues: readonly string[]
  /** The tasks that run, by their id. */
  readonly #running = new Map<string, Running>()
  readonly #stop = new AbortController()
  readonly #loop: Promise<void>
  #line: Line | undefined

  constructor(settings: Settings, orders: Orders, queues: readonly string[]) {
    this.#settings = settings
    this.#orders = orders
    this.#queues = queues
    const begun = this.#begin()
    this.ready = begun.then(nothing)
    this.#loop = begun.then((line) => line && this.#work(line)).catch(() => {})
  }

  async close(): Promise<void> {
    const { closeTimeout, opTimeout } = this.#settings
    this.#stop.abort()
    // What it is just taking it still runs.
    await atMost(opTimeout, this.#loop)
    const performed = [...this.#running.values()].map((one) => one.performed)
    await atMost(closeTimeout, Promise.allSettled(performed).then(nothing))
    const line = this.#line
    if (line) {
      // Those cut off are another worker's, at once.
      const told = [...this.#running].map(([id, { queue, ended, told }]) =>
        ended ? told : line.boss.fail(queue, id, CUT_OFF),
      )
      const closed = Promise.all(told).then(() => line.close())
      await withinDeadline(opTimeout, closed, WHERE).catch(() => line.drop())
    }
  }

  /** Until PostgreSQL is there; only what no waiting mends ends it. */
  async #begin(): Promise<Line | undefined> {
    while (!this.#stop.signal.aborted) {
      const line = await Line.make(this.#settings, true, this.#orders.failed)
      this.#line = line
      try {
        await line.start()
        for (const name of this.#queues) await line.queue(name)
        line.expire().catch(this.#orders.failed)
        return line
      } catch (error) {
        line.drop()
        if (error instanceof ConfigError || MISCONFIGURED.test(codeOf(error))) throw error
        this.#orders.failed(error)
        await this.#pause(PAUSE)
      }
    }
    return undefined
  }

  async #work(line: Line): Promise<void> {
    while (!this.#stop.signal.aborted) {
      try {
        const found = await this.#take(line)
        if (this.#running.size >= this.#orders.concurrency) await Promise.race(this.#told())
        else if (found === 0) await this.#pause(this.#settings.pollInterval)
      } catch (error) {
        this.#orders.failed(error)
        await this.#pause(PAUSE)
      }
    }
  }

  /** Takes as many as there are places, of each queue in turn. */
  async #take(line: Line): Promise<number> {
    let found = 0
    for (const queue of this.#queues) {
      const batchSize = this.#orders.concurrency - this.#running.size
      if (batchSize <= 0) break
      const tasks = await line.boss.fetch(queue, { batchSize, includeMetadata: true })
      found += tasks.length
      for (const task of tasks) this.#start(line, queue, task)
    }
    return found
  }

  #start(line: Line, queue: string, fetched: Fetched): void {
    const { id, data, output, retryCount, retryLimit } = fetched
    const { task, tries } = parcelIn(data)
    const failures = failuresIn(output) + 1
    const last = failures >= tries || retryCount >= retryLimit
    const alive = setInterval(() => void this.#sayAlive(line, queue, id), this.#settings.deadAfter / 3)
    const performed = this.#orders.perform(task, last)
    const running: Running = { queue, performed, ended: false, told: Promise.resolve() }
    running.told = performed
      .finally(() => {
        running.ended = true
      })
      .then(
        // What is done leaves no trace: the table stays as small as the queue is.
        () => line.boss.deleteJob(queue, id),
        (error: unknown) => this.#fail(line, queue, id, error, last, failures),
      )
      .then(nothing, this.#orders.failed)
      .finally(() => {
        clearInterval(alive)
        this.#running.delete(id)
      })
    this.#running.set(id, running)
  }

  async #fail(
    line: Line,
    queue: string,
    id: string,
    error: unknown,
    last: boolean,
    failures: number,
  ): Promise<void> {
    if (last || error instanceof TaskError) await this.#noMoreTries(line.boss, queue, id)
    await line.boss.fail(queue, id, { ...reasonOf(error), failures })
  }

  async #noMoreTries(boss: Boss, queue: string, id: string): Promise<void> {
    const text = `UPDATE ${this.#settings.schema}.job SET retry_limit = retry_count WHERE name = $1 AND id = $2`
    await boss.getDb().executeSql(text, [queue, id])
  }

  /** Without this a task that takes long would be given to another worker beside this one. */
  async #sayAlive({ boss }: Line, queue: string, id: string): Promise<void> {
    const text = `UPDATE ${this.#settings.schema}.job SET started_on = now() WHERE name = $1 AND id = $2 AND state = 'active'`
    try {
      await boss.getDb().executeSql(text, [queue, id])
    } catch (error) {
      this.#orders.failed(error)
    }
  }

  #told(): Promise<void>[] {
    return [...this.#running.values()].map(({ told }) => told)
  }

  async #pause(ms: number): Promise<void> {
    await sleep(ms, undefined, { signal: this.#stop.signal }).catch(() => {})
  }
}

const CUT_OFF = { message: 'The worker was closed before it was done' }

function nothing(): void {}

/** What was queued; for what nobody of ours queued no task. */
function parcelIn(data: unknown): { task: unknown; tries: number } {
  const { task, tries } = (data ?? {}) as { task?: unknown; tries?: unknown }
  return { task: parsed(task), tries: typeof tries === 'number' ? tries : 1 }
}

function parsed(text: unknown): unknown {
  try {
    return JSON.parse(String(text))
  } catch {
    return undefined
  }
}

/** How often it has failed. To pg-boss a worker that died is a try too; to us it is no fault of the task. */
function failuresIn(output: unknown): number {
  const { failures } = (output ?? {}) as { failures?: unknown }
  return typeof failures === 'number' ? failures : 0
}

/** What pg-boss keeps of a failure. Not all of the error: those of HTTP clients hold requests with their credentials. */
function reasonOf(error: unknown): object {
  if (!(error instanceof Error)) return { message: `The load threw no Error, but ${kindOf(error)}` }
  const { name, message, stack } = error
  return { name, message, stack }
}

function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : ''
}
