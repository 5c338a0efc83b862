/** The cases of the cache, by topic: the same rules through the handle, over any backend. */
import type { Topics } from '../case.ts'
import { counting, versions } from './counting.ts'
import { fleet } from './fleet.ts'
import { getOrSet } from './get-or-set.ts'
import { keys } from './keys.ts'
import { staleness } from './staleness.ts'
import { ttl } from './ttl.ts'
import { copies, refusals, values } from './values.ts'
import { verbs } from './verbs.ts'

/** What a cache promises, by topic. `refusals` and `copies` are for all but backends that share live references, `fleet` is for shared ones. */
export const cacheCases = {
  ttl,
  keys,
  verbs,
  counting,
  versions,
  values,
  refusals,
  copies,
  'get or set': getOrSet,
  staleness,
  fleet,
} satisfies Topics
