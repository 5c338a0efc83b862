/**
 * The runner that needs nothing: refreshes run in this process, a few at once, behind whoever asked. One that fails is tried again
 * after a pause; nobody waits for it, so nobody is thrown at. What waits here is lost with the process: the claim of the
 * refresh then ends by itself, and the next reader asks anew.
 */
import { CacheError, ClosedError } from '../core/errors.ts'
import { checkInteger, checkOptions } from '../core/options.ts'
import { type Duration, durationToMs } from '../core/values/expiry.ts'
import { type Perform, type Runner, type Task, TaskError, type TaskOptions } from './runner.ts'

export interface InProcessOptions {
  /** Refreshes at once; 4 by default. */
  concurrency?: number
  /** Refreshes that may wait; one more is not taken (`RUNNER_FULL`), and the job's `onQueueError` decides. 10,000 by default. */
  maxWaiting?: number
  /** `close` waits so long at most for what runs and waits; `'5s'` by default. */
  drain?: Duration
}

/** A task here: waiting for its turn, running, or resting until it is tried again. */
interface Item {
  task: Task
  perform: Perform
  readonly options: TaskOptions
  tries: number
  rest: NodeJS.Timeout | undefined
}

/** The longest pause between two tries, in milliseconds. */
const LONGEST_PAUSE = 5 * 60_000

/**
 * Makes a runner in this process. One may serve many jobs.
 *
 * @throws TypeError or RangeError for a wrong option.
 */
export function inProcess(options: InProcessOptions = {}): Runner {
  checkOptions('inProcess()', options, ['concurrency', 'maxWaiting', 'drain'])
  return new InProcessRunner(
    checkInteger('inProcess(): concurrency', options.concurrency ?? 4, 1),
    checkInteger('inProcess(): maxWaiting', options.maxWaiting ?? 10_000, 1),
    durationToMs('inProcess(): drain', options.drain ?? '5s'),
  )
}

let common: Runner | undefined

/** The runner of every job that names none. */
export function commonRunner(): Runner {
  common ??= inProcess()
  return common
}

class InProcessRunner implements Runner {
  readonly name = 'in-process'
  readonly remote = false
  readonly #concurrency: number
  readonly #maxWaiting: number
  readonly #drain: number
  readonly #items = new Map<string, Item>()
  /** By priority, the highest first. */
  readonly #waiting: Item[] = []
  #running = 0
  #closing: Promise<void> | undefined
  #drained: (() => void) | undefined

  constructor(concurrency: number, maxWaiting: number, drain: number) {
    this.#concurrency = concurrency
    this.#maxWaiting = maxWaiting
    this.#drain = drain
  }

  async enqueue(task: Task, options: TaskOptions, perform: Perform): Promise<boolean> {
    if (this.#closing) throw new ClosedError('This runner is closed: make a new one with inProcess()')
    const known = this.#items.get(task.id)
    if (known !== undefined && known.rest === undefined) return false
    if (this.#waiting.length >= this.#maxWaiting) {
      throw new CacheError('RUNNER_FULL', `${this.#maxWaiting} refreshes wait already: allow more at once`)
    }
    if (known === undefined) {
      this.#wait({ task, perform, options, tries: 0, rest: undefined })
    } else {
      // Asked for anew while it rests: somebody wants it now.
      clearTimeout(known.rest)
      this.#wait(Object.assign(known, { task, perform, rest: undefined }))
    }
    this.#startNext()
    return true
  }

  #wait(item: Item): void {
    this.#items.set(item.task.id, item)
    let place = this.#waiting.length
    while (place > 0 && this.#waiting[place - 1]!.options.priority < item.options.priority) place--
    this.#waiting.splice(place, 0, item)
  }

  #startNext(): void {
    while (this.#running < this.#concurrency) {
      const item = this.#waiting.shift()
      if (item === undefined) break
      this.#running++
      item.tries++
      this.#run(item)
    }
    if (this.#running === 0) this.#drained?.()
  }

  /** Never rejects: what fails has been told of by `perform`. */
  async #run(item: Item): Promise<void> {
    const last = item.tries >= item.options.tries
    try {
      await item.perform(item.task, last)
      this.#items.delete(item.task.id)
    } catch (error) {
      if (last || this.#closing || error instanceof TaskError || error instanceof ClosedError) {
        this.#items.delete(item.task.id)
      } else {
        this.#rest(item)
      }
    }
    this.#running--
    this.#startNext()
  }

  #rest(item: Item): void {
    const pause = Math.min(LONGEST_PAUSE, item.options.backoff * 2 ** (item.tries - 1))
    item.rest = setTimeout(
      () => {
        item.rest = undefined
        this.#wait(item)
        this.#startNext()
      },
      pause * (1 + Math.random() / 2),
    )
    item.rest.unref()
  }

  close(): Promise<void> {
    this.#closing ??= this.#end()
    return this.#closing
  }

  async #end(): Promise<void> {
    for (const [id, { rest }] of this.#items) {
      if (rest === undefined) continue
      clearTimeout(rest)
      this.#items.delete(id)
    }
    if (this.#running === 0) return
    let timer: NodeJS.Timeout | undefined
    await new Promise<void>((resolve) => {
      this.#drained = resolve
      timer = setTimeout(resolve, this.#drain)
    })
    clearTimeout(timer)
    for (const { task } of this.#waiting.splice(0)) this.#items.delete(task.id)
  }
}
