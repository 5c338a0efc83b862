/** What memcached promises, on real servers: by the meta and the text protocol, on one server and on three. */
import { beforeAll, describe } from 'vitest'
import { type MemcachedOptions, memcached } from '../../../src/backends/memcached/memcached.ts'
import { createCaches } from '../../../src/index.ts'
import { type CaseContext, waitingClock } from '../../../src/testing/index.ts'
import { startMemcached } from '../../servers/memcached.ts'
import type { TestServer } from '../../servers/server.ts'
import { EVERY_BACKEND, EVERY_CACHE, promise } from '../promises.ts'

let servers: TestServer[]
beforeAll(async () => {
  servers = await Promise.all([startMemcached(), startMemcached(), startMemcached()])
}, 30_000)

function context(options: () => MemcachedOptions): CaseContext {
  const backend = () => memcached(options())
  // The server counts whole seconds.
  return { backend, peer: backend, clock: waitingClock(), granularity: 1_000, createCaches }
}

const UNSIGNED = 'the server counts from 0 up: below it is a RangeError, proved in counting.test.ts'

const EXCEPT = {
  'F27 below zero it counts on': UNSIGNED,
  'large sums are exact': UNSIGNED,
  'A01 digits alone are a number to count; digits among other bytes are not':
    'the server takes digits and a space for a number; entries never look so',
}

const one = () => servers[0]!.address
const all = () => servers.map(({ address }) => address)

const TOPICS = [...EVERY_BACKEND, 'sharing', 'bytes'] as const

describe.concurrent('meta protocol', () => {
  promise(
    'memcached',
    context(() => ({ servers: one(), clear: 'epoch' })),
    { topics: [...TOPICS, 'peeking'], cacheTopics: [...EVERY_CACHE, 'fleet'], except: EXCEPT },
  )
})

describe.concurrent('three servers', () => {
  promise(
    'memcached',
    context(() => ({ servers: all(), clear: 'epoch' })),
    { topics: [...TOPICS, 'peeking'], cacheTopics: [...EVERY_CACHE, 'fleet'], except: EXCEPT },
  )
})
