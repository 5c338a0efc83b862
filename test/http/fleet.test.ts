/** Pages in an alias that processes share, on real servers: one call of the handler for all, few round trips, and no server at all. */
import { afterEach, describe, expect, it, vi } from 'vitest'
import { memcached } from '../../src/backends/memcached/memcached.ts'
import { redis } from '../../src/backends/redis/redis.ts'
import type { Backend } from '../../src/core/backend.ts'
import { startMemcached } from '../servers/memcached.ts'
import { ask as redisCli, startRedis } from '../servers/redis.ts'
import { ask, isHit } from './adapters/client.ts'
import { MOUNTS, type Setup, type Site, type View } from './adapters/mounts.ts'

vi.spyOn(process, 'emitWarning').mockImplementation(() => {})

const redisServer = await startRedis()
const memcachedServer = await startMemcached()
const { start } = MOUNTS.find(({ name }) => name === 'node, wrapped')!
const sites: Site[] = []
let prefixes = 0
afterEach(async () => {
  for (const site of sites.splice(0)) await site.close()
})

const SERVERS: [string, () => Backend][] = [
  ['redis', () => redis({ url: `redis://${redisServer.address}` })],
  ['memcached', () => memcached({ servers: memcachedServer.address })],
]

/** Two processes, as far as their caches know: nothing is shared but the server. */
async function fleet(make: () => Backend, view: View, setup: Setup = {}): Promise<[Site, Site]> {
  const options = { ...setup.options, keyPrefix: `p${prefixes++}` }
  const made = [
    await start(view, { ...setup, options, backend: make() }),
    await start(view, { ...setup, options, backend: make() }),
  ] as const
  sites.push(...made)
  return [...made]
}

/** All as visitors of one host. */
function visit(site: Site, path = '/a', headers: Record<string, string> = {}) {
  return ask(`${site.url}${path}`, { headers: { host: 'fleet.test', ...headers } })
}

const slowly = (ms: number, answer: (n: number) => ReturnType<View>) => {
  let calls = 0
  return vi.fn<View>(async () => {
    const n = ++calls
    await new Promise((resolve) => setTimeout(resolve, ms))
    return answer(n)
  })
}

describe.each(SERVERS)('over %s', (_, make) => {
  it('rule 37: a cold page is one call of the handler for the whole fleet', async () => {
    const view = slowly(150, (n) => ({ body: `page ${n}` }))
    const both = await fleet(make, view)
    const all = await Promise.all(Array.from({ length: 40 }, (_, i) => visit(both[i % 2]!)))
    expect(new Set(all.map(({ body }) => body))).toEqual(new Set(['page 1']))
    expect(view).toHaveBeenCalledTimes(1)
    expect(isHit(await visit(both[1]))).toBe(true)
  })

  it('rule 37: what is not to be shared is made for each, and not one after the other', async () => {
    const view = slowly(400, (n) => ({ body: `page ${n}`, headers: { 'cache-control': 'private' } }))
    const both = await fleet(make, view)
    const begun = performance.now()
    const all = await Promise.all(Array.from({ length: 20 }, (_, i) => visit(both[i % 2]!)))
    expect(new Set(all.map(({ body }) => body)).size).toBe(20)
    expect(performance.now() - begun).toBeLessThan(6_000)
  })

  it('a handler that fails in one process is the next one’s turn', async () => {
    const view = slowly(50, (n) => {
      if (n === 1) throw new Error('broken')
      return { body: `page ${n}` }
    })
    const both = await fleet(make, view)
    const [a, b] = await Promise.all(both.map((site) => visit(site)))
    expect([a!.status, b!.status].sort()).toEqual([200, 500])
  })

  it('a purge in one process is one for all, and what was begun before is not stored after it', async () => {
    const view = slowly(600, (n) => ({ body: `page ${n}` }))
    const [one, other] = await fleet(make, view)
    const early = visit(one)
    await new Promise((resolve) => setTimeout(resolve, 250))
    await other.purge('http://fleet.test/a')
    const late = await visit(other)
    expect((await early).body).toBe('page 1')
    expect(late.body).toBe('page 2')
    expect((await visit(one)).body).toBe('page 2')
    expect((await visit(other)).body).toBe('page 2')
  })

  it('rule 34: one refresh behind a stale page for the whole fleet', async () => {
    // Only the first page is over soon: a second refresh would be one too many.
    const view = slowly(60, (n) => ({
      body: `page ${n}`,
      headers: { 'cache-control': `max-age=${n === 1 ? 1 : 600}, stale-while-revalidate=60` },
    }))
    const both = await fleet(make, view)
    await visit(both[0])
    await new Promise((resolve) => setTimeout(resolve, 1_100))
    const stale = await Promise.all(both.map((site) => visit(site)))
    expect(stale.map(({ body }) => body)).toEqual(['page 1', 'page 1'])
    await vi.waitFor(async () => expect((await visit(both[0])).body).toBe('page 2'))
    expect(view).toHaveBeenCalledTimes(2)
  })

  it('rules 16, 17, 38, 47: variants, HEAD, 304 and ranges of what another process stored', async () => {
    const view = slowly(0, (n) => ({ body: `page ${n}`, headers: { vary: 'x-a', etag: `"${n}"` } }))
    const [one, other] = await fleet(make, view)
    await visit(one)
    await visit(one, '/a', { 'x-a': '1' })
    expect((await visit(other)).body).toBe('page 1')
    expect((await visit(other, '/a', { 'x-a': '1' })).body).toBe('page 2')
    expect((await visit(other, '/a', { 'x-a': '1', 'if-none-match': '"2"' })).status).toBe(304)
    expect(await visit(other, '/a', { range: 'bytes=0-3' })).toMatchObject({ status: 206, body: 'page' })
    expect(view).toHaveBeenCalledTimes(2)
  })
})

it('a hit over redis is one round trip, two when the page varies', async () => {
  const view: View = (asked) => ({ body: 'page', ...(asked.url === '/v' && { headers: { vary: 'x-a' } }) })
  const [one] = await fleet(SERVERS[0]![1], view)
  const commands = async () => {
    const stats = await redisCli(redisServer, ['INFO', 'commandstats'])
    const calls = [...stats.matchAll(/cmdstat_(?!info)[^:]+:calls=(\d+)/g)]
    return calls.reduce((sum, [, n]) => sum + Number(n), 0)
  }
  for (const [path, headers, expected] of [
    ['/p', {}, 1],
    ['/v', { 'x-a': '1' }, 2],
  ] as const) {
    await visit(one, path, headers)
    await vi.waitFor(async () => expect(isHit(await visit(one, path, headers))).toBe(true))
    const before = await commands()
    for (let i = 0; i < 10; i++) await visit(one, path, headers)
    expect(((await commands()) - before) / 10, path).toBe(expected)
  }
})

it('rule 52: with the server frozen or gone the handler serves the page within the deadline', async () => {
  const server = await startRedis()
  const view = slowly(0, (n) => ({ body: `page ${n}` }))
  const [one] = await fleet(() => redis({ url: `redis://${server.address}` }), view)
  await visit(one)
  await server.freeze()
  for (const turn of [1, 2, 3]) {
    const begun = performance.now()
    expect((await visit(one)).status).toBe(200)
    expect(performance.now() - begun, `turn ${turn}`).toBeLessThan(3_000)
  }
  server.thaw()
  await server.kill()
  const begun = performance.now()
  expect((await visit(one)).status).toBe(200)
  expect(performance.now() - begun).toBeLessThan(3_000)
})
