/**
 * Reads one small file whole, in as few calls as it takes: open, read, close. No `fstat`: a read at a position fails on
 * pipes and sockets by itself, a directory cannot be read, and a device gives nothing with our header. The bytes
 * are lent for the length of one call, since most of them are copied out or thrown away.
 */
import type { Answer } from '../../core/answer.ts'
import { codeOf, type Io, READING } from './io.ts'
import { HEADER, isOurs, lengthOf } from './record.ts'

/** Files up to this size come in one read. */
const SIZE = 128 * 1024
const KEPT = 16

const free: Buffer[] = []

function borrow(): Buffer {
  return free.pop() ?? Buffer.allocUnsafeSlow(SIZE)
}

function giveBack(buffer: Buffer): void {
  if (free.length < KEPT) free.push(buffer)
}

/** What stands there and is no file that can be read: nothing, a link, a directory, a pipe, a device. */
const NO_FILE = new Set([
  'ENOENT',
  'ENOTDIR',
  'ELOOP',
  'EISDIR',
  'ESPIPE',
  'ENXIO',
  'ENODEV',
  'EMLINK',
  'EINVAL',
])

/** What is done with the bytes of a file, `undefined` where there is none. `keep`: they are its own from now on. */
export type Use<T> = (bytes: Buffer | undefined, keep: () => void) => T

/** Answers what `use` makes of the bytes at `path`; with `most`, only so many of them. */
export function readFile<T>(io: Io, path: string, use: Use<T>, most = Number.POSITIVE_INFINITY): Answer<T> {
  if (io.sync) return readNow(io, path, use, most)
  return new Promise((resolve, reject) => readSoon(io, path, use, resolve, reject, nothing, most))
}

/** How many bytes are still to come of a file that filled the buffer; 0 when it is enough, or not worth reading. */
function missing(bytes: Buffer, most: number): number {
  if (bytes.length < SIZE || bytes.length >= most || !isOurs(bytes)) return 0
  return Math.max(0, lengthOf(bytes) - bytes.length)
}

export function readNow<T>(io: Io, path: string, use: Use<T>, most = Number.POSITIVE_INFINITY): T {
  const { fs } = io
  let fd: number
  try {
    fd = fs.openSync(path, READING)
  } catch (error) {
    if (isNoFile(error)) return use(undefined, nothing)
    throw error
  }
  const buffer = borrow()
  let kept = false
  const keep = (): void => {
    kept = true
  }
  try {
    const bytes = buffer.subarray(0, fs.readSync(fd, buffer, 0, Math.min(SIZE, most), 0))
    const more = missing(bytes, most)
    if (more === 0) return use(bytes, keep)
    const size = fs.fstatSync(fd).size
    if (size !== bytes.length + more) return use(bytes, keep)
    const whole = Buffer.allocUnsafeSlow(size)
    let filled = bytes.copy(whole)
    while (filled < size) {
      const n = fs.readSync(fd, whole, filled, size - filled, filled)
      if (n === 0) break
      filled += n
    }
    return use(whole.subarray(0, filled), nothing)
  } catch (error) {
    if (isNoFile(error)) return use(undefined, nothing)
    throw error
  } finally {
    if (!kept) giveBack(buffer)
    fs.closeSync(fd)
  }
}

/**
 * The same by callbacks, and without a promise of its own: a read in flight is where each one counts. `closed` is called
 * when the file is let go of, after the answer.
 */
export function readSoon<T>(
  io: Io,
  path: string,
  use: Use<T>,
  resolve: (value: T) => void,
  reject: (error: unknown) => void,
  closed: () => void,
  most = Number.POSITIVE_INFINITY,
): void {
  const { fs } = io
  fs.open(path, READING, (openFault, fd) => {
    if (openFault) {
      settle(openFault)
      return closed()
    }
    const buffer = borrow()
    let kept = false
    const keep = (): void => {
      kept = true
    }
    const end = (fault: Error | null, bytes?: Buffer): void => {
      settle(fault, bytes, keep)
      if (!kept) giveBack(buffer)
      fs.close(fd, closed)
    }
    const rest = (whole: Buffer, filled: number): void => {
      fs.read(fd, whole, filled, whole.length - filled, filled, (fault, count) => {
        if (fault) return end(fault)
        if (count > 0 && filled + count < whole.length) return rest(whole, filled + count)
        end(null, whole.subarray(0, filled + count))
      })
    }
    fs.read(fd, buffer, 0, Math.min(SIZE, most), 0, (fault, count) => {
      if (fault) return end(fault)
      const bytes = buffer.subarray(0, count)
      const more = missing(bytes, most)
      if (more === 0) return end(null, bytes)
      fs.fstat(fd, (statFault, stat) => {
        if (statFault) return end(statFault)
        if (stat.size !== count + more) return end(null, bytes)
        const whole = Buffer.allocUnsafeSlow(stat.size)
        bytes.copy(whole)
        rest(whole, count)
      })
    })
  })
  const settle = (fault: Error | null, bytes?: Buffer, keep = nothing): void => {
    try {
      if (fault && !isNoFile(fault)) throw fault
      resolve(use(fault ? undefined : bytes, keep))
    } catch (error) {
      reject(error)
    }
  }
}

function isNoFile(error: unknown): boolean {
  return NO_FILE.has(codeOf(error) ?? '')
}

function nothing(): void {}

/** The header, and the key when `withKey`; `undefined` where nothing of ours is. */
export function readHead<T>(
  io: Io,
  path: string,
  use: (head: Buffer | undefined) => T,
  withKey = false,
): Answer<T> {
  return readFile(io, path, use, withKey ? 4096 : HEADER)
}
