/** The cases of the raw contract, by topic. */

import type { Topics } from '../case.ts'
import { adding } from './adding.ts'
import { bytes } from './bytes.ts'
import { claims, sharing } from './claims.ts'
import { clearing, clearingEverything } from './clearing.ts'
import { concurrency } from './concurrency.ts'
import { counting } from './counting.ts'
import { deleting } from './deleting.ts'
import { expiry } from './expiry.ts'
import { hostileKeys } from './hostile-keys.ts'
import { culling, limits, recency } from './limits.ts'
import { many } from './many.ts'
import { peeking, replacing } from './peeking.ts'
import { reading } from './reading.ts'
import { spaces } from './spaces.ts'
import { touching } from './touching.ts'
import { writing } from './writing.ts'

/**
 * What the contract of a backend promises, by topic. Every backend promises the topics from `reading` to `claims`. The
 * others are for those of a kind: `sharing` (shared), `bytes`, `peeking` (with a peek of its own), `limits`, `culling`,
 * `recency` (with `maxEntries`), `clearing everything` (only where no other test uses the store).
 */
export const backendCases = {
  reading,
  writing,
  adding,
  expiry,
  touching,
  counting,
  deleting,
  'versions and prefixes': spaces,
  clearing,
  many,
  replacing,
  concurrency,
  'hostile keys': hostileKeys,
  claims,
  sharing,
  bytes,
  peeking,
  limits,
  culling,
  recency,
  'clearing everything': clearingEverything,
} satisfies Topics
