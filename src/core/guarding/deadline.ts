/**
 * Deadlines of calls under way, by one timer for all of them: a timer for each call costs more than the rest of it does.
 *
 * Only time counts in which this process was awake. A tick that comes late, because our own loop was blocked, counts for a fifth
 * of a usual deadline at most: the calls may not even have been sent, or their answers may lie unread in the socket, and neither is
 * the server's fault.
 */
import { type Answer, isPromise } from '../answer.ts'
import { UnavailableError } from '../errors.ts'

/** How often it is looked, in milliseconds: so much longer than its time a call may wait. */
const TICK = 5
/** So much at most, in milliseconds, a tick counts for. */
const LONGEST_TICK = 50

/** The deadline passed without an answer. What was asked may or may not have been done. */
export class TimeoutError extends UnavailableError {
  override name = 'TimeoutError'
}

/** Something that is waited for. A link of the list of its `Deadlines`: a Set of what lives so shortly is hard on the collector. */
export abstract class Waiting<W> {
  /** How long, in milliseconds. */
  readonly patience: number
  /** When its time is over, by the count of its deadlines; from the first look at it on. */
  due: number | undefined
  before: W | undefined
  after: W | undefined
  over = false

  constructor(patience: number) {
    this.patience = patience
  }

  /** It took too long, and is not waited for any more. */
  abstract expire(): void
}

export class Deadlines<W extends Waiting<W>> {
  #first: W | undefined
  #last: W | undefined
  #size = 0
  /** Milliseconds that counted. */
  #now = 0
  #lookedAt = 0
  #timer: NodeJS.Timeout | undefined

  /** How many are waited for. */
  get size(): number {
    return this.#size
  }

  begin(waiting: W): void {
    this.#size++
    if (this.#last) {
      this.#last.after = waiting
      waiting.before = this.#last
    } else {
      this.#first = waiting
    }
    this.#last = waiting
    if (this.#timer) return
    this.#lookedAt = performance.now()
    this.#timer = setTimeout(this.#look, TICK)
  }

  /** Not waited for any more. `false`: it was over already. */
  end(waiting: W): boolean {
    if (waiting.over) return false
    waiting.over = true
    this.#size--
    const { before, after } = waiting
    if (before) before.after = after
    else this.#first = after
    if (after) after.before = before
    else this.#last = before
    waiting.before = undefined
    waiting.after = undefined
    return true
  }

  /** Those that are waited for, in the order they began. */
  all(): W[] {
    const all: W[] = []
    for (let one: W | undefined = this.#first; one; one = one.after) all.push(one)
    return all
  }

  /** How many milliseconds it may still take. */
  left({ due, patience }: W): number {
    return due === undefined ? patience : due - this.#now
  }

  /** Leaves no timer behind where nobody waits. */
  rest(): void {
    if (this.#first) return
    clearTimeout(this.#timer)
    this.#timer = undefined
  }

  readonly #look = (): void => {
    this.#timer = undefined
    if (this.#first === undefined) return
    const now = performance.now()
    this.#now += Math.min(now - this.#lookedAt, LONGEST_TICK)
    this.#lookedAt = now
    let late = false
    for (let one: W | undefined = this.#first; one; one = one.after) {
      if (one.due === undefined) one.due = this.#now + one.patience
      else if (one.due <= this.#now) late = true
    }
    this.#timer = setTimeout(this.#look, TICK)
    // Timers run before sockets are read: two rounds more, so that what has arrived is read and told.
    if (late) setImmediate(() => setImmediate(this.#expire))
  }

  readonly #expire = (): void => {
    for (const one of this.all()) {
      if (one.due !== undefined && one.due <= this.#now && this.end(one)) one.expire()
    }
  }
}

/** One with nothing else to know of it. */
class Deadline extends Waiting<Deadline> {
  readonly expire: () => void

  constructor(patience: number, expire: () => void) {
    super(patience)
    this.expire = expire
  }
}

/** An answer within its time; else a `TimeoutError`, or what `late` makes. */
export function withinDeadline<T>(
  ms: number,
  answer: Answer<T>,
  what: string,
  late: () => Error = () => timedOut(ms, what),
): Promise<T> {
  if (!isPromise(answer)) return Promise.resolve(answer)
  const deadlines = new Deadlines<Deadline>()
  return new Promise<T>((resolve, reject) => {
    const deadline = new Deadline(ms, () => {
      deadlines.rest()
      reject(late())
    })
    const ended = () => {
      const inTime = deadlines.end(deadline)
      deadlines.rest()
      return inTime
    }
    deadlines.begin(deadline)
    answer.then(
      (value) => {
        if (ended()) resolve(value)
      },
      (error: unknown) => {
        if (ended()) reject(error)
      },
    )
  })
}

export function timedOut(ms: number, what: string): TimeoutError {
  return new TimeoutError('BACKEND_TIMEOUT', `${what}: no answer within ${ms} ms`)
}
