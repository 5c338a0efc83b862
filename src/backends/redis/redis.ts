/**
 * Redis and Valkey: one server, a leader with replicas, Sentinels, a Cluster, or a client of the user's own. Nothing is
 * connected before the first verb.
 */
import { RedisBackend } from './backend.ts'
import { type RedisOptions, settleOptions } from './options.ts'
import { Servers } from './servers.ts'

export type { RedisBackend } from './backend.ts'
export { type RedisBus, type RedisBusOptions, redisBus } from './bus.ts'
export type {
  RedisClientOptions,
  RedisClusterOptions,
  RedisNode,
  RedisOptions,
  RedisSentinelOptions,
  RedisServersOptions,
} from './options.ts'

/**
 * Keeps entries in Redis or Valkey, from version 6 on. Needs `ioredis` or `@redis/client`, whichever is installed.
 *
 * @example
 * redis({ url: 'redis://127.0.0.1:6379' })
 * redis({ url: ['redis://leader', 'redis://replica-1', 'redis://replica-2'] })
 * redis({ sentinels: ['s1:26379', 's2:26379', 's3:26379'], name: 'mymaster' })
 * redis({ cluster: ['n1:6379', 'n2:6379', 'n3:6379'] })
 * redis({ client })
 *
 * @throws TypeError or RangeError, with a `code`, for options that cannot be meant; never showing a URL or a password.
 */
export function redis(options: RedisOptions = {}): RedisBackend {
  const settings = settleOptions(options)
  return new RedisBackend(new Servers(settings), settings)
}
