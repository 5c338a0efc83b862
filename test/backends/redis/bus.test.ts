/** The promises of a bus over one server, Sentinels and a Cluster, by either library. */
import { beforeAll, describe, expect, it } from 'vitest'
import { type RedisBusOptions, redisBus } from '../../../src/backends/redis/redis.ts'
import { type BusContext, busCases } from '../../../src/testing/index.ts'
import { ask, startCluster, startRedis, startSentinels, until, type Watched } from '../../servers/redis.ts'
import type { TestServer } from '../../servers/server.ts'

let server: TestServer
let watched: Watched
let nodes: TestServer[]
beforeAll(async () => {
  ;[server, watched, nodes] = await Promise.all([startRedis(), startSentinels(), startCluster()])
}, 60_000)

let channels = 0

describe.each(['ioredis', 'node-redis'] as const)('by %s', (driver) => {
  const places: Record<string, () => RedisBusOptions> = {
    'one server': () => ({ url: `redis://${server.address}` }),
    Sentinels: () => ({ sentinels: watched.sentinels.map(({ address }) => address), name: watched.name }),
    'a Cluster': () => ({ cluster: nodes.map(({ address }) => address) }),
  }

  describe.each(Object.entries(places))('over %s', (_, place) => {
    for (const { name, run } of busCases.talking) {
      it(name, () => {
        const channel = `talking-${channels++}`
        return run({ bus: () => redisBus({ ...place(), driver, channel }) })
      })
    }
  })

  describe('over a server that is killed', () => {
    let line: TestServer
    beforeAll(async () => {
      line = await startRedis()
    })
    const context: BusContext = {
      bus: () => redisBus({ url: `redis://${line.address}`, driver }),
      leave: () => line.kill(),
      comeBack: () => line.restart(),
    }
    for (const { name, run } of busCases['losing the line']) it(name, () => run(context))
  })

  describe('over a server that freezes', () => {
    let line: TestServer
    beforeAll(async () => {
      line = await startRedis()
    })
    const context: BusContext = {
      bus: () => redisBus({ url: `redis://${line.address}`, driver }),
      leave: () => line.freeze(),
      comeBack: () => line.thaw(),
    }
    for (const { name, run } of busCases['losing the line']) it(name, () => run(context))
  })

  it('in a Cluster it goes on with another node when its own dies', async () => {
    const own = await startRedis()
    const told: string[] = []
    // The node it begins with is no member of anything and dies at once.
    const bus = redisBus({ cluster: [own.address, nodes[0]?.address ?? ''], driver, channel: 'another' })
    bus.open({
      message: (bytes) => told.push(Buffer.from(bytes).toString()),
      up: () => told.push('up'),
      down: () => told.push('down'),
    })
    await until(async () => told.includes('up'))
    await own.kill()
    await until(async () => {
      await ask(nodes[2]!, ['publish', 'another', 'hello'])
      return told.at(-1) === 'hello'
    })
    expect(told).toContain('up')
    await bus.close()
  })
})

it('F15 F82 over Sentinels it is down while there is no leader, says so, and is heard again at the new one', async () => {
  const { servers, sentinels, name } = await startSentinels()
  const places = sentinels.map(({ address }) => address)
  const buses = (['ioredis', 'node-redis'] as const).map((driver) => {
    const told: string[] = []
    const bus = redisBus({ sentinels: places, name, driver, channel: 'failover' })
    bus.open({
      message: (bytes) => told.push(Buffer.from(bytes).toString()),
      up: () => told.push('up'),
      down: () => told.push('down'),
    })
    return { bus, told }
  })
  await until(async () => buses.every(({ told }) => told.includes('up')))
  await servers[0].kill()
  await until(async () => buses.every(({ told }) => told.includes('down')))
  await until(
    async () => buses.every(({ told }) => told.lastIndexOf('up') > told.lastIndexOf('down')),
    30_000,
  )
  for (const { bus } of buses) {
    const text = `from ${buses.findIndex((one) => one.bus === bus)}`
    await expect
      .poll(
        () =>
          bus.publish(Buffer.from(text)).then(
            () => true,
            () => false,
          ),
        { timeout: 20_000 },
      )
      .toBe(true)
    await until(async () => buses.every(({ told }) => told.includes(text)))
  }
  for (const { bus } of buses) await bus.close()
}, 60_000)

it('options that cannot be meant are refused, saying what is known', () => {
  const given = (options: string) => () => redisBus(JSON.parse(options))
  expect(given('{ "channel": "" }')).toThrow(/redisBus\(\): channel must be a string/)
  expect(given('{ "chanel": "shop" }')).toThrow(/redisBus\(\).*did you mean.*channel|redisBus\(\).*channel/)
  expect(given('{ "client": {} }')).toThrow(/redisBus\(\).*url, sentinels/)
})
