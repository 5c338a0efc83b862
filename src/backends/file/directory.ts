/**
 * The cache directory: is it safe to write to, are its folders ours, and the making of them. Whoever can write into the
 * directory can choose what the site says, so it is refused where others can; every level that we make is 0700, set
 * at its creation and never by way of the umask, which belongs to the whole process.
 */
import type { Stats } from 'node:fs'
import { dirname } from 'node:path'
import { ConfigError } from '../../core/errors.ts'
import { codeOf, DIRECTORY_MODE, FILE_MODE, type Io, MAKING } from './io.ts'
import { remove } from './lock.ts'
import type { Place } from './place.ts'
import { newStamp } from './record.ts'
import { type Task, wait } from './task.ts'

/** The name of the file that says whose the directory is: without it nothing in there is ever removed. */
const MARKER = 'stillwarm.marker'
const TEXT = 'This directory is a cache kept by stillwarm. Its files may be removed at any time.\n'

const WRITABLE_BY_OTHERS = 0o022
const WRITABLE_BY_ALL = 0o002
const STICKY = 0o1000
const hasOwners = process.platform !== 'win32' && process.geteuid !== undefined

interface Known {
  ino: number
  mtimeMs: number
  shards: Set<string>
}

export class Directory {
  /** Does the umask of this process take rights from the owner? Then each new file needs its mode set. */
  fixMode = false
  /** Did this process make it? Then nothing was in it before. */
  made = false
  readonly #io: Io
  readonly #root: string
  readonly #force: boolean
  readonly #known = new Map<string, Known>()
  #safe = false
  #marked = false

  constructor(io: Io, root: string, force: boolean) {
    this.#io = io
    this.#root = root
    this.#force = force
  }

  /** Was it found safe already? */
  get safe(): boolean {
    return this.#safe
  }

  /** Before each verb: `false` where there is no directory yet, which for a reader is a miss. Throws where it is unsafe. */
  *prepare(writing: boolean): Task<boolean> {
    if (this.#marked || (this.#safe && !writing)) return true
    const there = yield* wait(this.#io.lstat(this.#root))
    if (!there && !writing) return false
    if (!there) yield* this.#makeRoot()
    yield* this.#refuseUnsafe(there ?? (yield* wait(this.#io.lstat(this.#root))))
    this.#safe = true
    if (writing) yield* this.#mark()
    return true
  }

  /** Is this a directory that we keep entries in? */
  *isOurs(): Task<boolean> {
    return (yield* this.prepare(false)) && (yield* wait(this.#io.exists(`${this.#root}/${MARKER}`)))
  }

  /**
   * Refuses a folder of ours that is a link, or somebody else's. A name within a folder cannot change without the
   * folder's mtime changing, so one look a write is enough for both levels.
   */
  *check(place: Place): Task<void> {
    const owner = yield* wait(this.#io.lstat(place.owner))
    if (!owner) return
    let known = this.#known.get(place.owner)
    if (!known || known.ino !== owner.ino || known.mtimeMs !== owner.mtimeMs) {
      this.#refuseFolder(owner)
      known = { ino: owner.ino, mtimeMs: owner.mtimeMs, shards: new Set() }
      if (this.#known.size >= 1000) this.#known.clear()
      this.#known.set(place.owner, known)
    }
    if (known.shards.has(place.shard)) return
    const shard = yield* wait(this.#io.lstat(place.shard))
    if (!shard) return
    this.#refuseFolder(shard)
    known.shards.add(place.shard)
  }

  *makeFolders(place: Place): Task<void> {
    if (!(yield* wait(this.#io.lstat(this.#root)))) {
      yield* this.#makeRoot()
      yield* this.#mark()
    }
    yield* this.#make(place.owner)
    yield* this.#make(place.shard)
    yield* this.check(place)
  }

  *#make(path: string): Task<void> {
    try {
      yield* wait(this.#io.mkdir(path))
    } catch (error) {
      // Gone again: the whole of it was cleared, and is made again by the one who asked.
      if (codeOf(error) === 'EEXIST' || codeOf(error) === 'ENOENT') return
      throw error
    }
    if (!hasOwners) return
    const made = yield* wait(this.#io.lstat(path))
    if (made && (made.mode & 0o777) !== DIRECTORY_MODE) yield* wait(this.#io.chmod(path, DIRECTORY_MODE))
  }

  *#makeRoot(): Task<void> {
    const missing: string[] = []
    for (let path = this.#root; !(yield* wait(this.#io.exists(path))); path = dirname(path)) {
      missing.push(path)
      if (path === dirname(path)) break
    }
    for (const path of missing.reverse()) yield* this.#make(path)
    this.made = true
  }

  *#mark(): Task<void> {
    const io = this.#io
    const draft = `${this.#root}/${MARKER}.${newStamp()}`
    const fd = yield* wait(io.open(draft, MAKING))
    try {
      const { mode } = yield* wait(io.fstat(fd))
      this.fixMode = hasOwners && (mode & FILE_MODE) !== FILE_MODE
      if (this.fixMode) yield* wait(io.fchmod(fd, FILE_MODE))
      yield* wait(io.write(fd, Buffer.from(TEXT), 0))
      yield* wait(io.close(fd))
      yield* wait(io.rename(draft, `${this.#root}/${MARKER}`))
    } catch (error) {
      yield* remove(io, draft)
      throw error
    }
    this.#marked = true
  }

  *#refuseUnsafe(root: Stats | undefined): Task<void> {
    if (this.#force) return
    if (root && !root.isDirectory()) throw this.#unsafe('is no directory, or a link to one')
    if (!root || !hasOwners) return
    if (root.uid !== process.geteuid?.()) throw this.#unsafe('belongs to another user')
    if (root.mode & WRITABLE_BY_OTHERS && !(root.mode & STICKY))
      throw this.#unsafe('can be written to by others')
    const parent = yield* wait(this.#io.stat(dirname(this.#root)))
    if (parent && parent.mode & WRITABLE_BY_ALL && !(parent.mode & STICKY)) {
      throw this.#unsafe('is in a directory that everyone can write to')
    }
  }

  #refuseFolder(folder: Stats): void {
    if (!folder.isDirectory()) throw this.#unsafe('holds a link, or a file, in place of a folder of ours')
    if (this.#force || !hasOwners) return
    if (folder.uid !== process.geteuid?.())
      throw this.#unsafe('holds a folder of another user in place of ours')
  }

  #unsafe(what: string): ConfigError {
    return new ConfigError(
      'UNSAFE_DIRECTORY',
      `file(): the directory ${JSON.stringify(this.#root)} ${what}, so others could choose what this cache answers: ` +
        'give it one of its own (it is made with mode 0700), or { force: true }',
    )
  }
}
