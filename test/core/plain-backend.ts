import type { Backend, Host, Space } from '../../src/core/backend.ts'
import { type Clock, systemClock } from '../../src/core/clock.ts'
import { argumentError, notANumber } from '../../src/core/errors.ts'
import { isGraced, type Stored } from '../../src/core/values/entry.ts'

interface Row {
  what: Stored
  expiresAt: number
}

/**
 * The least a user's own backend may be: a Map and the eight methods that must exist. `wait` makes every answer
 * a promise, so that the core is tested on both.
 */
export function plainBackend<const S extends boolean>(sync: S, wait: () => Promise<void> = async () => {}) {
  const rows = new Map<string, Row>()
  let clock: Clock = systemClock
  const live = (space: Space, key: string) => {
    const row = rows.get(space.frame(key))
    return row && row.expiresAt > clock.now() ? row : undefined
  }
  const answers = <T>(act: () => T) => (sync ? act() : wait().then(act))
  const backend = {
    name: 'plain',
    holds: 'values',
    sync,
    shared: false,
    open(host: Host) {
      clock = host.clock
    },
    get: (space, key) => answers(() => live(space, key)?.what),
    set: (space, key, what, expiresAt) =>
      answers(() => Boolean(rows.set(space.frame(key), { what, expiresAt }))),
    add: (space, key, what, expiresAt) =>
      answers(() => !live(space, key) && Boolean(rows.set(space.frame(key), { what, expiresAt }))),
    touch: (space, key, expiresAt) =>
      answers(() => {
        const row = live(space, key)
        if (row === undefined) return false
        if (isGraced(row.what)) return 'graced'
        row.expiresAt = expiresAt
        return true
      }),
    delete: (space, key) => answers(() => live(space, key) !== undefined && rows.delete(space.frame(key))),
    incr: (space, key, by, made) =>
      answers(() => {
        const row = live(space, key)
        if (row === undefined) {
          if (made === undefined) return undefined
          rows.set(space.frame(key), { what: made.initial + by, expiresAt: made.expiresAt })
          return made.initial + by
        }
        if (!Number.isSafeInteger(row.what)) throw notANumber(key)
        const sum = Number(row.what) + by
        if (!Number.isSafeInteger(sum)) throw argumentError(RangeError, 'OUT_OF_RANGE', 'too large')
        row.what = sum
        return sum
      }),
    clear: (what) =>
      answers(() => {
        for (const key of [...rows.keys()]) if (what === 'everything' || what.owns(key)) rows.delete(key)
      }),
    close: () => answers(() => rows.clear()),
  } satisfies Backend
  return backend
}
