/** The promises of the contract and of a cache, case by case, over memory, a real Redis and its bus. */
import { beforeAll } from 'vitest'
import { redis, redisBus } from '../../../src/backends/redis/redis.ts'
import { tiered } from '../../../src/backends/tiered/tiered.ts'
import { createCaches, memory } from '../../../src/index.ts'
import { waitingClock } from '../../../src/testing/index.ts'
import { startRedis } from '../../servers/redis.ts'
import type { TestServer } from '../../servers/server.ts'
import { EVERY_BACKEND, EVERY_CACHE, promise } from '../promises.ts'

let server: TestServer
beforeAll(async () => {
  server = await startRedis()
})

function make() {
  const url = `redis://${server.address}`
  return tiered({ near: memory(), far: redis({ url }), bus: redisBus({ url }) })
}

promise(
  'tiered',
  { backend: make, peer: make, clock: waitingClock(), granularity: 250, createCaches },
  { topics: [...EVERY_BACKEND, 'sharing', 'peeking'], cacheTopics: [...EVERY_CACHE, 'fleet'] },
)
