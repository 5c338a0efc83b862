/** Faults that nobody who waits is told of, said as process warnings: the first, and then one a minute, since they come in crowds. */
export function warnNowAndThen(what: string): (error: unknown, code: string) => void {
  let last = Number.NEGATIVE_INFINITY
  return (error, code) => {
    if (performance.now() - last < 60_000) return
    last = performance.now()
    process.emitWarning(`${what}: ${error}`, { type: 'CacheWarning', code })
  }
}
