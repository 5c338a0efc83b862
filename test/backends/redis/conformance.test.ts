/** The promises of the contract, case by case, over one server and over a Cluster, by either library. */
import { beforeAll, describe, it } from 'vitest'
import { type RedisOptions, redis } from '../../../src/backends/redis/redis.ts'
import { createCaches } from '../../../src/index.ts'
import { backendCases, type CaseContext, waitingClock } from '../../../src/testing/index.ts'
import { startCluster, startRedis } from '../../servers/redis.ts'
import type { TestServer } from '../../servers/server.ts'

/** Redis has a limit of its own, shared by all its keys: there is none of ours to promise. */
const NOT_PROMISED = ['culling', 'recency', 'limits']

let server: TestServer
let nodes: TestServer[]
beforeAll(async () => {
  server = await startRedis()
  nodes = await startCluster()
}, 60_000)

const places: Record<string, () => RedisOptions> = {
  'ioredis, one server': () => ({ url: `redis://${server.address}`, driver: 'ioredis' }),
  'node-redis, one server': () => ({ url: `redis://${server.address}`, driver: 'node-redis' }),
  'ioredis, a Cluster': () => ({ cluster: nodes.map(({ address }) => address), driver: 'ioredis' }),
  'node-redis, a Cluster': () => ({ cluster: nodes.map(({ address }) => address), driver: 'node-redis' }),
}

for (const [name, options] of Object.entries(places)) {
  describe(name, () => {
    const context: CaseContext = {
      backend: () => redis(options()),
      peer: () => redis(options()),
      clock: waitingClock(),
      // An end is counted from when the command leaves: the first of a backend also waits for its connection.
      granularity: 250,
      createCaches,
    }
    for (const [topic, cases] of Object.entries(backendCases)) {
      if (NOT_PROMISED.includes(topic)) continue
      describe(topic, () => {
        // Every case has a prefix of its own; only what empties the whole store must be alone.
        const one = topic === 'clearing everything' ? it : it.concurrent
        for (const { name, run } of cases) one(name, () => run(context))
      })
    }
  })
}
