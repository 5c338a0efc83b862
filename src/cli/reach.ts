/**
 * Whether a cache was really asked. To a site a backend that is down is a miss; whoever types a command wants to know. So a verb is
 * watched, and where its backend failed meanwhile that is the answer.
 */
import type { Cache } from '../core/cache.ts'
import { BackendError, ConfigError, UnavailableError } from '../core/errors.ts'
import { withinDeadline } from '../core/guarding/deadline.ts'
import { insideOf } from '../core/handle.ts'
import type { Inside } from '../core/inside.ts'
import { CacheFailed, codeOf, reasonOf } from './failure.ts'

/** A key that nobody has: whether it is there is not what is asked. */
const PROBE = 'stillwarm:reachable?'

/** What is inside a cache of the configuration, which may come from another copy of this package. */
export function inside(cache: Cache): Inside {
  try {
    return insideOf(cache)
  } catch (error) {
    if (codeOf(error) !== 'INVALID_CACHE') throw error
    throw new ConfigError(
      'CONFIG_EXPORTS',
      'The caches were made by another copy of stillwarm than this command: run the one that is installed beside the configuration',
    )
  }
}

/** What a verb answers. @throws CacheFailed where its backend failed, though the verb hid it. */
export async function answerOf<T>(cache: Cache, verb: () => Promise<T>): Promise<T> {
  const before = cache.stats().backendFailures
  let why: unknown
  const deafen = cache.on('*', (event) => {
    if (event.type === 'backend-down' || event.type === 'backend-failed') why ??= event.error
  })
  try {
    const answer = await verb()
    if (cache.stats().backendFailures === before) return answer
  } catch (error) {
    if (!(error instanceof BackendError)) throw error
    why ??= error.cause ?? error
  } finally {
    deafen()
  }
  throw failed(cache, why)
}

/** Asks the backend for something that is not there, and throws what came of it. @param ms how long it may take. */
export async function roundTrip(cache: Cache, ms: number): Promise<void> {
  const { store, door } = inside(cache)
  await withinDeadline(ms, store.peek(door.space, PROBE), 'a round trip')
}

/** Did nobody answer, as against somebody who refused? */
export function isUnreachable(cache: Cache, error: unknown): boolean {
  const { network } = inside(cache).settings.backend
  return error instanceof UnavailableError || network?.noAnswer(error) === true
}

export function failed(cache: Cache, error: unknown): CacheFailed {
  if (error instanceof CacheFailed) return error
  const { name } = inside(cache).settings.backend
  const what = isUnreachable(cache, error) ? 'is unreachable' : 'failed'
  return new CacheFailed(`${cache.alias} (${name}) ${what}: ${whyOf(error)}`, { cause: error })
}

/** The reason behind it: that the breaker is open says nothing to somebody who asks once. */
function whyOf(error: unknown): string {
  const { cause } = error instanceof UnavailableError ? error : {}
  return reasonOf(cause instanceof Error ? cause : error)
}

/** What the entries of this cache are to a process that only lives for one command. */
export function noteIfPrivate(cache: Cache): string | undefined {
  const { backend } = inside(cache).settings
  // Where answers come in the same turn, nothing rests anywhere but here.
  if (!backend.sync || backend.shared) return undefined
  return `${cache.alias} (${backend.name}) rests in each process: this command sees its own, which is empty, and not the site's`
}
