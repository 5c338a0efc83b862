/** What the engines' options have in common. They are checked when the program starts, and no message shows what was given. */
import { argumentError } from '../core/errors.ts'
import { checkInteger, checkOptions, kindOf } from '../core/options.ts'

/** A task that was in the hands of so many workers when they died has killed them, and is given up. */
export const MOST_DEATHS = 8

/** A job's `queue` option: the name of its queue, or that and options of the engine for each of its tasks. */
export type QueueOption = string | { name?: string; jobOptions?: Record<string, unknown> }

/** Options that every engine takes. */
export interface EngineOptions {
  /** The queue of jobs that name none; `stillwarm` by default. */
  queue?: string
  /** How long the queue may take to accept a task, in milliseconds; 1,000 by default. */
  opTimeout?: number
  /**
   * A worker that has given no sign of life for so long is dead, in milliseconds, and its tasks are another's; 15,000 by default, at
   * least 1,000. A worker that computes for that long without a pause is taken for dead too.
   */
  deadAfter?: number
  /** How long a closing worker waits for the tasks it runs, in milliseconds; 10,000 by default. */
  closeTimeout?: number
}

export const ENGINE_OPTIONS: readonly (keyof EngineOptions)[] = [
  'queue',
  'opTimeout',
  'deadAfter',
  'closeTimeout',
]

export interface EngineSettings {
  readonly queue: string
  readonly opTimeout: number
  readonly deadAfter: number
  readonly closeTimeout: number
}

/** @param where whose options they are: `'bullmq()'`. */
export function settleEngine(where: string, options: EngineOptions): EngineSettings {
  return {
    queue: options.queue === undefined ? 'stillwarm' : checkQueueName(where, options.queue),
    opTimeout: checkInteger(`${where}: opTimeout`, options.opTimeout ?? 1_000, 1, 60_000),
    deadAfter: checkInteger(`${where}: deadAfter`, options.deadAfter ?? 15_000, 1_000, 3_600_000),
    closeTimeout: checkInteger(`${where}: closeTimeout`, options.closeTimeout ?? 10_000, 0, 86_400_000),
  }
}

/**
 * Reads a job's `queue` option.
 *
 * @param ours options of the engine that decide which tasks are the same, and so cannot be a job's.
 */
export function settleQueue(
  where: string,
  queue: unknown,
  ours: readonly string[],
): { name: string | undefined; jobOptions: Record<string, unknown> } {
  if (queue === undefined) return { name: undefined, jobOptions: {} }
  if (typeof queue === 'string') return { name: checkQueueName(where, queue), jobOptions: {} }
  checkOptions(`${where}: queue`, queue, ['name', 'jobOptions'])
  const { name, jobOptions } = queue as Exclude<QueueOption, string>
  const settled = checkObject(`${where}: queue.jobOptions`, jobOptions)
  const taken = ours.find((option) => option in settled)
  if (taken) throw refused(`${where}: queue.jobOptions: ${taken} is set for each task and cannot be another`)
  return { name: name === undefined ? undefined : checkQueueName(where, name), jobOptions: settled }
}

/** What an engine takes unchanged: an object, or nothing. */
export function checkObject(name: string, value: unknown): Record<string, unknown> {
  if (value === undefined) return {}
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return { ...value }
  throw refused(`${name} must be an object, not ${kindOf(value)}`)
}

/** A URL of a server, without ever showing it: it may hold a password. */
export function checkUrl(name: string, url: string, protocols: readonly string[]): string {
  if (URL.canParse(url) && protocols.includes(new URL(url).protocol)) return url
  throw refused(
    `${name} must be a URL that begins with ${protocols.map((protocol) => `${protocol}//`).join(' or ')}, with odd characters of the password percent-encoded`,
  )
}

export function refused(message: string): Error {
  return argumentError(TypeError, 'INVALID_OPTION', message)
}

// Both engines take these, as table names and keys of theirs.
function checkQueueName(where: string, name: unknown): string {
  if (typeof name === 'string' && /^[\w.-]{1,100}$/.test(name)) return name
  throw refused(`${where}: the name of a queue is up to 100 letters, digits, '-', '_' and '.'`)
}
