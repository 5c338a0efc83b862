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

/**
 * Calls `use` with the bytes at `path`, `undefined` where there is no such file. With `most`, only so many of them.
 */
export function readFile<T>(
  io: Io,
  path: string,
  use: (bytes: Buffer | undefined) => T,
  most = Number.POSITIVE_INFINITY,
): Answer<T> {
  return io.sync ? readNow(io, path, use, most) : readSoon(io, path, use, most)
}

/** How many bytes are still to come of a file that filled the buffer; 0 when it is enough, or not worth reading. */
function missing(bytes: Buffer, most: number): number {
  if (bytes.length < SIZE || bytes.length >= most || !isOurs(bytes)) return 0
  return Math.max(0, lengthOf(bytes) - bytes.length)
}

function readNow<T>(io: Io, path: string, use: (bytes: Buffer | undefined) => T, most: number): T {
  const { fs } = io
  let fd: number
  try {
    fd = fs.openSync(path, READING)
  } catch (error) {
    if (NO_FILE.has(codeOf(error) ?? '')) return use(undefined)
    throw error
  }
  const buffer = borrow()
  try {
    const bytes = buffer.subarray(0, fs.readSync(fd, buffer, 0, Math.min(SIZE, most), 0))
    const more = missing(bytes, most)
    if (more === 0) return use(bytes)
    const size = fs.fstatSync(fd).size
    if (size !== bytes.length + more) return use(bytes)
    const whole = Buffer.allocUnsafeSlow(size)
    let filled = bytes.copy(whole)
    while (filled < size) {
      const n = fs.readSync(fd, whole, filled, size - filled, filled)
      if (n === 0) break
      filled += n
    }
    return use(whole.subarray(0, filled))
  } catch (error) {
    if (NO_FILE.has(codeOf(error) ?? '')) return use(undefined)
    throw error
  } finally {
    giveBack(buffer)
    fs.closeSync(fd)
  }
}

function readSoon<T>(io: Io, path: string, use: (bytes: Buffer | undefined) => T, most: number): Promise<T> {
  const { fs } = io
  return new Promise((resolve, reject) => {
    fs.open(path, READING, (openFault, fd) => {
      if (openFault) {
        if (!NO_FILE.has(codeOf(openFault) ?? '')) return reject(openFault)
        return settle(() => use(undefined))
      }
      const buffer = borrow()
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

      const rest = (whole: Buffer, filled: number): void => {
        fs.read(fd, whole, filled, whole.length - filled, filled, (fault, count) => {
          if (fault) return end(fault)
          if (count > 0 && filled + count < whole.length) return rest(whole, filled + count)
          end(null, whole.subarray(0, filled + count))
        })
      }
      const end = (fault: Error | null, bytes?: Buffer): void => {
        if (fault && !NO_FILE.has(codeOf(fault) ?? '')) reject(fault)
        else settle(() => use(fault ? undefined : bytes))
        giveBack(buffer)
        fs.close(fd, ignore)
      }
    })
    const settle = (make: () => T): void => {
      try {
        resolve(make())
      } catch (error) {
        reject(error)
      }
    }
  })
}

function ignore(): void {}

/** The header, and the key when `withKey`; `undefined` where nothing of ours is. */
export function readHead<T>(
  io: Io,
  path: string,
  use: (head: Buffer | undefined) => T,
  withKey = false,
): Answer<T> {
  return readFile(io, path, use, withKey ? 4096 : HEADER)
}
