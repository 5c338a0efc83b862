/** The promises that more than one process could break: over a real Redis and its channels. */
import { beforeAll, describe, it } from 'vitest'
import { redis, redisBus } from '../../../src/backends/redis/redis.ts'
import { tiered } from '../../../src/backends/tiered/tiered.ts'
import { createCaches, memory } from '../../../src/index.ts'
import { backendCases, type CaseContext, cacheCases, waitingClock } from '../../../src/testing/index.ts'
import { startRedis } from '../../servers/redis.ts'
import type { TestServer } from '../../servers/server.ts'

let server: TestServer
beforeAll(async () => {
  server = await startRedis()
})

function node() {
  const url = `redis://${server.address}`
  return tiered({ near: memory(), far: redis({ url }), bus: redisBus({ url }) })
}
const context: CaseContext = {
  backend: node,
  peer: node,
  clock: waitingClock(),
  granularity: 250,
  createCaches,
}

const TOPICS = {
  sharing: backendCases.sharing,
  claims: backendCases.claims,
  replacing: backendCases.replacing,
  concurrency: backendCases.concurrency,
  fleet: cacheCases.fleet,
}
for (const [topic, cases] of Object.entries(TOPICS)) {
  describe(topic, () => {
    for (const { name, run } of cases) it.concurrent(name, () => run(context))
  })
}
