/**
 * Where a case of a runner plays: a runner over a queue of its own, its tasks performed by what the case says, in this process or by
 * a worker. Nothing is timed: what must happen is waited for, and what must not is given time to.
 */
import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import type { Backend } from '../core/backend.ts'
import type { Cache } from '../core/cache.ts'
import { digest } from '../refresh/digests.ts'
import type { Perform, Runner, Task, TaskOptions, Working } from '../refresh/runner.ts'
import type { Case, CaseContext } from './case.ts'
import { needed } from './stage.ts'

/** What the cases need to know of the runner that they prove. */
export interface RunnerContext {
  /** A runner over a queue of its own, for each call. */
  runner(): Runner | Promise<Runner>
  /** Another runner over the queue of this one, as another process has it. For the topic `fleet`. */
  peer?(runner: Runner): Runner | Promise<Runner>
  /** A runner whose queue cannot be reached. For the topic `outage`. */
  unreachable?(): Runner | Promise<Runner>
  /** Where the values of jobs rest. For a runner that is remote: a backend that processes share, or one they might. */
  backend(): Backend | Promise<Backend>
  /** `createCaches` of the main door. */
  createCaches: CaseContext['createCaches']
  /** So long, in milliseconds, a task may take to be performed, or to be tried again: 2,000 in memory, more for a queue that is polled. */
  patience: number
}

export type RunnerCase = Case<RunnerContext>

export const OPTIONS: TaskOptions = { tries: 1, backoff: 20, priority: 0, queue: undefined }

export class RunnerStage {
  readonly runner: Runner
  readonly context: RunnerContext
  /** What tasks lead to. */
  perform: Perform = async () => 'made'
  readonly #runners: Runner[]
  readonly #working: Working[] = []
  readonly #closings: (() => Promise<void>)[] = []

  constructor(context: RunnerContext, runner: Runner) {
    this.context = context
    this.runner = runner
    this.#runners = [runner]
  }

  /** Begins to take tasks, where they are not performed as they come. */
  async start(runner: Runner = this.runner, concurrency = 10): Promise<Working | undefined> {
    const working = runner.work?.({
      jobs: [{ name: 'case', queue: undefined }],
      concurrency,
      perform: (task, last) => this.perform(task, last),
      failed: () => {},
    })
    if (working === undefined) return undefined
    this.#working.push(working)
    await working.ready
    return working
  }

  enqueue(task: Task, options: Partial<TaskOptions> = {}): Promise<boolean> {
    return this.runner.enqueue(task, { ...OPTIONS, ...options }, (data, last) => this.perform(data, last))
  }

  async peer(): Promise<Runner> {
    const peer = await needed(this.context.peer, 'peer')(this.runner)
    this.#runners.push(peer)
    return peer
  }

  /** A cache for jobs, with a prefix of its own. */
  async cache(): Promise<Cache> {
    const caches = this.context.createCaches(
      {
        default: {
          backend: await this.context.backend(),
          keyPrefix: `case-${randomUUID()}`,
          onBackendError: 'throw',
        },
      },
      {},
    )
    this.#closings.push(() => caches.close())
    return caches.get('default')
  }

  /** Ends a worker with the case. */
  closeLater(working: Working): void {
    this.#working.push(working)
  }

  /** Waits until it is so. */
  async until(isSo: () => boolean | Promise<boolean>, what: string): Promise<void> {
    const end = performance.now() + 2 * this.context.patience
    while (!(await isSo())) {
      assert.ok(performance.now() < end, `${what}: not within ${2 * this.context.patience} ms`)
      await pause(5)
    }
  }

  /** Gives what must not happen the time to. */
  settle(): Promise<void> {
    return pause(Math.min(this.context.patience, 300))
  }

  async end(): Promise<void> {
    await Promise.all(this.#working.map((working) => working.close()))
    await Promise.all(this.#runners.map((runner) => runner.close()))
    for (const close of this.#closings) await close()
  }
}

/** A task for the key; each call's is equal to the last. */
export function taskOf(key: string, more: Partial<Task> = {}): Task {
  return {
    job: 'case',
    id: digest(key),
    key,
    version: 1,
    args: '["42",{"a":[1,null]}]',
    token: 'token',
    replaces: null,
    askedAt: 1_767_225_600_000,
    ...more,
  }
}

export function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms))
}

/** A case of a runner. */
export function onRunner(
  name: string,
  play: (stage: RunnerStage) => Promise<void>,
  choose: (context: RunnerContext) => Runner | Promise<Runner> = (context) => context.runner(),
): RunnerCase {
  return {
    name,
    async run(context) {
      const stage = new RunnerStage(context, await choose(context))
      try {
        await play(stage)
      } finally {
        await stage.end()
      }
    },
  }
}
