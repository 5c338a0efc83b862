/**
 * Messages of drivers and of a configuration's own code may hold the address they were given, password and all. Before one is told, what a
 * URL has before its host goes, and so does every secret of the environment.
 */
const BEFORE_HOST = /([a-z][a-z0-9+.-]*:\/\/)\S*@/gi
const ASSIGNED = /\b(password|passwd|pwd|secret|token)=[^&\s'"]+/gi
/** What JSON.parse says of the text it could not read. */
const JSON_EXCERPT = /,? *(?:\.\.\.)?".*"(?:\.\.\.)? is not valid JSON/s

const SECRET_NAME = /pass|secret|token|credential|private|api_?key/i
/** Shorter ones are words that stand in any message. */
const SHORTEST = 6

/** @param env where secrets may come from. */
export function redact(text: string, env: NodeJS.ProcessEnv = process.env): string {
  let safe = text.replace(JSON_EXCERPT, ', which is not valid JSON')
  for (const secret of secretsOf(env)) safe = safe.replaceAll(secret, '***')
  return safe.replace(BEFORE_HOST, '$1***@').replace(ASSIGNED, '$1=***')
}

function secretsOf(env: NodeJS.ProcessEnv): string[] {
  const found = new Set<string>()
  for (const [name, value] of Object.entries(env)) {
    if (value === undefined) continue
    if (SECRET_NAME.test(name)) found.add(value)
    const { password } = URL.canParse(value) ? new URL(value) : { password: '' }
    found.add(password)
    try {
      found.add(decodeURIComponent(password))
    } catch {
      // Not encoded: it stands there as it is.
    }
  }
  // The longest first, so that none is cut by another one.
  return [...found].filter(({ length }) => length >= SHORTEST).sort((a, b) => b.length - a.length)
}
