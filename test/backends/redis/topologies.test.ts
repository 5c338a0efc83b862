/** Where the servers are: replicas, Sentinels, a Cluster, TLS, a password, a unix socket; and what becomes of them. */
import { readFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { createCluster } from '@redis/client'
import { Cluster, Redis } from 'ioredis'
import { afterEach, describe, expect, it } from 'vitest'
import { type RedisBackend, type RedisOptions, redis } from '../../../src/backends/redis/redis.ts'
import { slotOf } from '../../../src/backends/redis/slot.ts'
import { createCaches } from '../../../src/index.ts'
import { faultProxy } from '../../../src/testing/index.ts'
import { awakeNow, within } from '../../awake.ts'
import {
  ask,
  certificateOf,
  socketOf,
  startCluster,
  startRedis,
  startReplicated,
  startSentinels,
  until,
} from '../../servers/redis.ts'
import type { TestServer } from '../../servers/server.ts'
import { anySpace, later, what } from './ways.ts'

const drivers = ['ioredis', 'node-redis'] as const

/** Those of the keys of a cache without a prefix that this node of a Cluster holds. */
async function heldBy(node: TestServer, keys: readonly string[]): Promise<string[]> {
  const mine = /myself,\S* \S+ \d+ \d+ \d+ connected (\d+)-(\d+)/.exec(await ask(node, ['cluster', 'nodes']))!
  const [first, last] = [Number(mine[1]), Number(mine[2])]
  return keys.filter((key) => slotOf(`:1:${key}`) >= first && slotOf(`:1:${key}`) <= last)
}

const opened: RedisBackend[] = []
afterEach(() => {
  for (const backend of opened.splice(0)) backend.close()
})

function open(options: RedisOptions): RedisBackend {
  const backend = redis(options)
  opened.push(backend)
  return backend
}

async function works(backend: RedisBackend): Promise<void> {
  const space = anySpace()
  expect(await backend.set(space, 'a', what('1'), later())).toBe(true)
  expect(await backend.get(space, 'a')).toEqual(what('1'))
}

describe.each(drivers)('%s', (driver) => {
  it('RED-01 speaks TLS with a certificate that was given, and refuses one that was not', async () => {
    const server = await startRedis({ tls: true, password: 's3c:r@t' })
    const url = `rediss://:${encodeURIComponent('s3c:r@t')}@${server.address}`
    await works(open({ url, driver, tls: { ca: readFileSync(certificateOf(server)) } }))
    const stranger = open({ url, driver })
    const refused: unknown = await stranger.get(anySpace(), 'a').catch((error: unknown) => error)
    expect(stranger.network.noAnswer(refused)).toBe(true)
  })

  it('RED-01 reaches a unix socket, by URL and by path, and the database that the URL names beats the option', async () => {
    const server = await startRedis({ unix: true, password: 'pw' })
    await works(open({ url: socketOf(server), driver, password: 'pw' }))
    const space = anySpace()
    const third = open({ url: `unix://${socketOf(server)}?db=3&password=pw`, driver, db: 5 })
    await third.set(space, 'a', what('1'), later())
    const words = ['-n', '3', 'exists', space.frame('a')]
    expect(await ask(server, words, { unix: true, password: 'pw' })).toBe('1')
  })

  it('RED-01 F15 a database that the server does not have is an outage, tried again once a minute: never database 0 instead', async () => {
    const server = await startRedis()
    const wire = await faultProxy(server)
    const caches = createCaches({
      default: { backend: redis({ url: `redis://${wire.address}/99`, driver }) },
    })
    const down: unknown[] = []
    caches.on('backend-down', ({ error }) => down.push(error))
    expect(await caches.default.set('a', 1)).toBe(false)
    for (let i = 0; i < 12; i++) {
      expect(await caches.default.get('a')).toBeUndefined()
      await sleep(100)
    }
    expect(await ask(server, ['dbsize'])).toBe('0')
    expect(down).toMatchObject([{ message: /DB index is out of range/ }])
    expect(wire.made).toHaveLength(1)
    await caches.close()
    await wire.close()
  })

  it('F15 a server that does not let us say PING serves all the same', async () => {
    const server = await startRedis()
    await ask(server, ['acl', 'setuser', 'mute', 'on', '>secret', '+@all', '-ping', '~*'])
    await works(open({ url: `redis://mute:secret@${server.address}`, driver }))
  })

  it('RED-01 users and passwords come from the URL or the options', async () => {
    const server = await startRedis({ password: 'pw' })
    await ask(server, ['acl', 'setuser', 'shop', 'on', '>secret', '+@all', '~*'], { password: 'pw' })
    await works(open({ url: `redis://shop:secret@${server.address}/1`, driver }))
    await works(open({ url: `redis://${server.address}`, driver, username: 'shop', password: 'secret' }))
    await works(open({ url: `redis://${server.address}`, driver, clientOptions: { password: 'pw' } }))
  })

  it('RED-02 writes go to the first server, reads to the others at random, and to the first when none of them is there', async () => {
    const [leader, ...replicas] = await startReplicated(2)
    const urls = [leader, ...replicas].map(({ address }) => `redis://${address}`)
    const backend = open({ url: urls.join(';'), driver })
    const space = anySpace()
    await backend.set(space, 'a', what('1'), later())
    for (const replica of replicas) {
      await until(async () => (await ask(replica, ['exists', space.frame('a')])) === '1')
    }
    for (const server of [leader, ...replicas]) await ask(server, ['config', 'resetstat'])
    for (let i = 0; i < 60; i++) expect(await backend.get(space, 'a')).toEqual(what('1'))
    const gets = async (server: typeof leader) =>
      Number(/cmdstat_get:calls=(\d+)/.exec(await ask(server, ['info', 'commandstats']))?.[1] ?? 0)
    expect(await gets(leader)).toBe(0)
    for (const replica of replicas) expect(await gets(replica)).toBeGreaterThan(10)
    expect((await backend.peek(space, 'a'))?.stored).toEqual(what('1'))
    expect(await gets(leader)).toBe(1)

    const fromLeader = open({ url: urls, driver, readFrom: 'leader' })
    expect(await fromLeader.get(space, 'a')).toEqual(what('1'))
    expect(await gets(leader)).toBe(2)

    for (const replica of replicas) await replica.kill()
    await expect
      .poll(() => backend.get(space, 'a').catch(() => 'failed'), { timeout: 20_000 })
      .toEqual(what('1'))
    await backend.get(space, 'a')
    expect(await gets(leader)).toBeGreaterThan(2)
  })
})

// What takes servers long to do is done once, with both libraries looking on.

/** What one library sees before it, and then what it sees after. */
async function both(
  before: (driver: (typeof drivers)[number]) => Promise<() => Promise<void>>,
  event: () => Promise<unknown>,
) {
  const after = await Promise.all(drivers.map(before))
  await event()
  await Promise.all(after.map((see) => see()))
}

it('F15 F16 Sentinels name the new leader after a failover, reads come from a replica when asked, and a delete lost in between is made up for', async () => {
  const { servers, sentinels, name } = await startSentinels()
  const addresses = ['127.0.0.1:1', ...sentinels.map(({ address }) => address)]
  const seen = async (driver: (typeof drivers)[number]) => {
    const backend = open({ sentinels: addresses, name, driver })
    const reader = open({ sentinels: addresses, name, driver, readFrom: 'replica' })
    const space = anySpace()
    await backend.set(space, 'a', what('1'), later())
    await expect.poll(() => reader.get(space, 'a'), { timeout: 20_000 }).toEqual(what('1'))
    expect(await ask(servers[0], ['info', 'commandstats'])).not.toMatch(/cmdstat_get:/)
    const caches = createCaches({
      default: { backend: redis({ sentinels: addresses, name, driver }), keyPrefix: space.prefix },
    })
    const cache = caches.default
    await expect.poll(() => cache.set('gone', 'old'), { timeout: 20_000 }).toBe(true)
    await until(async () => (await ask(servers[1]!, ['exists', space.frame('gone')])) === '1')
    await until(async () => (await ask(servers[2]!, ['exists', space.frame('gone')])) === '1')
    return async () => {
      expect(await cache.delete('gone')).toBe(false)
      await expect
        .poll(() => backend.set(space, 'b', what('2'), later()).catch(() => false), {
          timeout: 15_000,
          interval: 50,
        })
        .toBe(true)
      expect((await backend.peek(space, 'b'))?.stored).toEqual(what('2'))
      await expect.poll(() => cache.set('c', 3), { timeout: 20_000, interval: 50 }).toBe(true)
      expect(await cache.get('gone')).toBeUndefined()
      await expect.poll(() => backend.peek(space, 'gone'), { timeout: 20_000, interval: 50 }).toBeUndefined()
      await caches.close()
    }
  }
  await both(seen, () => servers[0].kill())
}, 90_000)

it('F15 a leader that has become a replica is left for the new one within 2 s', async () => {
  const { servers, sentinels, name } = await startSentinels()
  const old = await ask(sentinels[0]!, ['sentinel', 'get-master-addr-by-name', name])
  const seen = async (driver: (typeof drivers)[number]) => {
    const backend = open({ sentinels: sentinels.map(({ address }) => address), name, driver })
    const space = anySpace()
    await backend.set(space, 'a', what('1'), later())
    return () => within(2_000, () => backend.set(space, 'b', what('2'), later()).catch(() => false), true)
  }
  await both(seen, async () => {
    await ask(sentinels[0]!, ['sentinel', 'failover', name])
    await until(async () => (await ask(sentinels[0]!, ['sentinel', 'get-master-addr-by-name', name])) !== old)
    await until(async () => /role:slave/.test(await ask(servers[0], ['info', 'replication'])))
  })
}, 90_000)

it('F02 F15 a Cluster goes on for other slots while one leader is frozen or dead, and wholly after its failover, though it stays frozen', async () => {
  const nodes = await startCluster()
  const keys = Array.from({ length: 60 }, (_, i) => `k${i}`)
  const seen = async (driver: (typeof drivers)[number]) => {
    const backend = open({ cluster: nodes.slice(0, 2).map(({ address }) => address), driver })
    const space = anySpace()
    expect(await backend.setMany(space, new Map(keys.map((key) => [key, what(key)])), later())).toEqual([])
    const frozen = async () => {
      const half = await backend.getMany(space, keys)
      expect(half.size).toBeGreaterThan(20)
      expect(half.size).toBeLessThan(60)
      for (const [key, stored] of half) expect(stored).toEqual(what(key))
      await backend.network.reconnect().catch(() => {})
      expect((await backend.getMany(space, keys)).size).toBeGreaterThan(20)
    }
    const whole = async () => {
      await expect
        .poll(
          () =>
            backend.getMany(space, keys).then(
              ({ size }) => `${driver}: ${size} keys`,
              (error: Error) => `${driver}: ${error.message}`,
            ),
          { timeout: 60_000, interval: 100 },
        )
        .toBe(`${driver}: 60 keys`)
      expect(await backend.setMany(space, new Map(keys.map((key) => [key, what('2')])), later())).toEqual([])
    }
    return { frozen, whole }
  }
  const all = await Promise.all(drivers.map(seen))
  await nodes[1]!.freeze()
  await Promise.all(all.map(({ frozen }) => frozen()))
  await Promise.all(all.map(({ whole }) => whole()))
  await nodes[2]!.kill()
  await Promise.all(all.map(({ whole }) => whole()))
}, 90_000)

it('F02 in a Cluster the breaker is for each node: one that is frozen is a miss at once, the others are served, and it comes back', async () => {
  // Slow to fail over, so that what is seen is ours.
  const nodes = await startCluster({ timeout: 60_000 })
  const cluster = nodes.slice(0, 3).map(({ address }) => address)
  const opTimeout = 1_000
  const keys = Array.from({ length: 60 }, (_, i) => `k${i}`)
  const theirs = await heldBy(nodes[1]!, keys)
  const others = keys.filter((key) => !theirs.includes(key))
  const urls = cluster.map((address) => `redis://${address}`)
  const users = [new Cluster(urls), createCluster({ rootNodes: urls.map((url) => ({ url })) })] as const
  const seen = async (options: RedisOptions) => {
    const caches = createCaches({ default: { backend: redis({ ...options, opTimeout }) } })
    const cache = caches.default
    const down: unknown[] = []
    caches.on('backend-down', (event) => down.push(event))
    expect(await cache.setMany(Object.fromEntries(keys.map((key) => [key, key])))).toEqual([])
    const frozen = async () => {
      // The first to ask wait; all of them ask for what the frozen one holds, so that nobody else answers meanwhile.
      for (const answer of await Promise.all(theirs.map((key) => cache.get(key)))) {
        expect(answer).toBeUndefined()
      }
      const waits: number[] = []
      for (const [i, other] of others.entries()) {
        const began = awakeNow()
        expect(await cache.get(theirs[i % theirs.length]!)).toBeUndefined()
        waits.push(awakeNow() - began)
        await expect.poll(() => cache.get(other), { timeout: 20_000, interval: 10 }).toBe(other)
      }
      // Once a second one call is let through to it, and waits.
      expect(waits.toSorted((a, b) => a - b)[waits.length >> 1]).toBeLessThan(opTimeout / 10)
      expect(await cache.delete(theirs[0]!)).toBe(false)
      expect(down).toEqual([])
      if ('client' in options) return
      // A process that starts now finds the same.
      const { default: late } = createCaches({ default: { backend: redis({ ...options, opTimeout }) } })
      await expect.poll(() => late.get(others[0]!), { timeout: 20_000, interval: 10 }).toBe(others[0])
      for (const other of others) expect(await late.get(other)).toBe(other)
      expect(await late.get(theirs[1]!)).toBeUndefined()
      await late.close()
    }
    const thawed = async () => {
      await expect.poll(() => cache.get(theirs[1]!), { timeout: 20_000, interval: 50 }).toBe(theirs[1])
      await expect.poll(() => cache.set(theirs[0]!, 'new'), { timeout: 20_000, interval: 50 }).toBe(true)
      expect(await cache.get(theirs[0]!)).toBe('new')
      await caches.close()
    }
    return { frozen, thawed }
  }
  const ours = drivers.map((driver) => ({ cluster, driver }))
  const all = await Promise.all([...ours, ...users.map((client) => ({ client }))].map(seen))
  await nodes[1]!.freeze()
  await Promise.all(all.map(({ frozen }) => frozen()))
  nodes[1]!.thaw()
  await Promise.all(all.map(({ thawed }) => thawed()))
  users[0].disconnect()
  users[1].destroy()
}, 90_000)

it('a client that the user passed in is never closed by us, and fails at once while it is away', async () => {
  const server = await startRedis()
  const client = new Redis(`redis://${server.address}`)
  const backend = open({ client })
  await works(backend)
  await server.kill()
  await sleep(30)
  const began = awakeNow()
  await expect(backend.get(anySpace(), 'a')).rejects.toMatchObject({ name: 'BackendError' })
  expect(awakeNow() - began).toBeLessThan(100)
  await server.restart()
  await expect
    .poll(
      () =>
        works(backend).then(
          () => true,
          () => false,
        ),
      { timeout: 20_000 },
    )
    .toBe(true)
  backend.close()
  expect(await client.ping()).toBe('PONG')
  client.disconnect()
})
