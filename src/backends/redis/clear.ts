/**
 * Removes what begins so, server by server, with SCAN: never KEYS, which stops the server, and never FLUSHDB, which takes
 * what others keep there.
 *
 * Why the claims go first, in a walk of their own. One walk for both may pass the place of an entry while it is still
 * missing; its fill, under a claim not yet broken, then stores what was loaded before the clear, and the walk meets
 * neither. With all older claims gone, what a fill stored before that is there when the second walk begins.
 */
import type { Space } from '../../core/backend.ts'
import type { Reply, Word } from './client.ts'
import { failure } from './failure.ts'
import type { Link } from './link.ts'
import { groups } from './reads.ts'
import { claimedKey, claimsGlob } from './slot.ts'

/** So many keys a server looks at before it serves others again. */
const LOOK_AT = '1000'

export async function clearSpace(link: Link, space: Space, start: string, cluster: boolean): Promise<void> {
  const glob = start.replace(/[*?[\]\\]/g, '\\$&')
  const ours = (key: string) => space.owns(claimedKey(key) ?? key)
  for (const pattern of [claimsGlob(glob), `${glob}*`]) {
    const masters = await link.masters()
    await Promise.all(masters.map((call) => removeAll(call, pattern, ours, cluster)))
  }
}

export async function clearEverything(link: Link): Promise<void> {
  const masters = await link.masters()
  await Promise.all(masters.map((call) => call(['flushdb', 'async'])))
}

async function removeAll(
  call: (words: readonly Word[]) => Promise<Reply>,
  pattern: string,
  ours: (key: string) => boolean,
  cluster: boolean,
): Promise<void> {
  let cursor = '0'
  do {
    const [next, found] = pageOf(await call(['scan', cursor, 'match', pattern, 'count', LOOK_AT]))
    cursor = next
    for (const keys of groups(found.filter(ours), (key) => key, cluster)) await call(['unlink', ...keys])
  } while (cursor !== '0')
}

function pageOf(reply: Reply): [cursor: string, keys: string[]] {
  if (Array.isArray(reply) && Array.isArray(reply[1])) return [String(reply[0]), reply[1].map(String)]
  throw failure('PROTOCOL', 'Redis answered SCAN with something else')
}
