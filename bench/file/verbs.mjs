// @ts-check
/**
 * How far is a cache over files from what the system can do? Through the door: key check, file, checksums, value and all.
 * F1, F2: reads of 1 KB, one after another and 16 in flight. F3: atomic writes of 1 KB. F4: reads of 100 KB.
 */
import fs from 'node:fs'
import fsp from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { timed } from '../harness.mjs'

const FILES = 64
const IN_FLIGHT = 16
const ASYNC = 'stillwarm file'
const SYNC = "stillwarm file, reads: 'sync'"
const CALLBACKS = 'fs open, read, close by callbacks'
const RENAMED = 'fs/promises writeFile and rename'

/** @typedef {(i: number) => unknown} Work */

/** A directory that goes with the process. */
function folder() {
  const path = fs.mkdtempSync(join(tmpdir(), 'bench-file-'))
  process.once('exit', () => fs.rmSync(path, { recursive: true, force: true }))
  process.once('SIGTERM', () => process.exit())
  return path
}

/**
 * @param {'async' | 'sync'} reads
 * @param {number} size
 */
async function filled(reads, size) {
  const { createCaches } = await import('stillwarm')
  const { file } = await import('stillwarm/backends/file')
  const cache = createCaches({
    default: { backend: file({ directory: folder(), reads }), ttl: null },
  }).default
  // All 256 folders are there in any cache that is in use.
  for (let i = 0; i < 2000; i++) await cache.set(`there-${i}`, i)
  for (let i = 0; i < FILES; i++) await cache.set(`user:${i}`, Buffer.alloc(size, 120))
  return cache
}

/** @param {number} size */
function raw(size) {
  const path = folder()
  return Array.from({ length: FILES }, (_, i) => {
    fs.writeFileSync(join(path, `${i}`), Buffer.alloc(size, 120))
    return join(path, `${i}`)
  })
}

/** @type {Record<string, (size: number) => Work | Promise<Work>>} */
const READERS = {
  [ASYNC]: async (size) => {
    const cache = await filled('async', size)
    return (i) => cache.get(`user:${i % FILES}`)
  },
  [SYNC]: async (size) => {
    const cache = await filled('sync', size)
    return (i) => cache.get(`user:${i % FILES}`)
  },
  'fs.readFileSync': (size) => {
    const paths = raw(size)
    return (i) => fs.readFileSync(paths[i % FILES] ?? '')
  },
  'fs/promises readFile': (size) => {
    const paths = raw(size)
    return (i) => fsp.readFile(paths[i % FILES] ?? '')
  },
  'fs.readFile, callback': (size) => {
    const paths = raw(size)
    return (i) => new Promise((done) => fs.readFile(paths[i % FILES] ?? '', (_, bytes) => done(bytes)))
  },
  [CALLBACKS]: (size) => {
    const paths = raw(size)
    const buffer = Buffer.alloc(size)
    return (i) =>
      new Promise((done, fail) => {
        fs.open(paths[i % FILES] ?? '', 'r', (fault, fd) => {
          if (fault) return fail(fault)
          fs.read(fd, buffer, 0, size, 0, (_, count) => fs.close(fd, () => done(count)))
        })
      })
  },
}

/** @param {(i: number) => string} key */
function writers(key) {
  const value = Buffer.alloc(1024, 121)
  return {
    [ASYNC]: async () => {
      const cache = await filled('async', 1024)
      return (/** @type {number} */ i) => cache.set(key(i), value)
    },
    [SYNC]: async () => {
      const cache = await filled('sync', 1024)
      return (/** @type {number} */ i) => cache.set(key(i), value)
    },
    [RENAMED]: () => {
      const path = folder()
      return async (/** @type {number} */ i) => {
        const name = join(path, key(i))
        await fsp.writeFile(`${name}.tmp`, value)
        await fsp.rename(`${name}.tmp`, name)
      }
    },
  }
}

/** @param {Work} work */
const inTurn = (work) =>
  timed(async (n) => {
    for (let i = 0; i < n; i++) await work(i)
  })

/** @param {Work} work */
const inFlight = (work) =>
  timed(async (n) => {
    let next = 0
    const lane = async () => {
      while (next < n) await work(next++)
    }
    await Promise.all(Array.from({ length: IN_FLIGHT }, lane))
  })

/**
 * @param {string} name
 * @param {string} limit
 * @param {Record<string, () => Work | Promise<Work>>} makers
 * @param {(work: Work) => import('../harness.mjs').Round} how
 * @param {import('../harness.mjs').Goal[]} goals
 * @returns {import('../harness.mjs').Row}
 */
function row(name, limit, makers, how, goals) {
  const contenders = Object.entries(makers).map(([each, make]) => [each, async () => how(await make())])
  return { name, unit: 'ns', limit, contenders: Object.fromEntries(contenders), goals }
}

/** @param {number} size @param {string[]} names */
function readers(size, names) {
  return Object.fromEntries(names.map((name) => [name, () => READERS[name]?.(size) ?? (() => {})]))
}

let fresh = 0

export const rows = [
  // Django reads 1 KB in 21 µs where readFileSync takes 6.7, and the goal is 1.3 times as fast as it.
  row(
    'F1 read 1 KB, one after another',
    'fs.readFileSync',
    readers(1024, [ASYNC, SYNC, 'fs.readFileSync', 'fs/promises readFile']),
    inTurn,
    [{ contender: SYNC, of: 'fs.readFileSync', times: 0.41 }],
  ),
  row(
    'F2 read 1 KB, 16 in flight',
    CALLBACKS,
    readers(1024, [ASYNC, 'fs/promises readFile', CALLBACKS]),
    inFlight,
    [{ contender: ASYNC, of: 'fs/promises readFile', times: 1.5 }],
  ),
  row(
    'F3 write 1 KB over what is there',
    RENAMED,
    writers((i) => `user:${i % FILES}`),
    inTurn,
    [{ contender: ASYNC, of: RENAMED, times: 1 }],
  ),
  row(
    'F3 write 1 KB under a new key',
    RENAMED,
    writers(() => `new:${fresh++}`),
    inTurn,
    [{ contender: ASYNC, of: RENAMED, times: 1 }],
  ),
  row(
    'F4 read 100 KB, one after another',
    CALLBACKS,
    readers(102_400, [ASYNC, SYNC, 'fs.readFileSync', 'fs.readFile, callback', CALLBACKS]),
    inTurn,
    [{ contender: ASYNC, of: 'fs.readFile, callback', times: 0.9 }],
  ),
]
