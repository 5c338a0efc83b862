/**
 * Live references in the process: what was set is what everyone gets, any value at all. Whoever changes it
 * changes it for all. For small tables, settings and memos; `memory` gives private copies.
 */
import { InProcess } from '../core/keeping/in-process.ts'
import { checkLimits, type LimitOptions } from '../core/keeping/limits.ts'
import { sharedStore } from '../core/keeping/shared.ts'
import { Store } from '../core/keeping/store.ts'
import { checkOptions } from '../core/options.ts'

export interface ObjectOptions extends LimitOptions {
  /** Shares one store with every `object()` of this name in the process, and keeps it through a hot reload. Omitted: a store of its own. */
  name?: string
}

/**
 * Keeps values as they are, by reference: functions, class instances, open handles. Synchronous.
 *
 * @throws {TypeError} code `UNKNOWN_OPTION`, `INVALID_OPTION` or `CONTRADICTING_OPTIONS`; `RangeError` for numbers.
 */
export function object(options: ObjectOptions = {}): InProcess {
  checkOptions('object()', options, ['maxEntries', 'cullFrequency', 'name'])
  const { name } = options
  const limits = checkLimits('object()', options)
  const make = () => new Store(limits)
  const store = name === undefined ? make() : sharedStore('object', name, limits, '', make)
  return new LiveObjects(store, name !== undefined)
}

class LiveObjects extends InProcess {
  readonly anyKey = true

  constructor(store: Store, named: boolean) {
    super('object', store, named)
  }
}
