/** What all parts of one file store share: where it is, how it is read, who is told, how many it may hold. */
import type { Host } from '../../core/backend.ts'
import { systemClock } from '../../core/clock.ts'
import { Count } from './count.ts'
import { Directory } from './directory.ts'
import type { Io } from './io.ts'
import type { Locking } from './lock.ts'
import { type Place, storageKeyOf } from './place.ts'
import { readFile } from './read.ts'
import { createdAtOf, ENTRY, expiresAtOf, faultOf, payloadOf, stampOf } from './record.ts'
import { type Task, wait } from './task.ts'

export interface Settings {
  readonly root: string
  readonly maxEntries: number
  readonly cullFrequency: number
  readonly force: boolean
}

/** What rests in one file, whole and not over. */
export interface Found {
  expiresAt: number
  createdAt: number
  stamp: string
  payload: Buffer
}

const SILENT: Host = { clock: systemClock, evicted() {}, corrupt() {}, failed() {} }

export class Store implements Locking<Place> {
  readonly io: Io
  readonly settings: Settings
  readonly directory: Directory
  readonly count: Count
  host: Host = SILENT
  closed = false
  readonly #turns = new Set<() => void>()

  constructor(io: Io, settings: Settings) {
    this.io = io
    this.settings = settings
    this.directory = new Directory(io, settings.root, settings.force)
    this.count = new Count(io, settings.root, settings.maxEntries, () => this.fixMode)
  }

  get fixMode(): boolean {
    return this.directory.fixMode
  }

  /**
   * Settles after others had their turn. `behind`: the process need not stay alive for it. That is a timer, since an
   * immediate that keeps nothing alive does not wake an idle event loop either: a sweep would stand still.
   */
  turn(behind: boolean): Promise<void> {
    // Who closes waits for what runs behind, which would wait here for a timer that keeps nothing alive.
    if (this.closed) return Promise.resolve()
    return new Promise((resolve) => {
      const go = (): void => {
        this.#turns.delete(go)
        clearImmediate(next)
        clearTimeout(later)
        resolve()
      }
      const next = behind ? undefined : setImmediate(go)
      const later = behind ? setTimeout(go, 1).unref() : undefined
      this.#turns.add(go)
    })
  }

  /** Nothing behind goes on; what waits for its turn learns it now. */
  stop(): void {
    this.closed = true
    for (const go of [...this.#turns]) go()
  }

  now(): number {
    return this.host.clock.now()
  }

  check(place: Place): Task<void> {
    return this.directory.check(place)
  }

  makeFolders(place: Place): Task<void> {
    return this.directory.makeFolders(place)
  }

  /** Tells what was wrong with the bytes at a place, where something was; `true` when they are a whole entry. */
  isWhole(bytes: Buffer, place: Place, decoded = false): boolean {
    const fault = faultOf(bytes, ENTRY, place.key, decoded)
    if (fault === undefined) return true
    if (fault === 'corrupt') this.host.corrupt(storageKeyOf(place.key), 'checksum')
    return false
  }

  /** The entry at a place, `undefined` where none lives. What is damaged, foreign or over is none. */
  *find(place: Place): Task<Found | undefined> {
    return yield* wait(
      readFile(this.io, place.entry, (bytes, keep) => {
        if (!bytes || !this.isWhole(bytes, place) || expiresAtOf(bytes) <= this.now()) return undefined
        return {
          expiresAt: expiresAtOf(bytes),
          createdAt: createdAtOf(bytes),
          stamp: stampOf(bytes),
          payload: payloadOf(bytes, keep),
        }
      }),
    )
  }
}
