/** Replies carry no name: when one is damaged, those behind it must not answer for other keys, whoever made the connection. */
import { createClient, createCluster } from '@redis/client'
import { Cluster, Redis } from 'ioredis'
import { afterEach, beforeAll, describe, expect, it } from 'vitest'
import { type RedisBackend, redis } from '../../../src/backends/redis/redis.ts'
import { createCaches } from '../../../src/index.ts'
import { type FaultProxy, type Faults, faultProxy } from '../../../src/testing/index.ts'
import { startCluster, startRedis } from '../../servers/redis.ts'
import type { TestServer } from '../../servers/server.ts'

let server: TestServer
let nodes: TestServer[]
beforeAll(async () => {
  ;[server, nodes] = await Promise.all([startRedis(), startCluster()])
}, 60_000)

const ending: (() => unknown)[] = []
afterEach(async () => {
  for (const end of ending.splice(0).reverse()) await end()
})

/** A client of the user's own. */
function kept<C extends { disconnect?(): unknown; destroy?(): unknown }>(client: C): C {
  ending.push(() => (client.destroy ?? client.disconnect)?.call(client))
  return client
}

/** The first bulk string, said to end before one of its commas: what is behind it then looks like a reply of its own. */
function shortened(piece: Buffer, which: number): Buffer | undefined {
  const text = piece.toString('latin1')
  const head = /\$(\d+)\r\n/.exec(text)
  if (head === null) return undefined
  const from = head.index + head[0].length
  const commas = [...text.slice(from, from + Number(head[1])).matchAll(/,/g)].map(({ index }) => index)
  const comma = commas[which % commas.length]
  if (comma === undefined || comma < 2) return undefined
  return Buffer.from(`${text.slice(0, head.index)}$${comma - 2}\r\n${text.slice(from)}`, 'latin1')
}

/** Where the proxies are, for a library that is told other addresses by the Cluster. */
type Mapped = Record<string, { host: string; port: number }>

const single: Record<string, (url: string) => RedisBackend> = {
  'ioredis by URL': (url) => redis({ url, driver: 'ioredis' }),
  'node-redis by URL': (url) => redis({ url, driver: 'node-redis' }),
  'a client of ioredis': (url) => redis({ client: kept(new Redis(url)) }),
  'a client of node-redis': (url) => redis({ client: kept(createClient({ url })) }),
}

const clustered: Record<string, (first: string, map: Mapped) => RedisBackend> = {
  'ioredis by nodes': (first, natMap) =>
    redis({ cluster: [first], driver: 'ioredis', clientOptions: { natMap } }),
  'node-redis by nodes': (first, nodeAddressMap) =>
    redis({ cluster: [first], driver: 'node-redis', clientOptions: { nodeAddressMap } }),
  'node-redis by nodes, reading from replicas': (first, nodeAddressMap) =>
    redis({ cluster: [first], driver: 'node-redis', readFrom: 'replica', clientOptions: { nodeAddressMap } }),
  'a Cluster of ioredis': (first, natMap) =>
    redis({ client: kept(new Cluster([`redis://${first}`], { natMap })) }),
  'a cluster of node-redis': (first, nodeAddressMap) =>
    redis({ client: kept(createCluster({ rootNodes: [{ url: `redis://${first}` }], nodeAddressMap })) }),
}

async function wireTo(place: TestServer): Promise<FaultProxy> {
  const wire = await faultProxy(place)
  ending.push(() => wire.close())
  return wire
}

/** What is wrong when one reply after the other is damaged. */
async function whatIsWrong(
  backend: RedisBackend,
  wires: readonly FaultProxy[],
  isOurs: boolean,
): Promise<void> {
  const caches = createCaches({ default: { backend } })
  ending.push(() => caches.close())
  const cache = caches.default
  const keys = Array.from({ length: 40 }, (_, i) => `k${i}`)
  const value = (key: string) => ({
    key,
    list: Array.from({ length: 20 }, (_, i) => i),
    text: 'x'.repeat(50),
  })
  const all = Object.fromEntries(keys.map((key) => [key, value(key)]))
  const settled = { timeout: 20_000, interval: 20 }
  await expect.poll(() => cache.setMany(all), settled).toEqual([])
  await expect.poll(() => cache.getMany(keys), settled).toEqual(new Map(Object.entries(all)))
  const wrong: string[] = []
  const ask = async (key: string) => {
    const found = await cache.get(key)
    if (found !== undefined && (found as { key: string }).key !== key)
      wrong.push(`${key} ${JSON.stringify(found)}`)
  }
  let damages = 0
  for (let round = 0; round < 6; round++) {
    let damaged = false
    const answers: Faults = {
      corrupt(piece) {
        const better = damaged ? undefined : shortened(piece, round)
        if (better === undefined) return piece
        damaged = true
        damages++
        return better
      },
    }
    for (const wire of wires) wire.answers = answers
    const asked: Promise<void>[] = []
    for (const key of keys) {
      asked.push(ask(key))
      if (round % 2 === 0) await new Promise(setImmediate)
    }
    await Promise.all(asked)
    for (const wire of wires) wire.answers = {}
    // What is out of turn stays so.
    for (const key of keys) await ask(key)
    if (!isOurs) for (const wire of wires) wire.reset()
    await expect.poll(() => cache.getMany(keys), settled).toEqual(new Map(Object.entries(all)))
  }
  expect(damages).toBe(6)
  expect(wrong).toEqual([])
}

describe('T12 A30 a length that was damaged on the wire gives nobody the answer of another key', () => {
  it.each(Object.entries(single))('%s', async (name, make) => {
    const wire = await wireTo(server)
    await whatIsWrong(make(`redis://${wire.address}`), [wire], name.endsWith('URL'))
  })

  it.each(Object.entries(clustered))('over a Cluster, %s', async (name, make) => {
    const wires = await Promise.all(nodes.map(wireTo))
    const map: Mapped = {}
    for (const [i, { host, port }] of wires.entries()) map[nodes[i]!.address] = { host, port }
    await whatIsWrong(make(wires[0]!.address, map), wires, name.includes('by nodes'))
  })
})
