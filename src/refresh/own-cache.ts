/** The cache of functions that were wrapped bare, without naming one: in this process, 10,000 values, private copies as in `memory()`. */
import type { Cache } from '../core/cache.ts'
import { makeCaches } from '../core/caches.ts'
import { InProcess } from '../core/keeping/in-process.ts'
import { checkLimits } from '../core/keeping/limits.ts'
import { Store } from '../core/keeping/store.ts'
import { admit, lend } from '../core/values/copy.ts'
import type { ValueTypes } from '../core/values/format.ts'

class Private extends InProcess {
  readonly lend = lend

  admit(value: unknown, maxBytes: number, types?: ValueTypes): unknown {
    return admit(value, maxBytes, false, types)?.value
  }
}

let own: Cache | undefined

export function ownCache(): Cache {
  if (own === undefined) {
    const backend = new Private('memory', new Store(checkLimits('cacheback()', {})), false)
    own = makeCaches({ default: { backend } }, {}, neverBytes).get('default')
  }
  return own
}

function neverBytes(): never {
  throw new Error('values in the process have no format')
}
