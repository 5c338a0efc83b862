/** A fleet: several processes over one server or Cluster, some of them killed or stopped in the middle. */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { awakeNow } from '../../awake.ts'
import { builtSources } from '../../built.ts'
import { type Operation, violations } from '../../register.ts'
import { startCluster, startRedis } from '../../servers/redis.ts'
import type { TestServer } from '../../servers/server.ts'

const built = builtSources()
const children = new Set<ChildProcess>()
let server: TestServer
let nodes: TestServer[]
let prefixes = 0

beforeAll(async () => {
  ;[server, nodes] = await Promise.all([startRedis(), startCluster()])
}, 120_000)

afterAll(() => {
  for (const child of children) child.kill('SIGKILL')
})

interface Worker {
  child: ChildProcess
  /** The last line it printed. */
  result: Promise<unknown>
  said(line: string): Promise<void>
}

function start(role: string, how: object): Worker {
  const worker = fileURLToPath(new URL('worker.mjs', import.meta.url))
  const told = JSON.stringify({ built, role, url: `redis://${server.address}`, ...how })
  const child = spawn(process.execPath, [worker, told], { stdio: ['pipe', 'pipe', 'inherit'] })
  children.add(child)
  let text = ''
  child.stdout!.on('data', (bytes) => {
    text += bytes
  })
  const ended = once(child, 'close').then(() => children.delete(child))
  return {
    child,
    result: ended.then(() => {
      const last = text.trimEnd().split('\n').at(-1) ?? ''
      return child.signalCode ? undefined : (JSON.parse(last) as unknown)
    }),
    async said(line) {
      while (!text.split('\n').includes(line)) await sleep(5)
    },
  }
}

/** So many at once: each waits until all of them are connected. */
async function fleet<T>(size: number, role: string, how: object): Promise<T[]> {
  const workers = Array.from({ length: size }, () => start(role, { ...how, together: true }))
  await Promise.all(workers.map(({ said }) => said('ready')))
  for (const { child } of workers) child.stdin!.write('go')
  return Promise.all(workers.map(({ result }) => result as Promise<T>))
}

function prefix(): string {
  prefixes++
  return `fleet-${prefixes}x`
}

const places: [string, () => object][] = [
  ['one server', () => ({})],
  ['a Cluster', () => ({ cluster: nodes.map(({ address }) => address) })],
]

it.each(places)(
  'F61 4 processes with 50 callers each make a cold key once, and are all answered within 400 ms, over %s',
  async (_name, place) => {
    type Round = { loads: number; right: number; ms: number }
    const how = { ...place(), prefix: prefix(), callers: 50, rounds: 6 }
    const processes = await fleet<Round[]>(4, 'stampede', how)
    const rounds = Array.from({ length: how.rounds }, (_, i) => processes.map((all) => all[i]!))
    for (const round of rounds) {
      expect(round.map(({ right }) => right)).toEqual([50, 50, 50, 50])
      expect(round.reduce((sum, { loads }) => sum + loads, 0)).toBe(1)
    }
    // Whatever else the machine does can only make a round longer.
    expect(Math.min(...rounds.map((round) => Math.max(...round.map(({ ms }) => ms))))).toBeLessThan(400)
  },
  30_000,
)

it('F62 who loads and is killed is followed by another within the lease', async () => {
  const how = { prefix: prefix() }
  const first = start('hold', { ...how, ms: 60_000, value: 'never' })
  await first.said('loading')
  const second = start('hold', { ...how, ms: 10, value: 'second' })
  await second.said('waiting')
  const killed = awakeNow()
  first.child.kill('SIGKILL')
  await second.said('loading')
  // The lease is 2 s; what the second does then is its own.
  expect(awakeNow() - killed).toBeLessThan(4_000)
  expect(await second.result).toBe('second')
}, 30_000)

it('F68 who loads and is stopped for longer than the lease does not store over the next', async () => {
  const how = { prefix: prefix() }
  const first = start('hold', { ...how, ms: 300, value: 'first' })
  await first.said('loading')
  first.child.kill('SIGSTOP')
  const second = start('hold', { ...how, ms: 10, value: 'second' })
  expect(await second.result).toBe('second')
  first.child.kill('SIGCONT')
  expect(await first.result).toBe('second')
}, 30_000)

/** `npm run soak -- redis-register` asks for a minute. */
const L1_SECONDS = Number(process.env.L1_SECONDS ?? 3)

it(
  'L1 what 4 processes with 8 clients each read of 50 keys was written, and neither overwritten nor deleted before',
  async () => {
    const how = { prefix: prefix(), seconds: L1_SECONDS, keys: 50 }
    const history = (await fleet<Operation[]>(4, 'register', how)).flat()
    // What JSON leaves out.
    for (const operation of history) operation.value ??= undefined
    const hits = history.filter(({ kind, value }) => kind === 'get' && value !== undefined).length
    expect(hits).toBeGreaterThan(200 * L1_SECONDS)
    expect(violations(history)).toEqual([])
    if (process.env.L1_SECONDS) console.log(JSON.stringify({ name: 'L1 redis', ops: history.length, hits }))
  },
  60_000 + 4_000 * L1_SECONDS,
)

it('L2 8 processes counting lose nothing and give no sum twice', async () => {
  const how = { prefix: prefix(), times: 1_000 }
  const sums = (await fleet<[key: number, sum: number][]>(8, 'count', how)).flat()
  expect(sums).toHaveLength(8_000)
  expect(new Set(sums.map(String)).size).toBe(8_000)
  for (let key = 0; key < 20; key++) {
    expect(Math.max(...sums.filter(([of]) => of === key).map(([, sum]) => sum))).toBe(400)
  }
}, 60_000)

it.each(places)(
  'L3 of 8 processes that add the same keys one wins each, over %s',
  async (_name, place) => {
    const how = { ...place(), prefix: prefix(), keys: 300 }
    const won = await fleet<number>(8, 'add', how)
    expect(won.reduce((sum, one) => sum + one, 0)).toBe(300)
  },
  60_000,
)

it('L4 of 8 processes that append to one list, each over what rests there, none loses an append', async () => {
  const lists = await fleet<string>(8, 'append', { prefix: prefix(), times: 50 })
  const longest = lists.reduce((a, b) => (a.length > b.length ? a : b)).slice(1)
  const appended = longest.trim().split(' ')
  expect(appended).toHaveLength(400)
  expect(new Set(appended).size).toBe(400)
}, 60_000)

it('L5 a claim is one holder’s at a time, among 8 processes', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'stillwarm-log-'))
  const log = join(directory, 'log')
  try {
    await fleet(8, 'lock', { prefix: prefix(), times: 60, log })
    const lines = readFileSync(log, 'utf8').trim().split('\n')
    expect(lines).toHaveLength(960)
    for (let i = 0; i < lines.length; i += 2) {
      const holder = lines[i]!.split(' ')[0]
      expect(lines.slice(i, i + 2)).toEqual([`${holder} has it`, `${holder} gives it up`])
    }
  } finally {
    rmSync(directory, { recursive: true, force: true })
  }
}, 60_000)

it('L6 4 processes with 20 callers each make 200 cold keys once each', async () => {
  const loads = await fleet<number>(4, 'load', { prefix: prefix(), keys: 200, callers: 20 })
  expect(loads.reduce((sum, one) => sum + one, 0)).toBe(200)
}, 60_000)

it('F66 L7 what was loaded before a delete is never found after it, with 3 processes loading', async () => {
  const how = { prefix: prefix(), times: 300 }
  const readers = [1, 2, 3].map(() => start('race', { ...how, writer: false }))
  const stale = await start('race', { ...how, writer: true }).result
  await Promise.all(readers.map(({ result }) => result))
  expect(stale).toBe(0)
}, 60_000)

it('F93 without a client library there is one error, which names what to install', async () => {
  const bare = mkdtempSync(join(tmpdir(), 'stillwarm-bare-'))
  try {
    execFileSync('cp', ['-r', ...['backends', 'core'].map((folder) => join(built, folder)), bare])
    writeFileSync(join(bare, 'package.json'), '{"type":"module"}')
    const program = `
      import { redis } from '${bare}/backends/redis/redis.js'
      for (const driver of [undefined, 'ioredis', 'node-redis']) {
        const backend = redis({ ...(driver && { driver }) })
        await backend.get({ frame: (key) => key }, 'a').catch(({ code, message }) => console.log(code, message))
        backend.close()
      }`
    const said = execFileSync(process.execPath, ['--input-type=module', '--eval', program], {
      encoding: 'utf8',
    })
    expect(said.trim().split('\n')).toEqual([
      'MISSING_PACKAGE redis() needs a client library: npm install ioredis, or npm install @redis/client',
      'MISSING_PACKAGE redis() needs a client library: npm install ioredis',
      'MISSING_PACKAGE redis() needs a client library: npm install @redis/client',
    ])
  } finally {
    rmSync(bare, { recursive: true, force: true })
  }
})
