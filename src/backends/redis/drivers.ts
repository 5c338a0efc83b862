/** Which client library: the one the user named, the one his client is of, or the first that is installed. */
import { ConfigError } from '../../core/errors.ts'
import type { Client, Driver } from './client.ts'
import { adoptIoredis, type IoredisClient, isIoredis, loadIoredis } from './clients/ioredis.ts'
import { adoptNodeRedis, isNodeRedis, loadNodeRedis, type NodeRedisClient } from './clients/node-redis.ts'
import { slotOf } from './slot.ts'

export type { IoredisClient, NodeRedisClient }

/** The libraries, by the names of the `driver` option, the preferred one first. */
const LOADERS = {
  ioredis: { load: () => loadIoredis(slotOf), install: 'ioredis' },
  'node-redis': { load: () => loadNodeRedis(slotOf), install: '@redis/client' },
}

export type DriverName = keyof typeof LOADERS
export const DRIVER_NAMES: readonly DriverName[] = ['ioredis', 'node-redis']

/** Loads a library. `ConfigError` with code `MISSING_PACKAGE` says what to install. */
export async function loadDriver(name?: DriverName): Promise<Driver> {
  for (const one of name ? [name] : DRIVER_NAMES) {
    try {
      return await LOADERS[one].load()
    } catch (error) {
      if (!isMissing(error)) throw error
    }
  }
  const ways = (name ? [name] : DRIVER_NAMES).map((one) => `npm install ${LOADERS[one].install}`)
  throw new ConfigError('MISSING_PACKAGE', `redis() needs a client library: ${ways.join(', or ')}`)
}

function isMissing(error: unknown): boolean {
  return (
    error instanceof Error &&
    'code' in error &&
    (error.code === 'ERR_MODULE_NOT_FOUND' || error.code === 'MODULE_NOT_FOUND')
  )
}

/** Tells by what a client has, whatever copy of its library it comes from. `undefined`: it is of none that we know. */
export function adopt(client: object): Client | undefined {
  if (isIoredis(client)) return adoptIoredis(client, slotOf)
  if (isNodeRedis(client)) return adoptNodeRedis(client, slotOf)
  return undefined
}
