/**
 * Goes through the directory in slices: no list of it is ever held, and between slices the process does other
 * work, and may end. What it removes it looks at again under the lock of the entry, so that a newer one is never lost.
 */
import { dropBroken } from './claims.ts'
import { codeOf } from './io.ts'
import { BUSY, ifFree, remove } from './lock.ts'
import { isOwner, isShard, isTrash, placeOfFile, roleOf, storageKeyOf } from './place.ts'
import { readHead } from './read.ts'
import { createdAtOf, ENTRY, expiresAtOf, HEADER, isBlank, isOurs, keyOf, kindOf, stampOf } from './record.ts'
import type { Store } from './store.ts'
import { type Task, wait } from './task.ts'

/** How it goes: in one go, or letting others work in between; and then, whether the process waits for it to end. */
export type Pace = 'at-once' | 'asked' | 'behind'

/** Files between two pauses. */
const SLICE = 16
/** Milliseconds between two pauses, where each file stops the thread. */
const SYNC_SLICE = 1
/** A lock, a claim or a draft this old belongs to nobody any more, in milliseconds. */
const ORPHAN_AFTER = 3_600_000

/** Thrown through a sweep when the store is closed meanwhile. */
export const STOPPED = new Error('The sweep was stopped')

/** When a sweep lets others work. */
class Slices {
  readonly #store: Store
  readonly #pace: Pace
  #files = 0
  #began = performance.now()

  constructor(store: Store, pace: Pace) {
    this.#store = store
    this.#pace = pace
  }

  /** After each file. */
  *file(): Task<void> {
    if (this.#pace === 'at-once') return
    this.#files += 1
    const { sync } = this.#store.io
    if (sync ? performance.now() - this.#began < SYNC_SLICE : this.#files % SLICE !== 0) return
    yield this.#store.turn(this.#pace === 'behind')
    if (this.#store.closed) throw STOPPED
    this.#began = performance.now()
  }
}

/** All names in a folder, by and by; none where it is gone. */
export function* names(store: Store, path: string): Task<string[]> {
  const { io } = store
  const found: string[] = []
  try {
    const dir = yield* wait(io.opendir(path))
    try {
      for (;;) {
        const name = yield* wait(io.next(dir))
        if (name === undefined) break
        found.push(name)
      }
    } finally {
      yield* wait(io.closedir(dir))
    }
  } catch (error) {
    const code = codeOf(error)
    if (code !== 'ENOENT' && code !== 'ENOTDIR') throw error
  }
  return found
}

/** The folders of the prefixes. */
export function* owners(store: Store): Task<string[]> {
  const { root } = store.settings
  return (yield* names(store, root)).filter(isOwner).map((name) => `${root}/${name}`)
}

export function* trash(store: Store): Task<string[]> {
  const { root } = store.settings
  return (yield* names(store, root)).filter(isTrash).map((name) => `${root}/${name}`)
}

/** Calls `visit` for each file of ours under these folders. */
export function* walk(
  store: Store,
  folders: readonly string[],
  pace: Pace,
  visit: (owner: string, name: string) => Task<void>,
): Task<void> {
  const slices = new Slices(store, pace)
  for (const owner of folders) {
    for (const shard of yield* names(store, owner)) {
      if (!isShard(shard)) continue
      for (const name of yield* names(store, `${owner}/${shard}`)) {
        if (!name.startsWith(shard) || roleOf(name) === undefined) continue
        yield* visit(owner, name)
        yield* slices.file()
      }
    }
  }
}

/** What a file with the name of an entry is, by its header; `undefined` for what is not ours. */
export interface Resting {
  createdAt: number
  expiresAt: number
  stamp: string
  /** The storage key; empty where it was not asked for. */
  storageKey: string
}

function restingOf(head: Buffer | undefined, withKey: boolean): Resting | undefined {
  if (!head || isBlank(head)) {
    // Empty, or zeros: what a power failure left of one of ours. It is over.
    return head && { createdAt: 0, expiresAt: 0, stamp: '', storageKey: '' }
  }
  if (!isOurs(head) || kindOf(head) !== ENTRY) return undefined
  return {
    createdAt: createdAtOf(head),
    expiresAt: expiresAtOf(head),
    stamp: stampOf(head),
    storageKey: withKey && head.length > HEADER ? storageKeyOf(keyOf(head)) : '',
  }
}

export function* restingAt(store: Store, path: string, withKey = false): Task<Resting | undefined> {
  return yield* wait(readHead(store.io, path, (head) => restingOf(head, withKey), withKey))
}

/** Removes an entry if it is still one that `goes`; was it removed? Busy ones are left to another time. */
export function* evict(
  store: Store,
  owner: string,
  name: string,
  reason: 'room' | 'expired' | 'cleared',
  goes: (now: Resting) => boolean,
): Task<boolean> {
  const place = placeOfFile(owner, name)
  const result = yield* ifFree<boolean>(store, place, function* () {
    const resting = yield* restingAt(store, place.entry, true)
    if (!resting || !goes(resting)) return false
    if (reason === 'cleared') yield* remove(store.io, place.claim)
    else yield* dropBroken(store, place, resting.stamp)
    const gone = yield* remove(store.io, place.entry)
    if (gone && reason !== 'cleared') store.host.evicted(resting.storageKey, reason)
    return gone
  })
  return result !== BUSY && result
}

export function isOver(store: Store): (resting: Resting) => boolean {
  return (resting) => resting.expiresAt <= store.now()
}

/** Removes a lock, a claim or a second name that nobody can still need. */
export function* dropOrphan(store: Store, owner: string, name: string): Task<boolean> {
  const path = `${owner}/${name.slice(0, 2)}/${name}`
  const stat = yield* wait(store.io.lstat(path))
  if (!stat || Date.now() - stat.mtimeMs < ORPHAN_AFTER) return false
  if (roleOf(name) === 'claim' && ((yield* restingClaimEnd(store, path)) ?? 0) > store.now()) return false
  return yield* remove(store.io, path)
}

function* restingClaimEnd(store: Store, path: string): Task<number | undefined> {
  return yield* wait(
    readHead(store.io, path, (head) => (head && isOurs(head) ? expiresAtOf(head) : undefined)),
  )
}

/** Removes one expired entry that a reader came upon. */
export function* dropExpired(store: Store, owner: string, name: string): Task<boolean> {
  const gone = yield* evict(store, owner, name, 'expired', isOver(store))
  if (gone) yield* store.count.free(1)
  return gone
}

/** Empties a folder that `clear` has set aside, up to `most` files; how many entries went, and is it done? */
export function* emptyTrash(
  store: Store,
  folder: string,
  pace: Pace,
  most = Number.POSITIVE_INFINITY,
): Task<{ entries: number; done: boolean }> {
  const { io } = store
  const home = folder.slice(0, folder.indexOf('.', folder.lastIndexOf('/')))
  const slices = new Slices(store, pace)
  let entries = 0
  let seen = 0
  for (const shard of yield* names(store, folder)) {
    for (const name of yield* names(store, `${folder}/${shard}`)) {
      if (seen >= most) return { entries, done: false }
      seen += 1
      const path = `${folder}/${shard}/${name}`
      const role = isShard(shard) && name.startsWith(shard) ? roleOf(name) : undefined
      const ours = role === 'entry' ? (yield* restingAt(store, path)) !== undefined : role !== undefined
      if (!ours) yield* putBack(store, path, `${home}/${shard}`, name)
      else if ((yield* remove(io, path)) && role === 'entry') entries += 1
      yield* slices.file()
    }
    yield* dropFolder(store, `${folder}/${shard}`)
  }
  yield* dropFolder(store, folder)
  return { entries, done: true }
}

/** A file of somebody else's that lay in a folder of ours goes back to where it was. */
function* putBack(store: Store, path: string, shard: string, name: string): Task<void> {
  const { io } = store
  for (const folder of [shard.slice(0, shard.lastIndexOf('/')), shard]) {
    if (!(yield* wait(io.exists(folder)))) yield* wait(io.mkdir(folder))
  }
  if (!(yield* wait(io.lstat(`${shard}/${name}`)))) yield* wait(io.rename(path, `${shard}/${name}`))
}

function* dropFolder(store: Store, path: string): Task<void> {
  try {
    yield* wait(store.io.rmdir(path))
  } catch (error) {
    // Something of somebody else's rests in it, or another process was quicker.
    const code = codeOf(error)
    if (code !== 'ENOTEMPTY' && code !== 'EEXIST' && code !== 'ENOENT' && code !== 'ENOTDIR') throw error
  }
}
