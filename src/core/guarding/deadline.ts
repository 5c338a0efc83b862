/**
 * An answer within its time, where only time counts in which this process was awake. It is counted in slices, and a slice that ends
 * late, because our own loop was blocked, counts as one slice all the same: the call may not even have been sent, or its answer
 * may lie unread in the socket, and neither is the server's fault.
 */
import { type Answer, isPromise } from '../answer.ts'
import { UnavailableError } from '../errors.ts'

const SLICES = 5

/** The deadline passed without an answer. What was asked may or may not have been done. */
export class TimeoutError extends UnavailableError {
  override name = 'TimeoutError'
}

export function withinDeadline<T>(ms: number, answer: Answer<T>, what: string): Promise<T> {
  if (!isPromise(answer)) return Promise.resolve(answer)
  return new Promise((resolve, reject) => {
    let slices = SLICES
    const expired = () => reject(new TimeoutError('BACKEND_TIMEOUT', `${what}: no answer within ${ms} ms`))
    const timer = setTimeout(() => {
      // Timers run before sockets are read: two rounds more, so that what has arrived is read and told.
      if (--slices > 0) timer.refresh()
      else setImmediate(() => setImmediate(expired))
    }, ms / SLICES)
    answer.then(
      (value) => {
        clearTimeout(timer)
        resolve(value)
      },
      (error: unknown) => {
        clearTimeout(timer)
        reject(error)
      },
    )
  })
}
