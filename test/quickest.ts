/**
 * How long something takes when the machine lets it: other processes share the processors, and a pause of
 * theirs falls on whoever is running. The limit a test asserts is never widened; the work is tried again.
 */
const TRIES = 5

/** Milliseconds of the quickest of up to five runs; the first that takes less than `limit` is quick enough. */
export function quickest(limit: number, work: () => void): number {
  let best = Number.POSITIVE_INFINITY
  for (let left = TRIES; left > 0 && best >= limit; left--) {
    const start = performance.now()
    const before = process.cpuUsage()
    work()
    const elapsed = performance.now() - start
    const { user, system } = process.cpuUsage(before)
    // What others took of the processor is in the one, what other threads of ours took in the other.
    best = Math.min(best, elapsed, (user + system) / 1_000)
  }
  return best
}
