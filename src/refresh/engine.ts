/**
 * What the runners over a queue have in common: a line to ask by, workers that take, and the end of both. An engine says how its line is
 * opened, how a task is put into a queue, and how tasks are taken out.
 */
import { ClosedError } from '../core/errors.ts'
import { type LinkKind, QueueLink } from './queue-link.ts'
import { type EngineSettings, settleQueue } from './queue-options.ts'
import type { Orders, Runner, Task, TaskOptions, Working } from './runner.ts'

export interface Engine<T> extends LinkKind<T> {
  readonly name: string
  /** Whose faults they are, for messages: `'bullmq()'`. */
  readonly where: string
  /** Its options that decide which tasks are the same, and so cannot be a job's. */
  readonly ours: readonly string[]
  /** Puts a task into a queue. `false` when one of the same `id` waits there. */
  send(
    line: T,
    queue: string,
    task: Task,
    options: TaskOptions,
    jobOptions: Readonly<Record<string, unknown>>,
  ): Promise<boolean>
  /** Takes tasks out of these queues until it is closed, which happens once. */
  work(queues: readonly string[], orders: Orders): Working
}

export class EngineRunner<T> implements Runner {
  readonly remote = true
  readonly #engine: Engine<T>
  readonly #settings: EngineSettings
  readonly #link: QueueLink<T>
  readonly #working = new Set<Working>()
  #closed = false

  constructor(engine: Engine<T>, settings: EngineSettings) {
    this.#engine = engine
    this.#settings = settings
    this.#link = new QueueLink(engine.where, settings.opTimeout, engine)
  }

  get name(): string {
    return this.#engine.name
  }

  check(where: string, queue: unknown): void {
    settleQueue(where, queue, this.#engine.ours)
  }

  async enqueue(task: Task, options: TaskOptions): Promise<boolean> {
    this.#checkOpen()
    const { name, jobOptions } = this.#queueOf(options.queue)
    return this.#link.ask((line) => this.#engine.send(line, name, task, options, jobOptions))
  }

  work(orders: Orders): Working {
    this.#checkOpen()
    const queues = new Set(orders.jobs.map(({ queue }) => this.#queueOf(queue).name))
    const working = this.#engine.work([...queues], orders)
    // Who does not ask must not be ended by it.
    working.ready.catch(() => {})
    let closing: Promise<void> | undefined
    const counted: Working = {
      ready: working.ready,
      close: () => {
        closing ??= working.close().finally(() => this.#working.delete(counted))
        return closing
      },
    }
    this.#working.add(counted)
    return counted
  }

  async close(): Promise<void> {
    this.#closed = true
    await Promise.all([...this.#working].map((working) => working.close()))
    await this.#link.close()
  }

  #checkOpen(): void {
    if (this.#closed) throw new ClosedError('This runner is closed: make a new one')
  }

  #queueOf(queue: unknown) {
    const { name = this.#settings.queue, jobOptions } = settleQueue(
      this.#engine.where,
      queue,
      this.#engine.ours,
    )
    return { name, jobOptions }
  }
}
