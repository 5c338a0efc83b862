/** A memcached client that knows nothing of caches: the door of this folder. It imports Node and nothing else. */
export { memcachedClient } from './client.ts'
export { MemcachedError, type MemcachedErrorCode } from './errors.ts'
export { isPlain, MAX_KEY_BYTES } from './key.ts'
export type { ModulaHash } from './modula.ts'
export type { ClientOptions } from './options.ts'
export type { ServerOptions } from './servers.ts'
export type {
  CountOptions,
  DeleteOptions,
  GetOptions,
  Item,
  ManyItems,
  MemcachedClient,
  ServerState,
  ServerStatus,
  SetOptions,
  StoreOptions,
  StoreResult,
  Value,
} from './verbs.ts'
