/**
 * Work on files, written once and run either way. A task is a generator over answers: where the
 * system calls answer at once it runs to its end in the same turn, where they answer promises it
 * goes on when they settle. So `reads: 'sync'` is the same code as the default, and not a copy of it.
 */
import { type Answer, isPromise } from '../../core/answer.ts'

export type Task<T> = Generator<Promise<unknown>, T, unknown>

/** The value of an answer, within a task: `const fd = yield* wait(io.open(path))`. */
export function* wait<T>(answer: Answer<T>): Task<T> {
  // What a driver sends back in is what the promise it was given settled with.
  return isPromise(answer) ? ((yield answer) as T) : answer
}

/** Runs a task to its end. Throws at once where it fails in this turn. */
export function drive<T>(task: Task<T>): Answer<T> {
  const step = task.next()
  if (step.done) return step.value
  return new Promise<T>((resolve, reject) => {
    const follow = (pending: Promise<unknown>): void => {
      pending.then(
        (value) => advance(() => task.next(value)),
        (error) => advance(() => task.throw(error)),
      )
    }
    const advance = (go: () => IteratorResult<Promise<unknown>, T>): void => {
      try {
        const next = go()
        if (next.done) resolve(next.value)
        else follow(next.value)
      } catch (error) {
        reject(error)
      }
    }
    follow(step.value)
  })
}
