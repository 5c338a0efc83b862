// @ts-check
/**
 * How near does our client come to a bare socket, how far behind are other clients, and how long do the slowest answers take? Each
 * contender has a memcached of its own.
 */
import { memcachedClient } from '../../dist/backends/memcached/client/index.js'
import { peer, timed } from '../harness.mjs'
import { openProbe } from './probe.mjs'
import { startMemcached } from './server.mjs'

const IN_FLIGHT = 100
const KEYS = Array.from({ length: 1000 }, (_, i) => `bench:1:key:${i}`)
const HUNDRED = KEYS.slice(0, 100)
const TEXT = 'x'.repeat(1024)
const BYTES = Buffer.from(TEXT)

/**
 * @typedef {object} Client
 * @property {(key: string) => Promise<unknown>} get
 * @property {(key: string) => Promise<unknown>} set
 * @property {() => Promise<unknown>} getMany
 * @property {() => Promise<unknown>} setMany
 */

const PROBE = 'bare socket'
const OURS = 'stillwarm'

/** @type {Record<string, (port: number) => Client | Promise<Client>>} */
const CLIENTS = {
  async [PROBE](port) {
    const probe = await openProbe(port)
    return {
      get: probe.get,
      set: (key) => probe.set(key, TEXT),
      getMany: () => probe.getMany(HUNDRED),
      setMany: () => probe.setMany(HUNDRED, TEXT),
    }
  },
  [OURS](port) {
    const client = memcachedClient({ servers: `127.0.0.1:${port}`, timeout: 5000 })
    return {
      get: (key) => client.get(key),
      set: (key) => client.set(key, BYTES),
      getMany: () => client.getMany(HUNDRED),
      setMany: () => client.setMany(HUNDRED.map((key) => [key, BYTES])),
    }
  },
  async memjs(port) {
    const { Client } = (await peer('memjs')).default
    const client = Client.create(`127.0.0.1:${port}`)
    return each({ get: (key) => client.get(key), set: (key) => client.set(key, TEXT, {}) })
  },
  async 'memcache-client'(port) {
    const { MemcacheClient } = (await peer('memcache-client')).default
    const client = new MemcacheClient({ server: `127.0.0.1:${port}`, maxConnections: 1 })
    const one = each({ get: (key) => client.get(key), set: (key) => client.set(key, TEXT) })
    return { ...one, getMany: () => client.get(HUNDRED) }
  },
  async memcached(port) {
    const { default: Memcached } = await peer('memcached')
    const client = new Memcached(`127.0.0.1:${port}`, { poolSize: 1 })
    /** @type {(verb: string, ...args: unknown[]) => Promise<unknown>} */
    const call = (verb, ...args) =>
      new Promise((resolve, reject) => {
        client[verb](...args, (/** @type {unknown} */ error, /** @type {unknown} */ answer) =>
          error ? reject(error) : resolve(answer),
        )
      })
    const one = each({ get: (key) => call('get', key), set: (key) => call('set', key, TEXT, 0) })
    return { ...one, getMany: () => call('getMulti', HUNDRED) }
  },
}

const PEERS = Object.keys(CLIENTS).filter((name) => name !== PROBE && name !== OURS)

/**
 * For clients without verbs for many keys.
 *
 * @param {Pick<Client, 'get' | 'set'>} one
 * @returns {Client}
 */
function each({ get, set }) {
  return {
    get,
    set,
    getMany: () => Promise.all(HUNDRED.map(get)),
    setMany: () => Promise.all(HUNDRED.map(set)),
  }
}

/** @type {(ask: (key: string) => Promise<unknown>) => (n: number) => Promise<void>} */
const inFlight = (ask) => async (n) => {
  let next = 0
  const caller = async () => {
    while (next < n) await ask(KEYS[next++ % KEYS.length] ?? '')
  }
  await Promise.all(Array.from({ length: IN_FLIGHT }, caller))
}

/** @type {(ask: () => Promise<unknown>) => (n: number) => Promise<void>} */
const oneByOne = (ask) => async (n) => {
  for (let i = 0; i < n; i++) await ask()
}

/** The wait of one in a hundred, while a hundred are in flight. @param {(key: string) => Promise<unknown>} ask */
const slowest = (ask) => async () => {
  /** @type {number[]} */
  const waits = []
  await inFlight(async (key) => {
    const began = performance.now()
    await ask(key)
    waits.push(performance.now() - began)
  })(20_000)
  waits.sort((a, b) => a - b)
  return (waits[Math.floor(waits.length * 0.99)] ?? 0) * 1e6
}

/**
 * @param {string} name
 * @param {(client: Client) => import('../harness.mjs').Round} round
 * @param {import('../harness.mjs').Goal[]} goals
 * @returns {import('../harness.mjs').Row}
 */
function row(name, round, goals) {
  /** @type {(open: (port: number) => Client | Promise<Client>) => () => Promise<import('../harness.mjs').Round>} */
  const contender = (open) => async () => {
    const client = await open(await startMemcached())
    await Promise.all(KEYS.map(client.set))
    return round(client)
  }
  return {
    name,
    unit: 'ns',
    limit: PROBE,
    contenders: Object.fromEntries(Object.entries(CLIENTS).map(([of, open]) => [of, contender(open)])),
    goals,
  }
}

/** @type {(loop: (client: Client) => (n: number) => Promise<void>) => (client: Client) => import('../harness.mjs').Round} */
const rate = (loop) => (client) => timed(loop(client), 250)

/** @param {number} times */
const ofLimit = (times) => ({ contender: OURS, of: PROBE, times })

/** @param {number} times */
const ofPeers = (times) => PEERS.map((of) => ({ contender: OURS, of, times }))

const SEVENTH = KEYS[7] ?? ''

/** @type {import('../harness.mjs').Row[]} */
export const rows = [
  row(
    'D1 get of 1 kB, 100 in flight',
    rate((client) => inFlight(client.get)),
    [ofLimit(0.6), ...ofPeers(3)],
  ),
  row(
    'D1 set of 1 kB, 100 in flight',
    rate((client) => inFlight(client.set)),
    [ofLimit(0.6), ...ofPeers(3)],
  ),
  row('D1 get of 1 kB, 100 in flight: p99', (client) => slowest(client.get), [ofLimit(0.5)]),
  row('D1 set of 1 kB, 100 in flight: p99', (client) => slowest(client.set), [ofLimit(0.5)]),
  row(
    'D2 get of 1 kB, one after the other',
    rate((client) => oneByOne(() => client.get(SEVENTH))),
    [ofLimit(0.9)],
  ),
  row(
    'D2 set of 1 kB, one after the other',
    rate((client) => oneByOne(() => client.set(SEVENTH))),
    [ofLimit(0.9)],
  ),
  row(
    'D2 getMany of 100, 1 kB each',
    rate((client) => oneByOne(client.getMany)),
    [ofLimit(0.9), { contender: OURS, of: 'memjs', times: 2.4 }],
  ),
  row(
    'D3 setMany of 100, 1 kB each',
    rate((client) => oneByOne(client.setMany)),
    [ofLimit(0.7), ...ofPeers(2.5)],
  ),
]
