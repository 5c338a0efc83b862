/** Warnings about how a site is put together, each given once. */
const given = new Set<string>()

function warnOnce(code: string, message: string): void {
  if (given.has(code)) return
  given.add(code)
  process.emitWarning(message, { type: 'CachePageWarning', code })
}

/** The fetching half found no trace of the other. */
export function warnOrder(): void {
  warnOnce(
    'PAGE_CACHE_ORDER',
    'fetchFromCache() runs without updateCache() before it, so nothing is stored: put updateCache() first and fetchFromCache() last, or use siteCache()',
  )
}
