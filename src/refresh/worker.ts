/** A worker: takes refreshes out of the queues of its jobs and makes them. As many processes as you like may be one. */
import { argumentError } from '../core/errors.ts'
import { checkInteger, checkOptions, kindOf } from '../core/options.ts'
import { readArguments } from './arguments.ts'
import { Job, refresherOf } from './job.ts'
import type { Refresher } from './refresher.ts'
import { type Perform, type Runner, type Task, TaskError, type Working } from './runner.ts'
import { warnNowAndThen } from './warning.ts'

/** A job, whatever its arguments and values. */
type AnyJob = { readonly name: string; refresh(...args: never[]): Promise<unknown> }

export interface WorkerOptions {
  /** The jobs, or functions wrapped by `cacheback`. Those that run in process need no worker, and are passed over. */
  jobs: Iterable<AnyJob | { readonly job: AnyJob }>
  /** Refreshes at once, for each runner; 10 by default. */
  concurrency?: number
  /** Told of a fault that no job's failure shows, such as a lost connection; the worker goes on. By default a process warning, once a minute. */
  onError?: (error: unknown) => void
}

/** A worker at work. */
export interface Worker extends Working {
  /** The names of its jobs. */
  readonly jobs: readonly string[]
}

/**
 * Starts to work at once.
 *
 * @example
 * const working = worker({ jobs: [tweets, prices], concurrency: 20 })
 * process.once('SIGTERM', () => working.close())
 *
 * @throws TypeError `NO_QUEUE` when none of the jobs has a queue, `INVALID_OPTION` for two jobs of one name.
 */
export function worker(options: WorkerOptions): Worker {
  checkOptions('worker()', options, ['jobs', 'concurrency', 'onError'])
  const concurrency = checkInteger('worker(): concurrency', options.concurrency ?? 10, 1, 10_000)
  const refreshers = refreshersOf(options.jobs)
  const warn = warnNowAndThen('A worker of jobs goes on after a fault of its queue')
  const failed = options.onError ?? ((error: unknown) => warn(error, 'WORKER_FAULT'))
  const perform: Perform = async (data, last) => {
    const task = checkTask(data)
    const refresher = refreshers.get(task.job)
    if (refresher === undefined) {
      throw new TaskError(
        'UNKNOWN_JOB',
        `this worker knows no job ${JSON.stringify(task.job)}: give it to worker({ jobs })`,
      )
    }
    return refresher.perform(task, last, argumentsOf(task))
  }
  const working: Working[] = []
  for (const [runner, jobs] of byRunner(refreshers)) {
    if (runner.work) working.push(runner.work({ jobs, concurrency, perform, failed }))
  }
  const ready = Promise.all(working.map((one) => one.ready)).then(() => {})
  // Who does not ask must not be ended by it.
  ready.catch(failed)
  return {
    jobs: [...refreshers.keys()],
    ready,
    close: () => Promise.all(working.map((one) => one.close())).then(() => {}),
  }
}

function refreshersOf(jobs: unknown): Map<string, Refresher> {
  if (typeof jobs !== 'object' || jobs === null || !(Symbol.iterator in jobs)) {
    throw argumentError(
      TypeError,
      'INVALID_OPTION',
      `worker(): jobs must be a list of jobs, not ${kindOf(jobs)}`,
    )
  }
  const found = new Map<string, Refresher>()
  for (const one of jobs as Iterable<unknown>) {
    const job = typeof one === 'function' ? (one as { job?: unknown }).job : one
    if (!(job instanceof Job)) {
      throw argumentError(
        TypeError,
        'INVALID_OPTION',
        `worker(): jobs must be made by defineJob(), cacheback() or a class that extends Job; one is ${kindOf(one)}`,
      )
    }
    const refresher = refresherOf(job)
    const { name, runner } = refresher.settings
    if (found.has(name)) {
      throw argumentError(TypeError, 'INVALID_OPTION', `worker(): two jobs are named ${JSON.stringify(name)}`)
    }
    if (runner.work) found.set(name, refresher)
  }
  if (found.size > 0) return found
  throw argumentError(
    TypeError,
    'NO_QUEUE',
    'worker(): none of the jobs has a queue: give one a runner such as bullmq() or pgBoss()',
  )
}

function byRunner(refreshers: Map<string, Refresher>) {
  const found = new Map<Runner, { name: string; queue: unknown }[]>()
  for (const { settings } of refreshers.values()) {
    const { name, runner, task } = settings
    found.set(runner, [...(found.get(runner) ?? []), { name, queue: task.queue }])
  }
  return found
}

const STRINGS = ['job', 'id', 'key', 'args', 'token'] as const

/** What comes out of a queue may be of another release, or of nobody we know. */
function checkTask(data: unknown): Task {
  const task = (data ?? {}) as Partial<Record<keyof Task, unknown>>
  const fine =
    STRINGS.every((name) => typeof task[name] === 'string') &&
    task.key !== '' &&
    Number.isSafeInteger(task.version) &&
    Number(task.version) >= 0 &&
    (task.replaces === null || typeof task.replaces === 'number')
  if (fine) return data as Task
  throw new TaskError('INVALID_TASK', 'what came out of the queue is no refresh of a job')
}

function argumentsOf(task: Task): unknown[] {
  try {
    return readArguments(task.args)
  } catch (cause) {
    throw new TaskError('INVALID_TASK', 'the arguments that came out of the queue cannot be read', { cause })
  }
}
