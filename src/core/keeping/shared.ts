/**
 * Stores that have a name: one for each name and kind in the process, found again after a hot
 * reload, since they are held by the process and not by this module (Django's LOCATION).
 */
import { argumentError } from '../errors.ts'
import { kindOf } from '../options.ts'
import type { Limits } from './limits.ts'
import type { Store } from './store.ts'

interface Shared {
  readonly store: Store
  /** What it was made with, to tell a contradiction. */
  readonly options: string
}

const registry = Symbol.for('stillwarm.stores')

/**
 * The store of this name, made when there is none yet.
 *
 * @param kind backends of different kinds never share a store.
 * @param choices whatever else must be the same for all who share it.
 * @throws {TypeError} when it was made with other options.
 */
export function sharedStore(
  kind: string,
  name: string,
  limits: Limits,
  choices: string,
  make: () => Store,
): Store {
  if (typeof name !== 'string') {
    throw argumentError(TypeError, 'INVALID_OPTION', `${kind}(): name must be a string, not ${kindOf(name)}`)
  }
  const holder = globalThis as { [registry]?: Map<string, Shared> }
  holder[registry] ??= new Map()
  const options = `${limits.maxEntries} ${limits.cullFrequency} ${limits.maxBytes} ${choices}`
  const key = `${kind}:${name}`
  const found = holder[registry].get(key)
  if (found === undefined) {
    const store = make()
    holder[registry].set(key, { store, options })
    return store
  }
  if (found.options === options) return found.store
  throw argumentError(
    TypeError,
    'CONTRADICTING_OPTIONS',
    `${kind}(): the store named ${JSON.stringify(name.slice(0, 40))} exists with other options: give the same, or another name`,
  )
}
