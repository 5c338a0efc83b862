/** What memcached promises by the meta protocol, on a real server. */
import { beforeAll, describe, vi } from 'vitest'
import { startMemcached } from '../../servers/memcached.ts'
import type { TestServer } from '../../servers/server.ts'
import { EVERY_BACKEND, EVERY_CACHE, promise } from '../promises.ts'
import { memcachedContext, turn, UNSIGNED } from './context.ts'

// Most of the cases wait for an end on the server's clock.
vi.setConfig({ maxConcurrency: 200 })

let server: TestServer
beforeAll(async () => {
  server = await startMemcached()
}, 30_000)

describe.concurrent('meta protocol', () => {
  promise(
    'memcached',
    memcachedContext(() => ({ servers: server.address, clear: 'epoch' })),
    {
      topics: [...EVERY_BACKEND, 'sharing', 'bytes', 'peeking'],
      cacheTopics: [...EVERY_CACHE, 'fleet'],
      except: UNSIGNED,
      turn,
    },
  )
})
