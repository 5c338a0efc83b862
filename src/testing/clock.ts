import { type Clock, systemClock } from '../core/clock.ts'

/** A clock that stands still until told otherwise, for tests that wait for no real time. */
export interface FakeClock extends Clock {
  /** Moves on by so many milliseconds. */
  advance(ms: number): void
}

/**
 * Makes a clock for `createCaches(config, { clock })` and for the backend cases.
 *
 * @param start instant to begin at, in milliseconds since 1970; 2026-01-01T00:00:00Z by default.
 */
export function fakeClock(start: number = Date.UTC(2026, 0, 1)): FakeClock {
  let now = start
  return {
    now: () => now,
    advance(ms) {
      now += ms
    },
  }
}

/** The system's clock, moved on by waiting: for the cases of a server that keeps time itself. */
export function waitingClock(): Clock & { advance(ms: number): Promise<void> } {
  return {
    now: systemClock.now,
    advance: (ms) => new Promise((resolve) => setTimeout(resolve, ms)),
  }
}
