/**
 * The contract of a runner: what carries a refresh away from the caller who found a stale value. `inProcess()` runs it in this
 * process; an engine (`stillwarm/refresh/bullmq`, `pg-boss`) puts it into a queue, and a worker in some process takes it out.
 *
 * A runner knows nothing of caches. It moves tasks, each a few strings and numbers that JSON keeps, keeps two of one `id` from
 * waiting at once, tries again what failed, and gives up in the open. What a task means, whether it is still needed, and that it
 * stores nothing old, is the business of `perform` alone: a runner may lose nothing, but it may do a task twice, late, or in vain.
 */
import { CacheError } from '../core/errors.ts'

/** A refresh on its way. JSON keeps all of it. */
export interface Task {
  /** The name of the job, by which a worker finds its load. */
  readonly job: string
  /** Tells what is refreshed: the same for every task of one job and key. 43 letters, digits, `-` and `_`. */
  readonly id: string
  /** The key, ready made: it is never computed again on the other side, where arguments may look different. */
  readonly key: string
  /** The version of the cache that the key lives under. */
  readonly version: number
  /** The arguments, as text that brings each back as it was (`writeArguments`). Nobody but `perform` reads it. */
  readonly args: string
  /**
   * The token of the claim under which the refresh was asked for, held for the job's `refreshTimeout`: while it holds, nobody asks
   * again. The one who performs the task holds it on while he works, and ends it when the value is there. (The right to *store* is
   * another claim, taken when the load begins: what was set or deleted after that is never overwritten.)
   */
  readonly token: string
  /** When what is to be replaced was made, in milliseconds since 1970; `null` where nothing was there. */
  readonly replaces: number | null
  /** When it was asked for, in milliseconds since 1970. */
  readonly askedAt: number
}

/** What became of a task that did not fail. */
export type Done =
  /** A new value is stored. */
  | 'made'
  /** A newer value was there already: nothing was loaded. */
  | 'fresh'
  /** What was to be renewed has been deleted meanwhile: nothing was loaded. */
  | 'gone'
  /** It was loaded, and not to be kept: the load said so, or others wrote the key again and again. */
  | 'unkept'

/**
 * Performs a task, whichever way it came. Resolves when there is no more to do; rejects with what the load threw, so that the queue
 * sees the failure and tries again; with a `TaskError` where trying again is no use.
 *
 * @param task as it came out of the queue: it is checked, so hand over what is there.
 * @param last no further try follows this one. Said in the event `refresh-failed`.
 */
export type Perform = (task: unknown, last: boolean) => Promise<Done>

/** How a job wants its tasks run: settled from its options. */
export interface TaskOptions {
  /** How often in all a task is tried, from 1 on. */
  readonly tries: number
  /** So long, in milliseconds, before the second try; each further one waits twice as long, with jitter. */
  readonly backoff: number
  /** A whole number from −100 to 100; higher goes first, 0 is common. */
  readonly priority: number
  /** The job's `queue` option, the engine's own, unchanged; `undefined` where the job says none. */
  readonly queue: unknown
}

export interface Runner {
  /** For messages and events: `'in-process'`, `'bullmq'`. */
  readonly name: string
  /** Tasks leave this process as JSON. Then arguments must be such that they can travel, which is checked at every call. */
  readonly remote: boolean

  /**
   * Looks at a job's `queue` option (`undefined` where it has none), once, when the job is defined. Throws a coded TypeError for
   * what can never work: misconfiguration shows when the program starts.
   */
  check?(where: string, queue: unknown): void

  /**
   * Takes a task. Resolves `true` when it is sure to be performed, which for an engine means stored in the queue;
   * `false` when one of the same `id` waits already, which will do as well. (One that runs may count as waiting: it makes the value
   * again by itself if it is overtaken.) Rejects, within seconds, when the queue cannot take it: the job's `onQueueError` decides
   * what then. After `close` it rejects with `ClosedError`.
   *
   * @param perform runs it in this process. For engines of a queue it is of no use.
   */
  enqueue(task: Task, options: TaskOptions, perform: Perform): Promise<boolean>

  /** Takes tasks out of the queue and performs them, until closed. Only for runners that are `remote`. */
  work?(orders: Orders): Working

  /**
   * Takes nothing more, finishes what this process runs or has only in memory, and lets go of its connections (those it was
   * given stay open). What waits in a queue stays there for others. The second time it does nothing.
   */
  close(): Promise<void>
}

/** What a worker is to do. */
export interface Orders {
  /** The jobs it knows, and the `queue` option of each. Tasks of other jobs are left to other workers, or else performed: `perform` refuses them. */
  readonly jobs: readonly { readonly name: string; readonly queue: unknown }[]
  /** Tasks at once, in all. */
  readonly concurrency: number
  readonly perform: Perform
  /** Told of every fault that no task's promise shows: a lost connection, a poll that failed. The worker goes on. */
  failed(error: unknown): void
}

/** A worker at work. */
export interface Working {
  /** Resolves once it takes tasks; rejects when it cannot begin. */
  readonly ready: Promise<void>
  /** Takes no further task and waits for those it has; those cut off go back to the queue. */
  close(): Promise<void>
}

/** A task that no further try can help: codes `UNKNOWN_JOB`, `INVALID_TASK`. An engine gives it up at once. */
export class TaskError extends CacheError {
  override name = 'TaskError'
}
