/** Waiting: for another to finish, and no longer than one is willing to. Times in milliseconds. */
import type { Answer } from '../answer.ts'

/** How often a waiter looks whether another process has made the value: at first, and at most. */
const FIRST_POLL = 5
const LAST_POLL = 100

/** The longest a timer can wait, 24.8 days: one set for longer would fire at once. */
const LONGEST = 2 ** 31 - 1

/** After so long a wait the next look comes a tenth later: whoever waits 100 ms waits at most some 10 ms too long. */
const GROWTH = 1.1

/** 5 → 100, jittered so that the waiters of one key do not march in step. */
export function nextPoll(turn: number): number {
  return Math.min(LAST_POLL, FIRST_POLL * GROWTH ** turn) * (0.75 + Math.random() / 2)
}

export function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms))
}

/** Waits for a promise, but no longer than that. */
export function atMost(ms: number, promise: Promise<void>): Promise<void> {
  let timer: NodeJS.Timeout | undefined
  const enough = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, ms)
  })
  return Promise.race([promise, enough]).finally(() => clearTimeout(timer))
}

/**
 * Waits for a promise; after so long rejects with what `expired` makes.
 *
 * @param behind nobody waits: it does not keep the process alive.
 */
export function withDeadline<T>(
  ms: number,
  promise: Promise<T>,
  expired: () => Error,
  behind = false,
): Promise<T> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(expired()), Math.min(ms, LONGEST))
    if (behind) timer.unref()
    promise.finally(() => clearTimeout(timer)).then(resolve, reject)
  })
}

/** What a promise brings; where it takes longer than so long, what `otherwise` says. */
export function orAfter<T>(ms: number, promise: Promise<T>, otherwise: () => Answer<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => resolve(otherwise()), Math.min(ms, LONGEST))
    promise.finally(() => clearTimeout(timer)).then(resolve, reject)
  })
}
