/**
 * A plain value goes on in the same turn, a promise later. The verbs are written once over
 * answers, so that `cache` (always a promise) and `cache.sync` (never one) run the same code.
 */
export type Answer<T> = T | Promise<T>

export function isPromise<T>(answer: Answer<T>): answer is Promise<T> {
  return typeof answer === 'object' && answer !== null && typeof (answer as Promise<T>).then === 'function'
}

/** Goes on with an answer: at once where it is there, when it settles where it is a promise. */
export function andThen<T, U>(answer: Answer<T>, go: (value: T) => Answer<U>): Answer<U> {
  return isPromise(answer) ? answer.then(go) : go(answer)
}
