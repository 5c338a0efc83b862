/** How much rests in the store of a cache, where its backend counts: all of the store, other caches' entries too. */
import type { Cache } from '../core/cache.ts'
import { withinDeadline } from '../core/guarding/deadline.ts'
import { inside } from './reach.ts'

/** @param ms how long it may take. */
export async function sizeOf(
  cache: Cache,
  ms: number,
): Promise<{ entries: number; bytes?: number } | undefined> {
  const { backend } = inside(cache).settings
  return backend.size && withinDeadline(ms, backend.size(), 'counting')
}
