/**
 * The system calls that the file backend uses, in two flavours with one face: callbacks for the
 * default, plain calls for `reads: 'sync'`. Callbacks and not `fs/promises`, because a FileHandle costs more than the
 * read of a small file. Everything goes through the functions given, so that tests can make a disk full.
 */
import nodeFs, { type Dir, type Stats } from 'node:fs'
import type { Answer } from '../../core/answer.ts'

export type Fs = Pick<
  typeof nodeFs,
  | 'access'
  | 'chmod'
  | 'chmodSync'
  | 'close'
  | 'closeSync'
  | 'existsSync'
  | 'fchmod'
  | 'fchmodSync'
  | 'fstat'
  | 'fstatSync'
  | 'link'
  | 'linkSync'
  | 'lstat'
  | 'lstatSync'
  | 'mkdir'
  | 'mkdirSync'
  | 'open'
  | 'openSync'
  | 'opendir'
  | 'opendirSync'
  | 'read'
  | 'readSync'
  | 'rename'
  | 'renameSync'
  | 'rmdir'
  | 'rmdirSync'
  | 'stat'
  | 'statSync'
  | 'unlink'
  | 'unlinkSync'
  | 'write'
  | 'writeSync'
>

const { O_RDONLY, O_WRONLY, O_RDWR, O_CREAT, O_EXCL, O_APPEND } = nodeFs.constants
// Windows has neither; there a link cannot be planted by those who may not write here.
const O_NOFOLLOW = nodeFs.constants.O_NOFOLLOW ?? 0
const O_NONBLOCK = nodeFs.constants.O_NONBLOCK ?? 0

/** Reading never follows a link and never waits for the other end of a pipe. */
export const READING = O_RDONLY | O_NOFOLLOW | O_NONBLOCK
/** Writing always makes the file, so never into one that somebody else put there. */
export const MAKING = O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW
/** For the one file that several write at the end of. */
export const ADDING = O_RDWR | O_CREAT | O_APPEND | O_NOFOLLOW | O_NONBLOCK

export interface Io {
  readonly sync: boolean
  readonly fs: Fs
  open(path: string, flags: number): Answer<number>
  /** Reads from `position`, which also refuses pipes and sockets (they cannot seek). */
  read(fd: number, into: Buffer, offset: number, length: number, position: number): Answer<number>
  /** Writes all of it. */
  write(fd: number, bytes: Buffer, position: number | null): Answer<void>
  close(fd: number): Answer<void>
  fstat(fd: number): Answer<Stats>
  fchmod(fd: number, mode: number): Answer<void>
  rename(from: string, to: string): Answer<void>
  link(from: string, to: string): Answer<void>
  unlink(path: string): Answer<void>
  rmdir(path: string): Answer<void>
  mkdir(path: string): Answer<void>
  chmod(path: string, mode: number): Answer<void>
  /** `undefined` where nothing is. */
  lstat(path: string): Answer<Stats | undefined>
  /** The same, through links. */
  stat(path: string): Answer<Stats | undefined>
  exists(path: string): Answer<boolean>
  opendir(path: string): Answer<Dir>
  /** The next name, `undefined` at the end. */
  next(dir: Dir): Answer<string | undefined>
  closedir(dir: Dir): Answer<void>
  /** Waits. A synchronous one stops the thread, so only for a few milliseconds. */
  sleep(ms: number): Answer<void>
}

export const FILE_MODE = 0o600
export const DIRECTORY_MODE = 0o700
/** Names come from the system in lots of this many, so that a full directory is no long pause. */
const LOT = { bufferSize: 64 }

export function codeOf(error: unknown): string | undefined {
  if (typeof error !== 'object' || error === null || !('code' in error)) return undefined
  return typeof error.code === 'string' ? error.code : undefined
}

function quiet(error: unknown): undefined {
  const code = codeOf(error)
  if (code === 'ENOENT' || code === 'ENOTDIR') return undefined
  throw error
}

function tooShort(): Error {
  return Object.assign(new Error('The system took no more bytes'), { code: 'ENOSPC' })
}

const asleep = new Int32Array(new SharedArrayBuffer(4))

export function syncIo(fs: Fs): Io {
  return {
    sync: true,
    fs,
    open: (path, flags) => fs.openSync(path, flags, FILE_MODE),
    read: (fd, into, offset, length, position) => fs.readSync(fd, into, offset, length, position),
    write(fd, bytes, position) {
      for (let done = 0; done < bytes.length; ) {
        const at = position === null ? null : position + done
        const more = fs.writeSync(fd, bytes, done, bytes.length - done, at)
        if (more === 0) throw tooShort()
        done += more
      }
    },
    close: (fd) => fs.closeSync(fd),
    fstat: (fd) => fs.fstatSync(fd),
    fchmod: (fd, mode) => fs.fchmodSync(fd, mode),
    rename: (from, to) => fs.renameSync(from, to),
    link: (from, to) => fs.linkSync(from, to),
    unlink: (path) => fs.unlinkSync(path),
    rmdir: (path) => fs.rmdirSync(path),
    mkdir: (path) => {
      fs.mkdirSync(path, DIRECTORY_MODE)
    },
    chmod: (path, mode) => fs.chmodSync(path, mode),
    lstat(path) {
      try {
        return fs.lstatSync(path, { throwIfNoEntry: false })
      } catch (error) {
        return quiet(error)
      }
    },
    stat(path) {
      try {
        return fs.statSync(path, { throwIfNoEntry: false })
      } catch (error) {
        return quiet(error)
      }
    },
    exists: (path) => fs.existsSync(path),
    opendir: (path) => fs.opendirSync(path, LOT),
    next: (dir) => dir.readSync()?.name,
    closedir: (dir) => dir.closeSync(),
    sleep(ms) {
      Atomics.wait(asleep, 0, 0, ms)
    },
  }
}

type Done<T> = (error: Error | null, value: T) => void

function ask<T>(call: (done: Done<T>) => void): Promise<T> {
  return new Promise((resolve, reject) => {
    call((error, value) => (error ? reject(error) : resolve(value)))
  })
}

function tell(call: (done: (error: Error | null) => void) => void): Promise<void> {
  return new Promise((resolve, reject) => {
    call((error) => (error ? reject(error) : resolve()))
  })
}

export function asyncIo(fs: Fs): Io {
  const put = (fd: number, bytes: Buffer, from: number, position: number | null): Promise<void> =>
    ask<number>((done) => {
      const at = position === null ? null : position + from
      fs.write(fd, bytes, from, bytes.length - from, at, done)
    }).then((more) => {
      if (more === 0 && from < bytes.length) throw tooShort()
      return from + more < bytes.length ? put(fd, bytes, from + more, position) : undefined
    })
  return {
    sync: false,
    fs,
    open: (path, flags) => ask((done) => fs.open(path, flags, FILE_MODE, done)),
    read: (fd, into, offset, length, position) =>
      ask((done) => fs.read(fd, into, offset, length, position, done)),
    write: (fd, bytes, position) => put(fd, bytes, 0, position),
    close: (fd) => tell((done) => fs.close(fd, done)),
    fstat: (fd) => ask((done) => fs.fstat(fd, done)),
    fchmod: (fd, mode) => tell((done) => fs.fchmod(fd, mode, done)),
    rename: (from, to) => tell((done) => fs.rename(from, to, done)),
    link: (from, to) => tell((done) => fs.link(from, to, done)),
    unlink: (path) => tell((done) => fs.unlink(path, done)),
    rmdir: (path) => tell((done) => fs.rmdir(path, done)),
    mkdir: (path) => tell((done) => fs.mkdir(path, DIRECTORY_MODE, done)),
    chmod: (path, mode) => tell((done) => fs.chmod(path, mode, done)),
    lstat: (path) => ask<Stats>((done) => fs.lstat(path, done)).catch(quiet),
    stat: (path) => ask<Stats>((done) => fs.stat(path, done)).catch(quiet),
    exists: (path) => new Promise((resolve) => fs.access(path, (error) => resolve(!error))),
    opendir: (path) => ask((done) => fs.opendir(path, LOT, done)),
    next: (dir) => dir.read().then((entry) => entry?.name),
    closedir: (dir) => dir.close(),
    sleep: (ms) => new Promise((resolve) => setTimeout(resolve, ms)),
  }
}
