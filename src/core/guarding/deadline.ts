/**
 * An answer within its time. When the timer fires because this process itself was busy, the answer may lie unread in the socket:
 * it gets one round of the event loop to come in, so that our own blocked loop is never taken for a dead server.
 */
import { UnavailableError } from '../errors.ts'

/** The deadline passed without an answer. What was asked may or may not have been done. */
export class TimeoutError extends UnavailableError {
  override name = 'TimeoutError'
}

export function withinDeadline<T>(ms: number, answer: Promise<T>, what: string): Promise<T> {
  return new Promise((resolve, reject) => {
    let settled = false
    const timer = setTimeout(() => {
      // Timers run before sockets are read: two rounds, so that what has arrived is read and told.
      setImmediate(() =>
        setImmediate(() => {
          if (!settled) reject(new TimeoutError('BACKEND_TIMEOUT', `${what}: no answer within ${ms} ms`))
        }),
      )
    }, ms)
    const settle = () => {
      settled = true
      clearTimeout(timer)
    }
    answer.then(
      (value) => {
        settle()
        resolve(value)
      },
      (error: unknown) => {
        settle()
        reject(error)
      },
    )
  })
}
