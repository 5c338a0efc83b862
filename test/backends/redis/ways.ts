/** The ways to reach a server: by URL and by the user's own client, with each library and each major that is promised. */
import { createClient, createCluster } from '@redis/client'
import { Cluster, Redis } from 'ioredis'
import { Cluster as Cluster5, Redis as Redis5 } from 'ioredis5'
import { createClient as createClient5, createCluster as createCluster5 } from 'redis-client5'
import { afterAll } from 'vitest'
import { type RedisBackend, redis } from '../../../src/backends/redis/redis.ts'
import type { Host, Space } from '../../../src/core/backend.ts'
import { systemClock } from '../../../src/core/clock.ts'
import { PLAIN } from '../../../src/core/values/entry.ts'
import { makeSpace } from '../../../src/core/values/space.ts'
import type { TestServer } from '../../servers/server.ts'

/** A client of the user's own, which is his to close. */
function kept<C extends { disconnect?(): unknown; destroy?(): unknown }>(client: C): C {
  afterAll(() => void (client.destroy ?? client.disconnect)?.call(client))
  return client
}

function at({ address }: TestServer): string {
  return `redis://${address}`
}

/** Over one server. */
export const single: Record<string, (server: TestServer) => RedisBackend> = {
  'ioredis by URL': (server) => redis({ url: at(server), driver: 'ioredis' }),
  'node-redis by URL': (server) => redis({ url: at(server), driver: 'node-redis' }),
  'a client of ioredis 6': (server) => redis({ client: kept(new Redis(at(server))) }),
  'a client of ioredis 5, not connected': (server) =>
    redis({ client: kept(new Redis5(at(server), { lazyConnect: true })) }),
  'a client of node-redis 6, not connected': (server) =>
    redis({ client: kept(createClient({ url: at(server) })) }),
  'a client of node-redis 5, not connected': (server) =>
    redis({ client: kept(createClient5({ url: at(server) })) }),
}

/** Over a Cluster. */
export const clustered: Record<string, (nodes: TestServer[]) => RedisBackend> = {
  'ioredis by nodes': ([first]) => redis({ cluster: [first!.address], driver: 'ioredis' }),
  'node-redis by nodes': ([first]) => redis({ cluster: [first!.address], driver: 'node-redis' }),
  'ioredis by nodes, reading from replicas': ([first]) =>
    redis({ cluster: [first!.address], driver: 'ioredis', readFrom: 'replica' }),
  'a Cluster of ioredis 6': ([first]) => redis({ client: kept(new Cluster([at(first!)])) }),
  'a Cluster of ioredis 5': ([first]) => redis({ client: kept(new Cluster5([at(first!)])) }),
  'a cluster of node-redis 6': ([first]) =>
    redis({ client: kept(createCluster({ rootNodes: [{ url: at(first!) }] })) }),
  'a cluster of node-redis 5': ([first]) =>
    redis({ client: kept(createCluster5({ rootNodes: [{ url: at(first!) }] })) }),
}

export function what(label: string): Buffer {
  return Buffer.concat([Buffer.of(PLAIN), Buffer.from(label)])
}

export function later(): number {
  return systemClock.now() + 60_000
}

let spaces = 0

/** A space that no other test uses. */
export function anySpace(version = 1): Space {
  spaces++
  return makeSpace(`case-${process.pid}-${spaces}x`, version)
}

/** A host that writes down what it is told. */
export function listening(): Host & { told: string[] } {
  const told: string[] = []
  return {
    told,
    clock: systemClock,
    evicted() {},
    corrupt: (key, reason) => void told.push(`${key}: ${reason}`),
    failed: (verb, error) => void told.push(`${verb}: ${(error as { code?: string }).code}`),
  }
}
