/**
 * Milliseconds as far as they lie with this process, for limits on real servers: where the machine lets others run instead, as many
 * as that took are left out; what we compute ourselves is counted in full, and so is what we wait for.
 */

/** How often it is looked whether we run. */
const TICK = 5

/** A longer pause than this is the machine's, unless we computed. */
const PAUSE = 20

let total = 0
let last = performance.now()
let computed = process.cpuUsage()

/** To be read twice: the difference is what it took. */
export function ownTime(): number {
  const now = performance.now()
  const { user, system } = process.cpuUsage(computed)
  total += Math.min(now - last, Math.max(PAUSE, (user + system) / 1_000))
  last = now
  computed = process.cpuUsage()
  return total
}

setInterval(ownTime, TICK).unref()
