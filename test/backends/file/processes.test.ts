import { type ChildProcess, spawn } from 'node:child_process'
import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { afterEach, beforeEach, describe, expect, it, onTestFinished } from 'vitest'
import { file } from '../../../src/backends/file/file.ts'
import { builtSources } from '../../built.ts'
import { type Operation, violations } from '../../register.ts'
import { spaceOf } from './cases.ts'

const built = builtSources()
let directory: string
const children = new Set<ChildProcess>()

interface Report<T> {
  result: T
  faults: string[]
}

function start(role: string, how: object): { child: ChildProcess; lines: AsyncIterable<string> } {
  const module = pathToFileURL(join(built, 'backends/file/file.js')).href
  const worker = fileURLToPath(new URL('worker.mjs', import.meta.url))
  const child = spawn(process.execPath, [worker, JSON.stringify({ module, directory, role, ...how })], {
    // It ends with its standard input, so with us.
    stdio: ['pipe', 'pipe', 'inherit'],
  })
  children.add(child)
  child.once('exit', () => children.delete(child))
  return { child, lines: linesOf(child) }
}

async function* linesOf(child: ChildProcess): AsyncGenerator<string> {
  let text = ''
  for await (const chunk of child.stdout!) {
    text += chunk
    for (let end = text.indexOf('\n'); end !== -1; end = text.indexOf('\n')) {
      yield text.slice(0, end)
      text = text.slice(end + 1)
    }
  }
}

async function run<T>(role: string, how: object): Promise<Report<T>> {
  for await (const line of start(role, how).lines) return JSON.parse(line) as Report<T>
  throw new Error(`The ${role} process said nothing`)
}

function all<T>(count: number, role: string, how: (i: number) => object): Promise<Report<T>[]> {
  return Promise.all(Array.from({ length: count }, (_, i) => run<T>(role, how(i))))
}

/** Half of the processes wait for the disk, half do not: they share one directory all the same. */
const mixed = (i: number) => ({ reads: i % 2 ? 'sync' : 'async' })

async function within(ms: number, test: () => boolean | Promise<boolean>): Promise<void> {
  for (const end = Date.now() + ms; !(await test()); await sleep(10)) {
    if (Date.now() > end) throw new Error(`Not within ${ms} ms`)
  }
}

beforeEach(() => {
  directory = join(mkdtempSync(join(tmpdir(), 'warm-')), 'cache')
})
afterEach(() => {
  for (const child of children) child.kill('SIGKILL')
  rmSync(dirname(directory), { recursive: true, force: true, maxRetries: 5 })
})

const space = spaceOf('shop')

describe('many processes, one directory', () => {
  it('L2 incr loses nothing: 8 processes, 20 keys, every sum answered once', async () => {
    const reports = await all<[string, number][]>(8, 'count', (i) => ({
      ...mixed(i),
      times: 250,
      keys: 20,
      seed: i * 3,
    }))
    expect(reports.flatMap((report) => report.faults)).toEqual([])
    const sums = reports.flatMap((report) => report.result)
    expect(new Set(sums.map(String)).size).toBe(2000)
    const backend = file({ directory, reads: 'sync' })
    let total = 0
    for (let i = 0; i < 20; i++) total += Number(String(backend.get(space, `n${i}`)))
    expect(total).toBe(2000)
  })

  it('L2 incr loses nothing when processes are killed in the midst of it', async () => {
    const doomed = Array.from({ length: 6 }, (_, i) => {
      const { child } = start('count', { ...mixed(i), times: 1e6, keys: 2, seed: i })
      return sleep(300 + i * 100).then(() => child.kill('SIGKILL'))
    })
    const [reports] = await Promise.all([
      all<[string, number][]>(2, 'count', (i) => ({ ...mixed(i), times: 400, keys: 2, seed: i })),
      ...doomed,
    ])
    expect(reports.flatMap((report) => report.faults)).toEqual([])
    const sums = reports.flatMap((report) => report.result.map(String))
    expect(new Set(sums).size).toBe(800)
  })

  it('L3 add has exactly one winner a key: 1,000 keys, 8 processes', async () => {
    const reports = await all<number>(8, 'add', (i) => ({ ...mixed(i), keys: 1000 }))
    expect(reports.flatMap((report) => report.faults)).toEqual([])
    expect(reports.reduce((sum, report) => sum + report.result, 0)).toBe(1000)
  })

  it('L4 replace stores over what was seen and nothing else: every append is in the list once', async () => {
    const backend = file({ directory })
    await backend.set(space, 'list', Buffer.alloc(0), Number.POSITIVE_INFINITY)
    await all(4, 'append', (i) => ({ ...mixed(i), times: 50 }))
    const items = String(await backend.get(space, 'list'))
      .split(';')
      .filter(Boolean)
    expect(items.length).toBe(200)
    expect(new Set(items).size).toBe(200)
  })

  it('L1 a read gives what was written and not yet overwritten or deleted: 4 processes, 8 clients each', async () => {
    const reports = await all<Operation[]>(4, 'register', (i) => ({ ...mixed(i), times: 100, keys: 10 }))
    expect(reports.flatMap((report) => report.faults)).toEqual([])
    const history = reports.flatMap((report) => report.result)
    expect(history.filter(({ kind, value }) => kind === 'get' && value).length).toBeGreaterThan(500)
    expect(violations(history)).toEqual([])
  })

  it('F41 a reader sees no torn, mixed or missing value while writers are killed', async () => {
    let ended = false
    onTestFinished(() => {
      ended = true
    })
    const writing = Array.from({ length: 3 }, async (_, i) => {
      while (!ended) {
        const { child } = start('write', { ...mixed(i), keys: 3, size: 60_000 })
        await sleep(400)
        child.kill('SIGKILL')
      }
    })
    const { result, faults } = await run<{ missed: number; torn: number }>('read', {
      reads: 'sync',
      keys: 3,
      times: 20_000,
      ms: 2500,
    })
    ended = true
    await Promise.all(writing)
    expect(result).toEqual({ missed: 0, torn: 0 })
    expect(faults).toEqual([])
  }, 300_000)

  it('a claim of a killed process is free after its time, and not before', async () => {
    const { child, lines } = start('claim', { ms: 600, hold: 60_000 })
    let began = 0
    for await (const line of lines) {
      began = JSON.parse(line).began
      break
    }
    child.kill('SIGKILL')
    const backend = file({ directory })
    await within(10_000, async () => (await backend.claim(space, 'job', 1000)).token !== undefined)
    // By the clock: a slow machine only comes later.
    expect(Date.now() - began).toBeGreaterThanOrEqual(600)
  })

  it('L5 the late fill of a frozen holder is refused', async () => {
    const { child, lines } = start('claim', { ms: 200, hold: 1_000 })
    const said: string[] = []
    const reading = (async () => {
      for await (const line of lines) said.push(line)
    })()
    await within(10_000, () => said.length === 1)
    child.kill('SIGSTOP')
    const backend = file({ directory })
    let token: string | undefined
    await within(10_000, async () => {
      token = (await backend.claim(space, 'job', 5000)).token
      return token !== undefined
    })
    expect(await backend.fill(space, 'job', token!, Buffer.from('new'), Number.POSITIVE_INFINITY)).toBe(true)
    child.kill('SIGCONT')
    await reading
    expect(JSON.parse(said[1]!)).toMatchObject({ result: false })
    expect(String(await backend.get(space, 'job'))).toBe('new')
  })

  it('F45 culls, clears and writers at once: no fault reaches a caller', async () => {
    const writers = all<number>(3, 'crowd', (i) => ({ ...mixed(i), times: 300, maxEntries: 100 }))
    const clearing = run('clear', { reads: 'async', times: 15, maxEntries: 100 })
    const reports = [...(await writers), await clearing]
    expect(reports.flatMap((report) => report.faults)).toEqual([])
    expect((await writers).map((report) => report.result)).toEqual([0, 0, 0])
  })

  it.each([
    ['small', 60, 100],
    ['large', 1500, 600],
  ])('a %s cache holds never more than 110 % of maxEntries, whoever writes', async (_, maxEntries, times) => {
    const backend = file({ directory, maxEntries, reads: 'sync' })
    let most = 0
    let ended = false
    const watching = (async () => {
      while (!ended) {
        most = Math.max(most, (backend.size() as { entries: number }).entries)
        await sleep(15)
      }
    })()
    const reports = await all<number>(4, 'crowd', (i) => ({ ...mixed(i), times, maxEntries }))
    ended = true
    await watching
    expect(reports.flatMap((report) => report.faults)).toEqual([])
    expect(most).toBeLessThanOrEqual(maxEntries * 1.1)
    expect(most).toBeGreaterThan(maxEntries * 0.6)
  })

  it('F56 nothing of ours keeps a process alive', async () => {
    const { child, lines } = start('exit', {})
    let active: string[] = []
    for await (const line of lines) active = JSON.parse(line).active
    // Its standard output is not ours.
    expect(active.filter((name) => name !== 'PipeWrap')).toEqual([])
    await within(10_000, () => child.exitCode !== null)
  })

  it('nothing is left of those who ended: no locks, no drafts', async () => {
    await all<number>(2, 'crowd', (i) => ({ ...mixed(i), times: 50 }))
    const left = readdirSync(directory, { recursive: true, encoding: 'utf8' })
    expect(left.filter((name) => /\.(lock|breaking|trash)$|count\.|marker\./.test(name))).toEqual([])
  })
})
