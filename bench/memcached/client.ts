/**
 * How near does the client come to a bare socket, and where do other clients stand? (goals D1 to D3)
 *
 *   npx tsc -p . --noEmit false --outDir .cache/bench && PEERS=/folder/they/are/installed/in node .cache/bench/bench/memcached/client.js
 *
 * The contenders run in turn, ROUNDS times; each cell is the ratio of the probe's time to the contender's in the same
 * round (1.00 is the limit), median and worst of the rounds. Peers are measured where PEERS holds them.
 */
import { spawn } from 'node:child_process'
import { createRequire } from 'node:module'
import { setTimeout as sleep } from 'node:timers/promises'
import { memcachedClient } from '../../src/backends/memcached/client/index.ts'
import { Probe } from './probe.ts'

const ROUNDS = Number(process.env.ROUNDS ?? 7)
const PORT = 21_400
const IN_FLIGHT = 100
const KEYS = Array.from({ length: 1000 }, (_, i) => `bench:1:key:${i}`)
const HUNDRED = KEYS.slice(0, 100)
const TEXT = 'x'.repeat(1024)
const BYTES = Buffer.from(TEXT)

interface Contender {
  name: string
  get(key: string): Promise<unknown>
  set(key: string): Promise<unknown>
  getMany(keys: string[]): Promise<unknown>
  setMany(keys: string[]): Promise<unknown>
  close(): unknown
}

/** Microseconds an operation, over about `ms` milliseconds. */
async function timed(ms: number, weight: number, round: () => Promise<unknown>): Promise<number> {
  const from = performance.now()
  let count = 0
  while (performance.now() - from < ms) {
    await round()
    count += weight
  }
  return ((performance.now() - from) * 1000) / count
}

/** Keeps IN_FLIGHT operations under way, each caller with one at a time. */
async function inFlight(ask: (key: string) => Promise<unknown>): Promise<void> {
  let next = 0
  const caller = async () => {
    while (next < 5000) await ask(KEYS[next++ % 1000]!)
  }
  await Promise.all(Array.from({ length: IN_FLIGHT }, caller))
}

const MEASURES: Record<string, (c: Contender) => Promise<number>> = {
  'get x100': (c) => timed(250, 5000, () => inFlight((key) => c.get(key))),
  'set x100': (c) => timed(250, 5000, () => inFlight((key) => c.set(key))),
  'get alone': (c) => timed(250, 1, () => c.get(HUNDRED[7]!)),
  'set alone': (c) => timed(250, 1, () => c.set(HUNDRED[7]!)),
  'getMany 100': (c) => timed(250, 1, () => c.getMany(HUNDRED)),
  'setMany 100': (c) => timed(250, 1, () => c.setMany(HUNDRED)),
}

async function contenders(): Promise<Contender[]> {
  const probe = await Probe.open(PORT)
  const client = memcachedClient({ servers: `127.0.0.1:${PORT}`, timeout: 5000 })
  return [
    {
      name: 'probe',
      get: (key) => probe.get(key),
      set: (key) => probe.set(key, TEXT),
      getMany: (keys) => probe.getMany(keys),
      setMany: (keys) => probe.setMany(keys, TEXT),
      close: () => probe.close(),
    },
    {
      name: 'ours',
      get: (key) => client.get(key),
      set: (key) => client.set(key, BYTES),
      getMany: (keys) => client.getMany(keys),
      setMany: (keys) => client.setMany(keys.map((key) => [key, BYTES])),
      close: () => client.close(),
    },
    ...peers(),
  ]
}

interface Peer {
  get(key: string): Promise<unknown>
  set(key: string, value: string, options?: object): Promise<unknown>
  close?(): void
  quit?(): void
  shutdown?(): void
}

function peers(): Contender[] {
  if (process.env.PEERS === undefined) return []
  const require = createRequire(`${process.env.PEERS}/`)
  const server = `127.0.0.1:${PORT}`
  const memjs: Peer = require('memjs').Client.create(server)
  const MemcacheClient = require('memcache-client').MemcacheClient
  const walmart: Peer = new MemcacheClient({ server, maxConnections: 1 })
  const Memcached = require('memcached')
  const eden = new Memcached(server, { poolSize: 1 })
  const call = (verb: string, ...args: unknown[]) =>
    new Promise((resolve, reject) => {
      eden[verb](...args, (error: Error | undefined, answer: unknown) =>
        error ? reject(error) : resolve(answer),
      )
    })
  const each = (keys: string[], ask: (key: string) => Promise<unknown>) => Promise.all(keys.map(ask))
  return [
    {
      name: 'memjs',
      get: (key) => memjs.get(key),
      set: (key) => memjs.set(key, TEXT, {}),
      getMany: (keys) => each(keys, (key) => memjs.get(key)),
      setMany: (keys) => each(keys, (key) => memjs.set(key, TEXT, {})),
      close: () => memjs.close?.(),
    },
    {
      name: 'memcache-client',
      get: (key) => walmart.get(key),
      set: (key) => walmart.set(key, TEXT),
      getMany: (keys) => (walmart.get as (keys: unknown) => Promise<unknown>).call(walmart, keys),
      setMany: (keys) => each(keys, (key) => walmart.set(key, TEXT)),
      close: () => walmart.shutdown?.(),
    },
    {
      name: 'memcached',
      get: (key) => call('get', key),
      set: (key) => call('set', key, TEXT, 0),
      getMany: (keys) => call('getMulti', keys),
      setMany: (keys) => each(keys, (key) => call('set', key, TEXT, 0)),
      close: () => eden.end(),
    },
  ]
}

const server = spawn('memcached', ['-l', '127.0.0.1', '-p', String(PORT), '-u', 'nobody', '-m', '64'])
process.on('exit', () => server.kill())
await sleep(300)
const all = await contenders()
for (const key of KEYS) await all[0]!.set(key)
const rows: Record<string, Record<string, string>> = {}
for (const [measure, run] of Object.entries(MEASURES)) {
  const times = new Map(all.map(({ name }) => [name, [] as number[]]))
  for (let round = -1; round < ROUNDS; round++) {
    for (const contender of all) {
      const time = await run(contender)
      if (round >= 0) times.get(contender.name)!.push(time)
    }
  }
  const limit = times.get('probe')!
  rows[measure] = Object.fromEntries(
    [...times].map(([name, list]) => {
      const ratios = list.map((time, round) => limit[round]! / time).sort((a, b) => a - b)
      const time = list.toSorted((a, b) => a - b)[list.length >> 1]!
      return [
        name,
        `${ratios[ratios.length >> 1]!.toFixed(2)} (${ratios[0]!.toFixed(2)}) ${time.toFixed(2)}µs`,
      ]
    }),
  )
}
console.table(rows)
for (const contender of all) await contender.close()
process.exit()
