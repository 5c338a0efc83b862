/** What a site takes out of requests before anything sees them: `ignoreCookies`, `hideCredentials`. */
import { type Fields, field, stripBlanks } from './policy/fields.ts'

/** The changes to make; `undefined` where there is nothing to take out. */
export function hiddenCredentials(
  fields: Fields,
  ignored: ReadonlySet<string> | true | undefined,
  hideAll: boolean,
): Fields | undefined {
  if (hideAll) {
    const hidden = ['cookie', 'authorization'].filter((name) => fields[name] !== undefined)
    return hidden.length === 0 ? undefined : Object.fromEntries(hidden.map((name) => [name, undefined]))
  }
  const cookie = ignored === undefined ? undefined : field(fields, 'cookie')
  if (cookie === undefined) return undefined
  const kept = ignored === true ? [] : cookiesWithout(cookie, ignored!)
  return { cookie: kept.length === 0 ? undefined : kept.join('; ') }
}

function cookiesWithout(cookie: string, ignored: ReadonlySet<string>): string[] {
  return cookie
    .split(';')
    .map(stripBlanks)
    .filter((pair) => pair !== '' && !ignored.has(stripBlanks(pair.split('=', 1)[0]!)))
}
