/**
 * The right to make a key, held across processes: a file beside the entry, changed under the same lock. It notes which
 * version of the entry it was taken over. Each `set`, `add` and `incr` draws a new stamp, so a claim whose entry bears
 * another is broken, and writing costs nothing more for it; what removes an entry by name removes the claim as well.
 * An entry that was merely swept (over, or for room) leaves its claim whole.
 */
import type { Claimed } from '../../core/backend.ts'
import { AGAIN, commit, locked, remove } from './lock.ts'
import type { Place } from './place.ts'
import { readFile, readHead } from './read.ts'
import {
  CLAIM,
  encodeRecord,
  expiresAtOf,
  faultOf,
  isOurs,
  NO_STAMP,
  newStamp,
  payloadOf,
  stampOf,
} from './record.ts'
import type { Store } from './store.ts'
import { type Task, wait } from './task.ts'

interface Claim {
  token: string
  /** The stamp of the entry that it was taken over. */
  over: string
  expiresAt: number
}

function* readClaim(store: Store, place: Place): Task<Claim | undefined> {
  return yield* wait(
    readFile(store.io, place.claim, (bytes, keep) => {
      if (!bytes || faultOf(bytes, CLAIM, place.key) !== undefined) return undefined
      const [token = '', over = ''] = payloadOf(bytes, keep).toString('latin1').split(' ')
      return { token, over, expiresAt: expiresAtOf(bytes) }
    }),
  )
}

function encodeClaim(place: Place, claim: Claim): Buffer {
  return encodeRecord(CLAIM, place.key, Buffer.from(`${claim.token} ${claim.over}`, 'latin1'), {
    expiresAt: claim.expiresAt,
    createdAt: 0,
    stamp: newStamp(),
  })
}

/** The stamp of whatever file rests there, over or not. */
function* stampAt(store: Store, place: Place): Task<string> {
  return yield* wait(
    readHead(store.io, place.entry, (head) => (head && isOurs(head) ? stampOf(head) : NO_STAMP)),
  )
}

/** The claim on a place, if it is neither over nor broken. */
function* liveClaim(store: Store, place: Place): Task<Claim | undefined> {
  const claim = yield* readClaim(store, place)
  if (!claim || claim.expiresAt <= store.now()) return undefined
  const stamp = yield* stampAt(store, place)
  return stamp === NO_STAMP || stamp === claim.over ? claim : undefined
}

function* look(store: Store, place: Place): Task<Claimed> {
  const found = yield* store.find(place)
  return found ? { stored: found.payload } : {}
}

export function* claim(store: Store, place: Place, ms: number): Task<Claimed> {
  // Whoever waits for a claim asks often: while it is held, without the lock.
  if (yield* liveClaim(store, place)) return yield* look(store, place)
  return yield* locked<Claimed, Place>(store, place, true, function* (held) {
    const seen = yield* look(store, place)
    if (yield* liveClaim(store, place)) return seen
    const over = yield* stampAt(store, place)
    const token = newStamp() + newStamp()
    const record = encodeClaim(place, { token, over, expiresAt: store.now() + ms })
    if ((yield* commit(store.io, held, record, place.claim)) === AGAIN) return AGAIN
    return { ...seen, token }
  })
}

export function* extend(store: Store, place: Place, token: string, ms: number): Task<boolean> {
  return yield* locked<boolean, Place>(store, place, true, function* (held) {
    const claim = yield* liveClaim(store, place)
    if (claim?.token !== token) return false
    const record = encodeClaim(place, { ...claim, expiresAt: store.now() + ms })
    return yield* commit(store.io, held, record, place.claim)
  })
}

export function* release(store: Store, place: Place, token: string | undefined): Task<void> {
  if (!(yield* wait(store.io.exists(place.claim)))) return
  yield* locked<void, Place>(store, place, true, function* () {
    const claim = token === undefined ? undefined : yield* readClaim(store, place)
    if (token === undefined || claim?.token === token) yield* remove(store.io, place.claim)
  })
}

/** Under the lock: does this token still hold the claim? Then it is ended. */
export function* endClaim(store: Store, place: Place, token: string): Task<boolean> {
  const claim = yield* liveClaim(store, place)
  if (claim?.token !== token) return false
  yield* remove(store.io, place.claim)
  return true
}

/** Under the lock, before an entry is swept: a claim that this entry had broken must not look whole once it is gone. */
export function* dropBroken(store: Store, place: Place, stamp: string): Task<void> {
  const over = yield* wait(
    readFile(store.io, place.claim, (bytes) =>
      bytes && bytes.length > 17 ? bytes.toString('latin1', bytes.length - 16) : undefined,
    ),
  )
  if (over !== undefined && over !== stamp) yield* remove(store.io, place.claim)
}
