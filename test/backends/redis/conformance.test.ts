/** The promises of the contract, case by case, over one server and over a Cluster, by either library. */
import { beforeAll, describe, it } from 'vitest'
import { type RedisBackend, type RedisOptions, redis } from '../../../src/backends/redis/redis.ts'
import { createCaches } from '../../../src/index.ts'
import { backendCases, type CaseContext, waitingClock } from '../../../src/testing/index.ts'
import { startCluster, startRedis } from '../../servers/redis.ts'
import type { TestServer } from '../../servers/server.ts'
import { anySpace } from './ways.ts'

/** Redis has a limit of its own, shared by all its keys: there is none of ours to promise. */
const NOT_PROMISED = ['culling', 'recency', 'limits']

let server: TestServer
let nodes: TestServer[]
beforeAll(async () => {
  server = await startRedis()
  nodes = await startCluster()
}, 60_000)

/** Deadlines have tests of their own: on a busy machine an answer may take a while and is right all the same. */
const PATIENT = { opTimeout: 10_000, connectTimeout: 10_000 }

const places: Record<string, () => RedisOptions> = {
  'ioredis, one server': () => ({ url: `redis://${server.address}`, driver: 'ioredis', ...PATIENT }),
  'node-redis, one server': () => ({ url: `redis://${server.address}`, driver: 'node-redis', ...PATIENT }),
  'ioredis, a Cluster': () => ({ cluster: addresses(), driver: 'ioredis', ...PATIENT }),
  'node-redis, a Cluster': () => ({ cluster: addresses(), driver: 'node-redis', ...PATIENT }),
}

function addresses(): string[] {
  return nodes.map(({ address }) => address)
}

/** Connected: an end is counted from when its command leaves, and the first would wait for the connection. */
async function connected(options: RedisOptions): Promise<RedisBackend> {
  const backend = redis(options)
  await backend.get(anySpace(), 'warm')
  return backend
}

function contextOf(options: () => RedisOptions): CaseContext {
  return {
    backend: () => connected(options()),
    peer: () => connected(options()),
    clock: waitingClock(),
    // F19: within a second of what was asked. The server counts from when it gets the command.
    granularity: 1_000,
    createCaches,
  }
}

const EMPTIES = 'clearing everything'

// Every case has a prefix of its own, and most of them wait for an end to come: all together.
for (const [name, options] of Object.entries(places)) {
  describe.concurrent(name, () => {
    const context = contextOf(options)
    for (const [topic, cases] of Object.entries(backendCases)) {
      if (NOT_PROMISED.includes(topic) || topic === EMPTIES) continue
      describe(topic, () => {
        for (const { name, run } of cases) it(name, () => run(context))
      })
    }
  })
}

// Only what empties the whole store must be alone.
describe.sequential.each(Object.entries(places))('%s', (_name, options) => {
  const context = contextOf(options)
  describe(EMPTIES, () => {
    for (const { name, run } of backendCases[EMPTIES]) it(name, () => run(context))
  })
})
