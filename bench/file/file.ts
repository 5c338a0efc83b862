/**
 * How far is the file backend from what the system can do? F1, F2: reads of 1 KB, one after another and 16 in flight. F3: atomic
 * writes of 1 KB. F4: reads of 100 KB. Contenders run interleaved, in rounds; a ratio above 1 says that ours is quicker.
 *
 *     node bench/file/file.js [rounds]      (after a build: imports the sources through dist)
 */
import fs from 'node:fs'
import fsp from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { file } from '../../src/backends/file/file.ts'
import type { Backend, Space } from '../../src/core/backend.ts'

const rounds = Number(process.argv[2] ?? 7)
const directory = fs.mkdtempSync(join(tmpdir(), 'warm-bench-'))
const NEVER = Number.POSITIVE_INFINITY
const KEYS = 64

const space: Space = {
  prefix: 'bench',
  version: 1,
  plain: true,
  start: 'bench:',
  frame: (key) => `bench:1:${key}`,
  owns: (key) => key.startsWith('bench:'),
}

function raw(size: number): string[] {
  return Array.from({ length: KEYS }, (_, i) => {
    const path = join(directory, `raw-${size}-${i}`)
    fs.writeFileSync(path, Buffer.alloc(size, 120))
    return path
  })
}

type Work = (i: number) => unknown

async function inTurn(times: number, work: Work): Promise<void> {
  for (let i = 0; i < times; i++) {
    const answer = work(i)
    if (answer instanceof Promise) await answer
  }
}

async function inFlight(times: number, work: Work): Promise<void> {
  let next = 0
  const lane = async () => {
    while (next < times) await work(next++)
  }
  await Promise.all(Array.from({ length: 16 }, lane))
}

interface Row {
  question: string
  times: number
  how: (times: number, work: Work) => Promise<void>
  contenders: Record<string, Work>
}

async function measure({ question, times, how, contenders }: Row): Promise<void> {
  const names = Object.keys(contenders)
  const taken = new Map(names.map((name) => [name, [] as number[]]))
  for (let round = -1; round < rounds; round++) {
    for (const name of names) {
      const start = performance.now()
      await how(times, contenders[name]!)
      if (round >= 0) taken.get(name)!.push(((performance.now() - start) * 1000) / times)
    }
  }
  console.log(question)
  const summary = names.map((name) => {
    const sorted = taken.get(name)!.sort((a, b) => a - b)
    return { name, median: sorted[Math.floor(sorted.length / 2)]!, least: sorted[0]! }
  })
  const ours = summary[0]!
  for (const { name, median, least } of summary) {
    const ratios = `${(median / ours.median).toFixed(2)} × ours by median, ${(least / ours.least).toFixed(2)} by minimum`
    console.log(`  ${name.padEnd(34)} ${median.toFixed(1).padStart(7)} µs   ${ratios}`)
  }
}

function callbackRead(path: string, buffer: Buffer): Promise<number> {
  return new Promise((resolve, reject) => {
    fs.open(path, 'r', (fault, fd) => {
      if (fault) return reject(fault)
      fs.read(fd, buffer, 0, buffer.length, 0, (_, count) => fs.close(fd, () => resolve(count)))
    })
  })
}

async function fill(backend: Backend, size: number): Promise<Backend> {
  for (let i = 0; i < KEYS; i++) await backend.set(space, `${size}-${i}`, Buffer.alloc(size, 120), NEVER)
  return backend
}

const slow = file({ directory: join(directory, 'async') })
const quick = file({ directory: join(directory, 'sync'), reads: 'sync' })
for (const backend of [slow, quick]) for (const size of [1024, 102_400]) await fill(backend, size)
// All 256 folders are there in any cache that is in use.
for (let i = 0; i < 2000; i++) await slow.set(space, `there-${i}`, Buffer.alloc(1), NEVER)
const small = raw(1024)
const large = raw(102_400)
const buffer = Buffer.alloc(131_072)
const value = Buffer.alloc(1024, 121)
const key = (size: number, i: number) => `${size}-${i % KEYS}`

await measure({
  question: 'F1 read 1 KB, one after another, synchronous',
  times: 5000,
  how: inTurn,
  contenders: {
    "file({ reads: 'sync' })": (i) => quick.get(space, key(1024, i)),
    'fs.readFileSync': (i) => fs.readFileSync(small[i % KEYS]!),
  },
})
await measure({
  question: 'F2 read 1 KB, 16 in flight',
  times: 5000,
  how: inFlight,
  contenders: {
    'file()': (i) => slow.get(space, key(1024, i)),
    'fs/promises readFile': (i) => fsp.readFile(small[i % KEYS]!),
    'fs open, read, close by callbacks': (i) => callbackRead(small[i % KEYS]!, buffer),
  },
})
await measure({
  question: 'F3 write 1 KB, atomic, one after another',
  times: 500,
  how: inTurn,
  contenders: {
    'file()': (i) => slow.set(space, key(1024, i), value, NEVER),
    "file({ reads: 'sync' })": (i) => quick.set(space, key(1024, i), value, NEVER),
    'fs/promises writeFile and rename': async (i) => {
      const path = small[i % KEYS]!
      await fsp.writeFile(`${path}.tmp`, value)
      await fsp.rename(`${path}.tmp`, path)
    },
  },
})
await measure({
  question: 'F3 write 1 KB of a new key',
  times: 300,
  how: inTurn,
  contenders: {
    'file()': () => slow.set(space, `new-${Math.random()}`, value, NEVER),
    'fs/promises writeFile and rename': async () => {
      const path = join(directory, `new-${Math.random()}`)
      await fsp.writeFile(`${path}.tmp`, value)
      await fsp.rename(`${path}.tmp`, path)
    },
  },
})
await measure({
  question: 'F4 read 100 KB, one after another',
  times: 1000,
  how: inTurn,
  contenders: {
    'file()': (i) => slow.get(space, key(102_400, i)),
    "file({ reads: 'sync' })": (i) => quick.get(space, key(102_400, i)),
    'fs.readFile, callback': (i) =>
      new Promise((resolve) => fs.readFile(large[i % KEYS]!, (_, bytes) => resolve(bytes))),
    'fs open, read, close by callbacks': (i) => callbackRead(large[i % KEYS]!, buffer),
    'fs.readFileSync': (i) => fs.readFileSync(large[i % KEYS]!),
  },
})
await slow.close()
await quick.close()
fs.rmSync(directory, { recursive: true })
