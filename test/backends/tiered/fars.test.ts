/** Far is whatever processes share: a server or a file, each with its own bus or any other. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { memcached } from '../../../src/backends/memcached/memcached.ts'
import { redis, redisBus } from '../../../src/backends/redis/redis.ts'
import { postgres, postgresBus, sqlite } from '../../../src/backends/sql/sql.ts'
import { tiered } from '../../../src/backends/tiered/tiered.ts'
import { createCaches, memory } from '../../../src/index.ts'
import {
  backendCases,
  busHub,
  type CaseContext,
  cacheCases,
  waitingClock,
} from '../../../src/testing/index.ts'
import { startMemcached } from '../../servers/memcached.ts'
import { startPostgres, type TestPostgres } from '../../servers/postgres.ts'
import { startRedis } from '../../servers/redis.ts'
import type { TestServer } from '../../servers/server.ts'

const directory = mkdtempSync(join(tmpdir(), 'stillwarm-fars-'))
afterAll(() => rmSync(directory, { recursive: true, force: true }))

let servers: { redis: TestServer; memcached: TestServer; postgres: TestPostgres }
beforeAll(async () => {
  const [red, mem, post] = await Promise.all([startRedis(), startMemcached(), startPostgres()])
  servers = { redis: red, memcached: mem, postgres: post }
  const maker = postgres({ url: post.url })
  await maker.table.create()
  await maker.close()
}, 60_000)

const hub = busHub()
const FARS = {
  redis: () => {
    const url = `redis://${servers.redis.address}`
    return { far: redis({ url }), bus: redisBus({ url }) }
  },
  postgres: () => {
    const { url } = servers.postgres
    return { far: postgres({ url, poolSize: 2 }), bus: postgresBus({ url }) }
  },
  memcached: () => ({ far: memcached({ servers: servers.memcached.address }), bus: hub.bus() }),
  sqlite: () => ({ far: sqlite({ path: join(directory, 'cache.db') }), bus: hub.bus() }),
}

const context: CaseContext = {
  backend: () => tiered({ near: memory(), ...FARS.redis() }),
  peer: () => tiered({ near: memory(), ...FARS.redis() }),
  clock: waitingClock(),
  granularity: 250,
  createCaches,
}
describe('redis, what more than one process could break', () => {
  const cases = [
    ...backendCases.sharing,
    ...backendCases.claims,
    ...backendCases.replacing,
    ...cacheCases.fleet,
  ]
  for (const { name, run } of cases) it.concurrent(name, () => run(context))
})

describe.each(Object.entries(FARS))('%s', (_, parts) => {
  const node = () => tiered({ near: memory(), ...parts() })

  it('what is read rests near, and what another deletes does not', async () => {
    const [a, b] = [node(), node()]
    const [one, two] = [a, b].map((backend) =>
      createCaches({ default: { backend, ttl: 60, keyPrefix: 'near' } }),
    )
    if (!one || !two) throw new Error('two caches')
    await Promise.all([one.default.get('first'), two.default.get('first')])
    await expect.poll(() => [a.counts().ups, b.counts().ups], { timeout: 10_000 }).toEqual([1, 1])
    await one.default.set('key', { n: 1 })
    await expect.poll(() => b.counts().heard).toBeGreaterThan(0)
    expect(await two.default.get('key')).toEqual({ n: 1 })
    expect(b.near.size?.()).toMatchObject({ entries: 1 })
    await one.default.delete('key')
    await expect.poll(() => b.near.size?.()).toMatchObject({ entries: 0 })
    expect(await two.default.get('key')).toBeUndefined()
    await Promise.all([one.close(), two.close()])
  })
})
