/**
 * One writer a key, among all processes. The lock *is* the next version of the file: made exclusively, written, and
 * renamed over the entry, which commits and unlocks in one step, for the cost of a temporary file.
 *
 * So a lock can be taken from a dead or frozen holder without a fence: taking it removes what it wrote. When the holder
 * wakes, its rename finds nothing (and it begins again), or commits what the next holder wrote: whole, and then
 * that was about to happen; or in part, and then the checksum makes it a miss and the next holder, whose own rename finds
 * nothing, writes again. Nothing a holder wrote before it lost the lock can come back.
 *
 * No `fsync`: a rename is atomic to every process, and after a power failure the checksum tells. It is a cache.
 */
import type { Stats } from 'node:fs'
import { isPromise } from '../../core/answer.ts'
import { lifeOf, MARK } from './holder.ts'
import { codeOf, FILE_MODE, type Io, MAKING } from './io.ts'
import { readHead } from './read.ts'
import { encodeLock, HEADER, isOurs, markOf } from './record.ts'
import { type Task, wait } from './task.ts'

/** A lock whose holder cannot be told is given up after this long without a change, in milliseconds. */
const LOST_AFTER = 10_000
/** So is one that does not say whose it is (its holder died between two system calls). */
const BLANK_AFTER = 1_000
/** Nobody waits longer for a lock. */
const WAIT_MOST = 20_000
/** After this long, a holder looks whether the lock is still its own before it commits. */
const DOUBT_AFTER = 500

/** What can be locked: an entry, or the upkeep of the whole directory. */
export interface Lockable {
  readonly lock: string
  /** A second name for one certain lock, held by the one who breaks it. */
  breaking(which: string): string
}

export interface Held {
  readonly place: Lockable
  readonly fd: number
  readonly since: number
  open: boolean
}

/** What the work under a lock answers when the lock was lost: it is done again from the start. */
export const AGAIN = Symbol('again')

/** Held by somebody else. */
export const BUSY = Symbol('busy')

/** Removes a file that may be gone already; was it there? */
export function* remove(io: Io, path: string): Task<boolean> {
  try {
    yield* wait(io.unlink(path))
    return true
  } catch (error) {
    const code = codeOf(error)
    // A directory in its place is none of ours, and no file.
    if (code === 'ENOENT' || code === 'ENOTDIR' || code === 'EISDIR') return false
    throw error
  }
}

/** Takes the lock if it is free and there is a folder to hold it in. */
function* take(io: Io, place: Lockable, fixMode: boolean): Task<Held | 'held' | 'no-folder'> {
  let fd: number
  try {
    fd = yield* wait(io.open(place.lock, MAKING))
  } catch (error) {
    const code = codeOf(error)
    if (code === 'EEXIST') return 'held'
    if (code === 'ENOENT') return 'no-folder'
    throw error
  }
  const held: Held = { place, fd, since: performance.now(), open: true }
  if (fixMode) yield* wait(io.fchmod(fd, FILE_MODE))
  return held
}

/** Lets go without a commit. */
function* unlock(io: Io, held: Held): Task<void> {
  held.open = false
  const ours = !isLate(held) || (yield* isStillOurs(io, held))
  try {
    yield* wait(io.close(held.fd))
  } finally {
    if (ours) yield* remove(io, held.place.lock)
  }
}

function isLate(held: Held): boolean {
  return performance.now() - held.since > DOUBT_AFTER
}

/** Says whose the lock is: for work that takes longer than the one write of a `set`. */
function* sign(io: Io, held: Held): Task<void> {
  yield* wait(io.write(held.fd, encodeLock(), 0))
}

/** Is the lock file still the one that we made? */
function* isStillOurs(io: Io, held: Held): Task<boolean> {
  const mine = yield* wait(io.fstat(held.fd))
  const there = yield* wait(io.lstat(held.place.lock))
  return there !== undefined && there.ino === mine.ino
}

const CLOSE_FIRST = process.platform === 'win32'

function ignore(): void {}

/** Makes `record` the content of `target`, in one step, and unlocks. `AGAIN` when the lock was lost before. */
export function* commit(io: Io, held: Held, record: Buffer, target: string): Task<true | typeof AGAIN> {
  yield* wait(io.write(held.fd, record, 0))
  if (isLate(held) && !(yield* isStillOurs(io, held))) {
    held.open = false
    yield* wait(io.close(held.fd))
    return AGAIN
  }
  held.open = false
  try {
    // Elsewhere than on Windows a file may be moved while it is open, so that one need not wait for the other.
    const closing = io.close(held.fd)
    if (CLOSE_FIRST) yield* wait(closing)
    else if (isPromise(closing)) closing.catch(ignore)
    yield* wait(io.rename(held.place.lock, target))
    yield* wait(closing)
    return true
  } catch (error) {
    if (codeOf(error) !== 'ENOENT') {
      yield* remove(io, held.place.lock)
      throw error
    }
  }
  // The lock was taken from us, or the folder cleared. Another holder may have committed our file as its own.
  const head = record.subarray(0, HEADER)
  return (yield* wait(readHead(io, target, (there) => there?.equals(head) === true))) ? true : AGAIN
}

/** A lock as a waiter saw it, and since when it has not changed. */
export interface Seen {
  id: string
  stat: Stats
  since: number
}

/**
 * Takes a lock away from a holder that is dead, or has held it for longer than `patience`. Answers what was seen, for the
 * next time; `undefined` when the lock is free now.
 */
export function* breakIfLost(
  io: Io,
  place: Lockable,
  before: Seen | undefined,
  patience = LOST_AFTER,
): Task<Seen | undefined> {
  const stat = yield* wait(io.lstat(place.lock))
  if (!stat) return undefined
  const id = `${stat.ino.toString(16)}-${Math.floor(stat.mtimeMs).toString(16)}`
  const now = performance.now()
  const seen = before?.id === id ? before : { id, stat, since: now }
  const mark = yield* wait(
    readHead(io, place.lock, (head) =>
      head !== undefined && isOurs(head) ? Buffer.from(markOf(head)) : undefined,
    ),
  )
  const idle = now - seen.since
  const lost = mark?.length === MARK ? lifeOf(mark) === 'dead' || idle > patience : idle > BLANK_AFTER
  if (!lost) return seen

  // Of all who see it lost one may remove it: the one who gives it a second name, made of what it is. While that name
  // stands nobody else removes this lock, and a lock made since does not answer to it.
  const name = place.breaking(id)
  try {
    yield* wait(io.link(place.lock, name))
  } catch (error) {
    const code = codeOf(error)
    if (code === 'ENOENT') return undefined
    if (code === 'EEXIST') {
      // Somebody breaks it, or died while doing so.
      if (idle > 2 * BLANK_AFTER) yield* remove(io, name)
      return seen
    }
    // No second names here (FAT, some shares).
    yield* remove(io, place.lock)
    return undefined
  }
  const named = yield* wait(io.lstat(name))
  if (named?.ino === stat.ino && Math.floor(named.mtimeMs) === Math.floor(stat.mtimeMs)) {
    yield* remove(io, place.lock)
  }
  yield* remove(io, name)
  return undefined
}

export interface Locking<P extends Lockable> {
  readonly io: Io
  /** Was the umask seen to take rights from the owner? */
  readonly fixMode: boolean
  /** Makes sure that the folders of a place are ours, and no links. */
  check(place: P): Task<void>
  /** Makes the folders of a place. */
  makeFolders(place: P): Task<void>
}

function* acquire<P extends Lockable>(on: Locking<P>, place: P): Task<Held> {
  const { io } = on
  const started = performance.now()
  let seen: Seen | undefined
  for (let tries = 0; ; tries++) {
    const held = yield* take(io, place, on.fixMode)
    if (typeof held === 'object') return held
    if (held === 'no-folder' && tries < 10) {
      yield* on.makeFolders(place)
      continue
    }
    if (performance.now() - started > WAIT_MOST || held === 'no-folder') {
      throw Object.assign(new Error('A lock in the cache directory is held for too long'), {
        code: 'ETIMEDOUT',
      })
    }
    if (tries >= 3 && tries % 3 === 0) seen = yield* breakIfLost(io, place, seen)
    yield* wait(io.sleep(Math.min(20, 0.2 * 2 ** Math.min(tries, 7)) * (0.5 + Math.random())))
  }
}

/**
 * Does `work` under the lock of a place, again when the lock was lost. `signed`: it reads before it writes, so the lock
 * says at once whose it is.
 */
export function* locked<T, P extends Lockable>(
  on: Locking<P>,
  place: P,
  signed: boolean,
  work: (held: Held) => Task<T | typeof AGAIN>,
): Task<T> {
  for (;;) {
    yield* on.check(place)
    const held = yield* acquire(on, place)
    const result = yield* finish(on.io, held, signed, work)
    if (result !== AGAIN) return result as T
  }
}

/** The same where the lock is free, without waiting; `BUSY` where it is not. For upkeep, that can come back later. */
export function* ifFree<T>(
  on: Pick<Locking<never>, 'io' | 'fixMode'>,
  place: Lockable,
  work: (held: Held) => Task<T | typeof AGAIN>,
): Task<T | typeof BUSY> {
  const held = yield* take(on.io, place, on.fixMode)
  if (typeof held !== 'object') return BUSY
  const result = yield* finish(on.io, held, true, work)
  return result === AGAIN ? BUSY : (result as T)
}

function* finish<T>(
  io: Io,
  held: Held,
  signed: boolean,
  work: (held: Held) => Task<T | typeof AGAIN>,
): Task<T | typeof AGAIN> {
  try {
    if (signed) yield* sign(io, held)
    return yield* work(held)
  } finally {
    if (held.open) yield* unlock(io, held)
  }
}
