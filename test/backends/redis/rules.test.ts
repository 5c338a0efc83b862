/** What Django's Redis backend promises, and where it is to be better, by the public door and by what then rests on the server. */
import { beforeAll, describe, expect, it } from 'vitest'
import { redis } from '../../../src/backends/redis/redis.ts'
import type { CacheOptions } from '../../../src/core/settings.ts'
import { createCaches } from '../../../src/index.ts'
import { faultProxy } from '../../../src/testing/index.ts'
import { ask, startRedis, startReplicated } from '../../servers/redis.ts'
import { freePort, type TestServer } from '../../servers/server.ts'
import { single } from './ways.ts'

let server: TestServer
beforeAll(async () => {
  server = await startRedis()
})

let prefixes = 0

describe.each(Object.entries(single))('%s', (_name, make) => {
  function open(options: Partial<CacheOptions> = {}) {
    prefixes++
    const keyPrefix = `rule${prefixes}x`
    const caches = createCaches({ default: { backend: make(server), keyPrefix, ...options } })
    const at = (key: string, version = 1) => `${keyPrefix}:${version}:${key}`
    const pttl = async (key: string, version = 1) => Number(await ask(server, ['pttl', at(key, version)]))
    return { caches, cache: caches.default, at, pttl }
  }

  it('RED-06 whole numbers rest as their digits, everything else as bytes with a mark', async () => {
    const { caches, cache, at } = open()
    for (const [value, digits] of [
      [7, '7'],
      [-7, '-7'],
      [Number.MAX_SAFE_INTEGER, '9007199254740991'],
    ] as const) {
      await cache.set('n', value)
      expect(await ask(server, ['get', at('n')])).toBe(digits)
      expect(await cache.get('n')).toBe(value)
    }
    for (const value of ['7', true, 1.5, -0, null, 2 ** 53, 7n, Number.NaN]) {
      await cache.set('n', value)
      expect(await ask(server, ['get', at('n')])).not.toMatch(/^-?\d+$/)
      expect(await cache.get('n')).toBe(value)
    }
    await ask(server, ['set', at('n'), '41'])
    expect(await cache.get('n')).toBe(41)
    await caches.close()
  })

  it('RED-06 a codec of the user’s own replaces ours', async () => {
    const codec = {
      encode: (value: unknown) => Buffer.from(`<${JSON.stringify(value)}>`),
      decode: (bytes: Uint8Array) => JSON.parse(Buffer.from(bytes).toString().slice(1, -1)),
    }
    const { caches, cache, at } = open({ codec })
    await cache.set('a', { n: [1, 'x'] })
    expect(await ask(server, ['get', at('a')])).toContain('<{"n":[1,"x"]}>')
    expect(await cache.get('a')).toEqual({ n: [1, 'x'] })
    await caches.close()
  })

  it('RED-07 RED-08 null never expires, a ttl does, 0 or less is over at once; an add of such says whether it could', async () => {
    const { caches, cache, at, pttl } = open({ ttl: 40 })
    await cache.set('never', 1, null)
    expect(await pttl('never')).toBe(-1)
    await cache.set('default', 1)
    expect(await pttl('default')).toBeGreaterThan(38_000)
    expect(await pttl('default')).toBeLessThanOrEqual(40_000)
    await cache.add('added', 1, 10)
    expect(await pttl('added')).toBeGreaterThan(8_000)
    await cache.setMany({ m: 1 }, 20)
    expect(await pttl('m')).toBeGreaterThan(18_000)
    for (const ttl of [0, -5]) {
      await cache.set('gone', 1)
      expect(await cache.set('gone', 2, ttl)).toBe(true)
      expect(await cache.add('other', 1, ttl)).toBe(true)
      expect(await cache.add('never', 2, ttl)).toBe(false)
      expect(await cache.setMany({ many: 1 }, ttl)).toEqual([])
    }
    expect(await ask(server, ['exists', at('gone'), at('other'), at('many')])).toBe('0')
    expect(await cache.get('never')).toBe(1)
    await caches.close()
  })

  it('RED-09 touch says whether the key is there, also where nothing changes', async () => {
    const { caches, cache, pttl } = open()
    await cache.set('a', 1, null)
    expect(await cache.touch('a', null)).toBe(true)
    expect(await pttl('a')).toBe(-1)
    expect(await cache.touch('a', 10)).toBe(true)
    expect(await pttl('a')).toBeLessThanOrEqual(10_000)
    expect(await cache.touch('a', null)).toBe(true)
    expect(await pttl('a')).toBe(-1)
    expect(await cache.touch('none')).toBe(false)
    expect(await cache.touch('a', 0)).toBe(true)
    expect(await cache.has('a')).toBe(false)
    await caches.close()
  })

  it('RED-10 RED-11 RED-12 nothing asked for is nothing sent; what can be walked once is walked once', async () => {
    const { caches, cache } = open()
    await cache.get('warm')
    await ask(server, ['config', 'resetstat'])
    expect(await cache.getMany([])).toEqual(new Map())
    expect(await cache.setMany({})).toEqual([])
    expect(await cache.deleteMany([])).toBe(0)
    expect(await cache.deleteMany([].values())).toBe(0)
    expect(await ask(server, ['info', 'commandstats'])).not.toMatch(
      /cmdstat_(get|mget|set|del|unlink|eval|evalsha):/,
    )
    expect(await cache.setMany({ a: 1, b: 2, c: 3 })).toEqual([])
    expect(await cache.getMany(['a', 'none', 'b'].values())).toEqual(
      new Map([
        ['a', 1],
        ['b', 2],
      ]),
    )
    expect(await cache.deleteMany(['a', 'b', 'none'].values())).toBe(2)
    await caches.close()
  })

  it('RED-13 WISH-16 counting keeps the ttl, and what is no whole number stays as it was', async () => {
    const { caches, cache, pttl } = open()
    await cache.set('n', 5, 100)
    expect(await cache.incr('n', 3)).toBe(8)
    expect(await cache.decr('n')).toBe(7)
    expect(await pttl('n')).toBeGreaterThan(95_000)
    expect(await cache.incrVersion('n')).toBe(2)
    expect(await pttl('n', 2)).toBeGreaterThan(95_000)
    expect(await pttl('n')).toBe(-2)
    for (const value of [1.5, '7', true, null, [1]]) {
      await cache.set('x', value)
      await expect(cache.incr('x')).rejects.toMatchObject({ code: 'NOT_A_NUMBER' })
      expect(await cache.get('x')).toEqual(value)
    }
    await expect(cache.incr('none')).rejects.toMatchObject({ code: 'KEY_NOT_FOUND' })
    await caches.close()
  })

  it('RED-15 WISH-11 clear empties this cache alone, with an empty prefix too; the whole store goes only when asked for', async () => {
    const { caches, cache } = open({ keyPrefix: '' })
    await cache.set('a', 1)
    await cache.set('a', 1, { version: 7 })
    await ask(server, ['mset', 'foreign', 'x', 'other:1:a', 'x'])
    expect(await cache.clear()).toBe(true)
    expect(await ask(server, ['exists', ':1:a', ':7:a'])).toBe('0')
    expect(await ask(server, ['exists', 'foreign', 'other:1:a'])).toBe('2')
    expect(await cache.clear({ everything: true })).toBe(true)
    expect(await ask(server, ['dbsize'])).toBe('0')
    await caches.close()
  })

  it('F18 a key of the wrong type is a miss that is counted where it is read alone, and a set takes its place', async () => {
    const { caches, cache, at } = open()
    await ask(server, ['rpush', at('list'), 'x'])
    await cache.set('b', 2)
    expect(await cache.get('list')).toBeUndefined()
    expect(cache.stats().decodeFailures).toBe(1)
    expect(await Promise.all([cache.get('list'), cache.get('b')])).toEqual([undefined, 2])
    expect(await cache.getMany(['list', 'b'])).toEqual(new Map([['b', 2]]))
    expect(await cache.getOrSet('list', () => 'made')).toBe('made')
    expect(await cache.get('list')).toBe('made')
    await caches.close()
  })
})

it('RED-03 RED-04 what leads to a write is asked of the leader, so that a replica which lags misleads nobody', async () => {
  const [leader] = await startReplicated(0)
  const stranger = await startRedis()
  const url = [leader, stranger].map(({ address }) => `redis://${address}`)
  for (const driver of ['ioredis', 'node-redis'] as const) {
    const caches = createCaches({ default: { backend: redis({ url, driver }), keyPrefix: driver } })
    const cache = caches.default
    let loads = 0
    expect(await cache.getOrSet('a', () => ++loads)).toBe(1)
    expect(await cache.getOrSet('a', () => ++loads)).toBe(1)
    expect([await cache.get('a'), await cache.has('a'), (await cache.getMany(['a'])).size]).toEqual([
      undefined,
      false,
      0,
    ])
    expect(await cache.inspect('a')).toMatchObject({ value: 1, status: 'fresh' })
    expect([await cache.touch('a', 60), await cache.add('a', 5), await cache.incr('a', 4)]).toEqual([
      true,
      false,
      5,
    ])
    expect(await cache.incrVersion('a')).toBe(2)
    expect(await cache.delete('a', { version: 2 })).toBe(true)
    expect(loads).toBe(1)
    await caches.close()
  }
  expect(await ask(stranger, ['dbsize'])).toBe('0')
})

it('F19 no instant leaves the process, only how long is left: a server whose clock is off keeps things as long as asked', async () => {
  for (const driver of ['ioredis', 'node-redis'] as const) {
    const wire = await faultProxy(server)
    let said = ''
    wire.requests = {
      corrupt(piece) {
        said += piece.toString('latin1')
        return piece
      },
    }
    const backend = redis({ url: `redis://${wire.address}`, driver })
    const caches = createCaches({ default: { backend, keyPrefix: driver } })
    const cache = caches.default
    await cache.set('n', 1, 60)
    await cache.setMany({ m: 2 }, 60)
    await cache.add('o', 3, 60)
    await cache.touch('n', 90)
    await cache.incr('p', 1, { initial: 0, ttl: 60 })
    expect(await cache.getOrSet('q', () => 4, 60)).toBe(4)
    expect(said.match(/\r\n(60000|59\d{3}|90000|89\d{3})(?=\r\n)/g)?.length).toBeGreaterThanOrEqual(6)
    const today = Date.now() / 86_400_000
    for (const [digits] of said.matchAll(/\d{10,16}/g)) {
      for (const unit of [1_000, 1, 1_000_000])
        expect(Math.abs(Number(digits) / unit / 86_400 - today)).toBeGreaterThan(1)
    }
    await caches.close()
    await wire.close()
  }
})

it('F15 MASTERDOWN, CLUSTERDOWN, MOVED: a miss at once, and never an error', async () => {
  const orphan = await startRedis({ args: ['--replica-serve-stale-data', 'no'] })
  await ask(orphan, ['replicaof', '127.0.0.1', '1'])
  const lone = await startRedis({
    args: ['--cluster-enabled', 'yes', '--cluster-port', String(await freePort())],
  })
  for (const place of [orphan, lone]) {
    for (const driver of ['ioredis', 'node-redis'] as const) {
      const caches = createCaches({
        default: { backend: redis({ url: `redis://${place.address}`, driver }) },
      })
      const cache = caches.default
      const began = performance.now()
      expect([await cache.get('a'), await cache.set('a', 1), await cache.getOrSet('a', () => 2)]).toEqual([
        undefined,
        false,
        2,
      ])
      expect(performance.now() - began).toBeLessThan(2_000)
      await caches.close()
    }
  }
})
