/** The same promises by the protocols of older servers and of hosted services, and over several servers. */
import { beforeAll, describe, vi } from 'vitest'
import { startMemcached } from '../../servers/memcached.ts'
import type { TestServer } from '../../servers/server.ts'
import { EVERY_BACKEND, promise } from '../promises.ts'
import { memcachedContext, turn, UNSIGNED } from './context.ts'

// Most of the cases wait for an end on the server's clock.
vi.setConfig({ maxConcurrency: 200 })

let servers: TestServer[]
beforeAll(async () => {
  servers = await Promise.all([startMemcached(), startMemcached(), startMemcached()])
}, 30_000)

const CLEAR = "clear() needs clear: 'epoch', and that the meta protocol"

const NO_CLEAR = {
  ...UNSIGNED,
  'F66 clear breaks the claim: what was loaded before is not stored after': CLEAR,
  'F66 clear by one breaks the claims of the other': CLEAR,
  'writes of other keys break no claim': CLEAR,
}

const but = (...topics: string[]) => EVERY_BACKEND.filter((topic) => !topics.includes(topic))

for (const protocol of ['text', 'binary'] as const) {
  describe.concurrent(`${protocol} protocol`, () => {
    promise(
      'memcached',
      memcachedContext(() => ({ servers: servers[0]!.address, protocol })),
      {
        topics: [...but('clearing'), 'sharing', 'bytes', 'peeking'],
        cacheTopics: ['counting', 'staleness', 'fleet'],
        except: NO_CLEAR,
        turn,
      },
    )
  })
}

describe.concurrent('three servers', () => {
  promise(
    'memcached',
    memcachedContext(() => ({ servers: servers.map(({ address }) => address), clear: 'epoch' })),
    {
      topics: [
        'many',
        'versions and prefixes',
        'clearing',
        'hostile keys',
        'concurrency',
        'claims',
        'sharing',
      ],
      cacheTopics: ['keys', 'verbs', 'get or set', 'fleet'],
      turn,
    },
  )
})
