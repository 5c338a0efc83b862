/**
 * In development, says when a fragment that varies on nothing read who is visiting: its HTML would be shown to everyone (A62).
 *
 * While such a body runs it is the `current` one; a template is handed its request and user through proxies that look whether one
 * is current. In production the body runs as it is, and nothing is wrapped.
 */
import { AsyncLocalStorage } from 'node:async_hooks'
import { argumentError } from '../core/errors.ts'
import { kindOf } from '../core/options.ts'

/** What of a request is somebody's own. */
const PERSONAL = new Set<PropertyKey>(['user', 'session', 'cookies', 'signedCookies'])

/** The names under which templates have a request, and those under which they have what is personal itself. */
const REQUESTS = ['request', 'req']
const PERSONS = ['user', 'session']

/** At most so many fragments are named in warnings. */
const MOST_WARNINGS = 100

const current = new AsyncLocalStorage<string>()
const warned = new Set<string>()

function isDevelopment(): boolean {
  return process.env.NODE_ENV !== 'production'
}

/** Runs the body of a fragment that varies on nothing. */
export function watchedBody<T>(name: string, render: () => T): T {
  return isDevelopment() ? current.run(name, render) : render()
}

/**
 * The request, such that a fragment that varies on nothing and reads its user, session or cookies is warned of
 * (`FRAGMENT_READS_USER`). Hand it to templates in place of the request. The request itself in production.
 *
 * @throws TypeError `INVALID_REQUEST` for what is no object.
 */
export function watchRequest<T extends object>(request: T): T {
  if (typeof request !== 'object' || request === null) {
    throw argumentError(
      TypeError,
      'INVALID_REQUEST',
      `watchRequest() takes the request, not ${kindOf(request)}`,
    )
  }
  return isDevelopment() ? proxied(request, (name) => PERSONAL.has(name)) : request
}

/** A template's variables, its request and user watched, where the body of a fragment that varies on nothing runs just now. */
export function watchedVariables<T extends object>(variables: T): T {
  return current.getStore() === undefined ? variables : watchVariables(variables)
}

/** The same whatever runs: for engines that are handed their variables before any body is known. */
export function watchVariables<T extends object>(variables: T): T {
  if (!isDevelopment()) return variables
  const found: Record<string, object> = {}
  for (const name of [...REQUESTS, ...PERSONS]) {
    const value: unknown = Reflect.get(variables, name)
    if (typeof value !== 'object' || value === null) continue
    found[name] = REQUESTS.includes(name) ? watchRequest(value) : proxied(value, () => true, name)
  }
  if (Object.keys(found).length === 0) return variables
  return Object.assign(Object.create(Object.getPrototypeOf(variables)), variables, found)
}

function proxied<T extends object>(target: T, isPersonal: (name: PropertyKey) => boolean, called = ''): T {
  return new Proxy(target, {
    get(_, name) {
      const fragment = current.getStore()
      if (fragment !== undefined && isPersonal(name)) warn(fragment, called || String(name))
      // With the target itself as `this`, so that private fields are found.
      const value: unknown = Reflect.get(target, name, target)
      return typeof value === 'function' && !Object.hasOwn(target, name) ? value.bind(target) : value
    },
  })
}

function warn(fragment: string, what: string): void {
  if (warned.has(fragment) || warned.size >= MOST_WARNINGS) return
  warned.add(fragment)
  process.emitWarning(
    `The fragment ${JSON.stringify(fragment)} varies on nothing, but its body read the visitor's ${what}: everyone would be shown what the first one saw. Give what it depends on as an argument, such as user.id, or move it out of the fragment`,
    { type: 'FragmentWarning', code: 'FRAGMENT_READS_USER' },
  )
}
