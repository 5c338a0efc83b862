/**
 * Entries in files: one each, for any number of processes on one machine. Written whole or not at all, changed under a
 * lock a key, so that `add`, `incr` and claims hold among all processes; what is torn or damaged is a miss.
 */

import nodeFs from 'node:fs'
import { resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Answer } from '../../core/answer.ts'
import { andThen } from '../../core/answer.ts'
import type { Backend, Claimed, Host, Kept, Space } from '../../core/backend.ts'
import { argumentError } from '../../core/errors.ts'
import { checkInteger, checkOptions, checkWord, kindOf } from '../../core/options.ts'
import { isGraced, type Stored } from '../../core/values/entry.ts'
import { checkDirectory } from './check.ts'
import { claim, extend, release } from './claims.ts'
import { clear } from './clear.ts'
import { add, del, fill, incr, replace, set, touch } from './entries.ts'
import { Gate } from './gate.ts'
import { asyncIo, type Fs, syncIo } from './io.ts'
import { type Place, placeOf } from './place.ts'
import { readNow, readSoon, type Use } from './read.ts'
import { createdAtOf, expiresAtOf, payloadOf } from './record.ts'
import { countEntries, prune, startBehind, underway, upkeep } from './room.ts'
import { Store } from './store.ts'
import { dropExpired } from './sweep.ts'
import { drive, type Task } from './task.ts'

/** Options of {@link file}. */
export interface FileOptions {
  /**
   * Where the files are: a path (a relative one from the current directory) or a `file:` URL. Made with mode 0700 when
   * it is not there. Refused at the first use when another user owns it or others may write to it.
   */
  directory: string | URL
  /** How many entries it may hold; 10,000. Passed by less than a tenth, whoever writes. */
  maxEntries?: number
  /** When it is full, one in so many goes, expired ones first, then those stored longest ago; 3. `0` empties it. */
  cullFrequency?: number
  /**
   * `'async'` (default): the event loop is never held up. `'sync'`: every verb answers at once, and `cache.sync`
   * exists: several times quicker for small entries on a local disk, and wrong for a network disk.
   */
  reads?: 'async' | 'sync'
  /** Uses the directory although others may write to it. */
  force?: boolean
}

const KNOWN = ['directory', 'maxEntries', 'cullFrequency', 'reads', 'force'] as const
const FIRST_UPKEEP = 60_000
const UPKEEP = 3_600_000

/** How the contract narrows here: bytes in, bytes out, and everything optional but the object's checks is there. */
export type FileBackend = Backend &
  Required<
    Pick<Backend, 'claim' | 'extend' | 'fill' | 'has' | 'peek' | 'prune' | 'release' | 'replace' | 'size'>
  >

/**
 * A backend that keeps entries in files. Nothing is opened before the first verb.
 *
 * @throws TypeError or RangeError, with a `code`, for options that cannot be.
 */
export function file<const R extends 'async' | 'sync' = 'async'>(
  options: FileOptions & { reads?: R },
): FileBackend & { readonly sync: R extends 'sync' ? true : false } {
  return openFiles(options, nodeFs) as FileBackend & { readonly sync: R extends 'sync' ? true : false }
}

function directoryOf(directory: unknown): string {
  if (directory instanceof URL) return resolve(fileURLToPath(directory))
  if (typeof directory !== 'string' || directory === '' || directory.includes('\0')) {
    throw argumentError(
      TypeError,
      'INVALID_OPTION',
      `file(): directory must be a path or a file: URL, not ${kindOf(directory)}`,
    )
  }
  return resolve(directory)
}

function limitOf(maxEntries: unknown = 10_000): number {
  if (maxEntries === Number.POSITIVE_INFINITY) return maxEntries
  return checkInteger('file(): maxEntries', maxEntries, Number.MIN_SAFE_INTEGER)
}

function forceOf(force: unknown = false): boolean {
  if (typeof force === 'boolean') return force
  throw argumentError(
    TypeError,
    'INVALID_OPTION',
    `file(): force must be true or false, not ${kindOf(force)}`,
  )
}

/** The same over given system calls. */
export function openFiles(options: FileOptions, fs: Fs): FileBackend {
  checkOptions('file()', options, KNOWN)
  const sync = checkWord('file(): reads', options.reads ?? 'async', ['async', 'sync']) === 'sync'
  const settings = {
    root: directoryOf(options.directory),
    maxEntries: limitOf(options.maxEntries),
    cullFrequency: checkInteger('file(): cullFrequency', options.cullFrequency ?? 3, 0),
    force: forceOf(options.force),
  }
  const store = new Store(sync ? syncIo(fs) : asyncIo(fs), settings)
  const gate = new Gate(sync)
  let opened = false
  let timer: NodeJS.Timeout | undefined

  const at = (space: Space, key: string): Place => placeOf(settings.root, space.frame(key))

  const planUpkeep = (ms: number): void => {
    timer = setTimeout(
      () => {
        startBehind(store, () => upkeep(store))
        planUpkeep(UPKEEP)
      },
      ms * (0.5 + Math.random()),
    ).unref()
  }

  /** Writes to one place, the directory being there and safe. */
  const write = <T>(place: Place, otherwise: T, verb: string, work: () => Task<T>): Answer<T> =>
    gate.write(place.entry, function* () {
      try {
        yield* store.directory.prepare(true)
      } catch (error) {
        if (!(error instanceof Error && 'syscall' in error)) throw error
        store.host.failed(verb, error)
        return otherwise
      }
      if (!timer) planUpkeep(FIRST_UPKEEP)
      return yield* work()
    })

  /** Reads what lives at a place; a fault of the disk is told, and a miss. */
  const read = <T>(
    place: Place,
    verb: string,
    use: (bytes: Buffer, keep: () => void) => T,
  ): Answer<T | undefined> => {
    const found: Use<Answer<T | undefined>> = (bytes, keep) => {
      if (!bytes || !store.isWhole(bytes, place)) return undefined
      if (expiresAtOf(bytes) > store.now()) return use(bytes, keep)
      const name = place.entry.slice(place.shard.length + 1)
      return andThen(
        gate.write(place.entry, () => dropExpired(store, place.owner, name)),
        () => undefined,
      )
    }
    const told = (error: unknown): undefined => {
      if (!(error instanceof Error && 'syscall' in error)) throw error
      store.host.failed(verb, error)
    }
    if (sync) {
      try {
        if (!store.directory.safe && !drive(store.directory.prepare(false))) return undefined
        return readNow(store.io, place.entry, found)
      } catch (error) {
        return told(error)
      }
    }
    return new Promise<T | undefined>((resolve, reject) => {
      const leave = gate.enter()
      const failed = (error: unknown): void => {
        try {
          resolve(told(error))
        } catch (deliberate) {
          reject(deliberate)
        }
      }
      const look = (): void => readSoon(store.io, place.entry, found, resolve, failed, leave)
      if (store.directory.safe) return look()
      const miss = (): void => {
        resolve(undefined)
        leave()
      }
      Promise.resolve(drive(store.directory.prepare(false))).then(
        (there) => (there ? look() : miss()),
        (error) => {
          failed(error)
          leave()
        },
      )
    })
  }

  return {
    name: 'file',
    holds: 'bytes',
    sync,
    shared: true,

    check: (context) => checkDirectory(options.directory, context),

    open(host: Host) {
      if (opened) return
      opened = true
      store.host = host
    },
    get: (space, key) => read(at(space, key), 'get', payloadOf),
    peek: (space, key): Answer<Kept | undefined> =>
      read(at(space, key), 'peek', (bytes, keep) => ({
        stored: payloadOf(bytes, keep),
        expiresAt: expiresAtOf(bytes),
        createdAt: createdAtOf(bytes),
      })),
    has: (space, key) =>
      andThen(
        read(at(space, key), 'has', (bytes, keep) => isGraced(payloadOf(bytes, keep))),
        (graced) => (graced ? 'graced' : graced !== undefined),
      ),
    set(space, key, what, expiresAt) {
      const place = at(space, key)
      return write(place, false, 'set', () => set(store, place, bytesOf(what), expiresAt))
    },
    add(space, key, what, expiresAt) {
      const place = at(space, key)
      return write(place, false, 'add', () => add(store, place, bytesOf(what), expiresAt))
    },
    touch(space, key, expiresAt) {
      const place = at(space, key)
      return write<boolean | 'graced'>(place, false, 'touch', () => touch(store, place, expiresAt))
    },
    replace(space, key, was, what, expiresAt) {
      const place = at(space, key)
      return write(place, false, 'replace', () =>
        replace(store, place, bytesOf(was), bytesOf(what), expiresAt),
      )
    },
    delete(space, key) {
      const place = at(space, key)
      return gate.write(place.entry, function* () {
        return (yield* store.directory.prepare(false)) && (yield* del(store, place))
      })
    },
    incr(space, key, by, made) {
      const place = at(space, key)
      return write<number | undefined>(place, undefined, 'incr', () => incr(store, place, key, by, made))
    },
    claim(space, key, ms): Answer<Claimed> {
      const place = at(space, key)
      // A fault is thrown: to a caller that is told "another holds it" there would be nothing but to wait.
      return gate.write(place.entry, function* () {
        yield* store.directory.prepare(true)
        return yield* claim(store, place, ms)
      })
    },
    extend(space, key, token, ms) {
      const place = at(space, key)
      return write(place, false, 'extend', () => extend(store, place, token, ms))
    },
    fill(space, key, token, what, expiresAt) {
      const place = at(space, key)
      return write(place, false, 'fill', () => fill(store, place, token, bytesOf(what), expiresAt))
    },
    release(space, key, token) {
      const place = at(space, key)
      return write(place, undefined, 'release', () => release(store, place, token))
    },
    clear: (space) => gate.write('clear', () => clear(store, space)),
    prune: () =>
      gate.write('prune', function* () {
        if (!(yield* store.directory.isOurs())) return 0
        return yield* prune(store, sync ? 'at-once' : 'asked')
      }),
    size: () =>
      gate.write('size', function* () {
        return { entries: yield* countEntries(store) }
      }),
    close() {
      clearTimeout(timer)
      if (sync) {
        store.stop()
        return drive(store.count.close())
      }
      return finish()
    },
  }

  async function finish(): Promise<void> {
    await gate.idle()
    store.stop()
    await underway(store)
    await drive(store.count.close())
  }
}

function bytesOf(what: Stored): Uint8Array {
  if (what instanceof Uint8Array) return what
  throw argumentError(TypeError, 'INVALID_VALUE', 'The file backend holds bytes: encode the value first')
}
