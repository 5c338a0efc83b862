/**
 * The only reader of time. Everything inside stillwarm speaks in instants: milliseconds since
 * 1970, with fractions.
 */
export interface Clock {
  /** Now, in milliseconds since 1970. Never goes backwards within a process. */
  now(): number
}

// The wall clock may jump while we run (an operator, NTP, a resumed machine); a ttl must not.
// So the wall is read once, and from there on the monotonic clock counts.
const origin = Date.now() - performance.now()

/** The clock of a running process: the wall at start-up, counted on by the monotonic clock. */
export const systemClock: Clock = { now: () => origin + performance.now() }
