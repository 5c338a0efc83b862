/**
 * The verbs that change one entry, each under the lock of its place. A write that fails takes the older value with it,
 * where it can: missing is better than old. So such a fault is told, and the answer is `false`; it is thrown only where
 * an old value may stay.
 */
import type { Answer } from '../../core/answer.ts'
import { argumentError, ConfigError, notANumber } from '../../core/errors.ts'
import { isGraced } from '../../core/values/entry.ts'
import { endClaim } from './claims.ts'
import { AGAIN, commit, type Held, locked, remove } from './lock.ts'
import type { Place } from './place.ts'
import { ENTRY, encodeRecord, newStamp } from './record.ts'
import { makeRoom } from './room.ts'
import type { Store } from './store.ts'
import { type Task, wait } from './task.ts'

interface Times {
  expiresAt: number
  createdAt: number
  /** Drawn anew, it breaks the claim. */
  stamp: string
}

/** Commits a new version. One more entry takes a slot, and room is made for it first. */
function* put(
  store: Store,
  held: Held,
  place: Place,
  payload: Uint8Array,
  times: Times,
  there: Answer<boolean> = store.io.exists(place.entry),
): Task<true | typeof AGAIN> {
  const isNew = !(yield* wait(there))
  if (isNew) yield* makeRoom(store, place)
  let stored = false
  try {
    const record = encodeRecord(ENTRY, place.key, payload, times)
    const result = yield* commit(store.io, held, record, place.entry)
    stored = result === true
    return result
  } finally {
    if (isNew && !stored) yield* store.count.free(1)
  }
}

function anew(store: Store, expiresAt: number): Times {
  return { expiresAt, createdAt: store.now(), stamp: newStamp() }
}

export function* set(store: Store, place: Place, payload: Uint8Array, expiresAt: number): Task<boolean> {
  try {
    // In a large cache the count may be off by the one that is deleted just now, so looking need not wait for the lock.
    const there = store.count.lot > 1 ? store.io.exists(place.entry) : undefined
    return yield* locked<boolean, Place>(store, place, false, (held) =>
      put(store, held, place, payload, anew(store, expiresAt), there),
    )
  } catch (error) {
    if (!(error instanceof ConfigError)) yield* remove(store.io, place.entry)
    store.host.failed('set', error)
    return false
  }
}

export function* add(store: Store, place: Place, payload: Uint8Array, expiresAt: number): Task<boolean> {
  // Most calls of add come too late, and need no lock to see it.
  if (yield* store.find(place)) return false
  return yield* told(
    store,
    'add',
    false,
    locked<boolean, Place>(store, place, true, function* (held) {
      if (yield* store.find(place)) return false
      return yield* put(store, held, place, payload, anew(store, expiresAt))
    }),
  )
}

export function* fill(
  store: Store,
  place: Place,
  token: string,
  payload: Uint8Array,
  expiresAt: number,
): Task<boolean> {
  try {
    return yield* locked<boolean, Place>(store, place, true, function* (held) {
      if (!(yield* endClaim(store, place, token))) return false
      return yield* put(store, held, place, payload, anew(store, expiresAt))
    })
  } catch (error) {
    if (!(error instanceof ConfigError)) yield* remove(store.io, place.entry)
    store.host.failed('fill', error)
    return false
  }
}

export function* touch(store: Store, place: Place, expiresAt: number): Task<boolean | 'graced'> {
  if (!(yield* store.find(place))) return false
  return yield* told<boolean | 'graced'>(
    store,
    'touch',
    false,
    locked<boolean | 'graced', Place>(store, place, true, function* (held) {
      const found = yield* store.find(place)
      if (!found) return false
      if (isGraced(found.payload)) return 'graced'
      return yield* put(store, held, place, found.payload, { ...found, expiresAt })
    }),
  )
}

export function* replace(
  store: Store,
  place: Place,
  was: Uint8Array,
  payload: Uint8Array,
  expiresAt: number,
): Task<boolean> {
  return yield* told(
    store,
    'replace',
    false,
    locked<boolean, Place>(store, place, true, function* (held) {
      const found = yield* store.find(place)
      if (!found?.payload.equals(was)) return false
      return yield* put(store, held, place, payload, { ...found, expiresAt, createdAt: store.now() })
    }),
  )
}

export function* incr(
  store: Store,
  place: Place,
  key: string,
  by: number,
  made: { initial: number; expiresAt: number } | undefined,
): Task<number | undefined> {
  return yield* told(
    store,
    'incr',
    undefined,
    locked<number | undefined, Place>(store, place, true, function* (held) {
      const found = yield* store.find(place)
      if (!found && !made) return undefined
      const sum = (found ? wholeNumber(found.payload, key) : (made?.initial ?? 0)) + by
      if (!Number.isSafeInteger(sum)) {
        throw argumentError(RangeError, 'OUT_OF_RANGE', 'The sum is beyond ±(2^53 − 1): nothing was changed')
      }
      const times = anew(store, found?.expiresAt ?? made?.expiresAt ?? Number.POSITIVE_INFINITY)
      const stored = yield* put(store, held, place, Buffer.from(String(sum)), times)
      return stored === AGAIN ? AGAIN : sum
    }),
  )
}

function wholeNumber(payload: Buffer, key: string): number {
  const text = payload.length <= 17 ? payload.toString('latin1') : ''
  const number = Number(text)
  if (!/^-?\d+$/.test(text) || !Number.isSafeInteger(number)) throw notANumber(key)
  return number
}

/** Throws when it fails: an old value may have stayed, and the one who asked must know. */
export function* del(store: Store, place: Place): Task<boolean> {
  const { io } = store
  if (!(yield* wait(io.exists(place.entry))) && !(yield* wait(io.exists(place.claim)))) return false
  return yield* locked<boolean, Place>(store, place, true, function* () {
    const lived = (yield* store.find(place)) !== undefined
    yield* remove(io, place.claim)
    const gone = yield* remove(io, place.entry)
    if (gone) yield* store.count.free(1)
    return lived && gone
  })
}

/** Tells a fault of the disk and answers `otherwise`: what rests there is as it was. A fault of the caller is thrown. */
function* told<T>(store: Store, verb: string, otherwise: T, work: Task<T>): Task<T> {
  try {
    return yield* work
  } catch (error) {
    if (!(error instanceof Error && 'syscall' in error)) throw error
    store.host.failed(verb, error)
    return otherwise
  }
}
