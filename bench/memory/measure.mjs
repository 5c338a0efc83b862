// Helpers of the measures: a plain space, a timed loop, a printed row.

/** The space of one prefix and version, as core makes it. */
export function makeSpace(prefix = 'bench', version = 1) {
  return {
    prefix,
    version,
    plain: true,
    start: `${prefix}:`,
    frame: (key) => `${prefix}:${version}:${key}`,
    owns: (key) => key.startsWith(`${prefix}:`),
  }
}

/** Nanoseconds a step. */
export function best(step, times) {
  for (let i = 0; i < times / 10; i++) step(i)
  const start = process.hrtime.bigint()
  for (let i = 0; i < times; i++) step(i)
  return Number(process.hrtime.bigint() - start) / times
}

export const median = (numbers) => [...numbers].sort((a, b) => a - b)[numbers.length >> 1]

/** A row: what was asked, and for each contender the median and the least of its rounds. */
export function print(title, results, unit = 'ns') {
  const shown = Object.entries(results).map(
    ([name, all]) => `${name} ${median(all).toFixed(1)} (${Math.min(...all).toFixed(1)}) ${unit}`,
  )
  console.log(`${title}: ${shown.join(' · ')}`)
}
