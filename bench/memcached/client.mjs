// @ts-check
/**
 * How near does our client come to a bare socket, and where do other clients stand? Each contender has a memcached of its own.
 * Other clients are measured where PEERS names the folder that they are installed in: memjs, memcache-client, memcached.
 */
import { createRequire } from 'node:module'
import { memcachedClient } from '../../dist/backends/memcached/client/index.js'
import { timed } from '../harness.mjs'
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
  ...(process.env.PEERS === undefined ? {} : peers(createRequire(`${process.env.PEERS}/`))),
}

/**
 * @param {NodeJS.Require} load
 * @returns {typeof CLIENTS}
 */
function peers(load) {
  /** @param {Pick<Client, 'get' | 'set'>} one */
  const each = ({ get, set }) => ({
    get,
    set,
    getMany: () => Promise.all(HUNDRED.map(get)),
    setMany: () => Promise.all(HUNDRED.map(set)),
  })
  return {
    memjs(port) {
      const client = load('memjs').Client.create(`127.0.0.1:${port}`)
      return each({ get: (key) => client.get(key), set: (key) => client.set(key, TEXT, {}) })
    },
    'memcache-client'(port) {
      const { MemcacheClient } = load('memcache-client')
      const client = new MemcacheClient({ server: `127.0.0.1:${port}`, maxConnections: 1 })
      const one = each({ get: (key) => client.get(key), set: (key) => client.set(key, TEXT) })
      return { ...one, getMany: () => client.get(HUNDRED) }
    },
    memcached(port) {
      const Memcached = load('memcached')
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

/** @type {(name: string, times: number, loop: (client: Client) => (n: number) => Promise<void>) => import('../harness.mjs').Row} */
function row(name, times, loop) {
  /** @type {(open: (port: number) => Client | Promise<Client>) => () => Promise<import('../harness.mjs').Round>} */
  const contender = (open) => async () => {
    const client = await open(await startMemcached())
    await Promise.all(KEYS.map(client.set))
    return timed(loop(client), 250)
  }
  return {
    name,
    unit: 'ns',
    limit: PROBE,
    contenders: Object.fromEntries(Object.entries(CLIENTS).map(([of, open]) => [of, contender(open)])),
    goals: [{ contender: OURS, of: PROBE, times }],
  }
}

/** @type {import('../harness.mjs').Row[]} */
export const rows = [
  row('D1 get of 1 kB, 100 in flight', 0.6, (client) => inFlight(client.get)),
  row('D1 set of 1 kB, 100 in flight', 0.6, (client) => inFlight(client.set)),
  row('D2 get of 1 kB, one after the other', 0.9, (client) => oneByOne(() => client.get('bench:1:key:7'))),
  row('D2 set of 1 kB, one after the other', 0.9, (client) => oneByOne(() => client.set('bench:1:key:7'))),
  row('D2 getMany of 100, 1 kB each', 0.9, (client) => oneByOne(client.getMany)),
  row('D3 setMany of 100, 1 kB each', 0.7, (client) => oneByOne(client.setMany)),
]
