/**
 * node-redis, 5 or newer: the user's own client or cluster, or one of ours. Of a client only what every major since has is
 * used, so that any copy will do; the package itself (`@redis/client`, or `redis`, which holds it) is loaded only to make one.
 */
import type { Address } from '../address.ts'
import type { Client, ClusterTarget, Driver, Reply, Target, Word } from '../client.ts'

/** Bulk strings as bytes: what RESP calls `$` is 36. */
const AS_BYTES = { typeMapping: { 36: Buffer } }

/** What is used of a client of node-redis. */
export interface NodeRedisClient {
  readonly isOpen: boolean
  connect(): Promise<unknown>
  destroy(): void
  on(event: string, listener: (error?: unknown) => void): unknown
  off(event: string, listener: (error?: unknown) => void): unknown
}

interface Single extends NodeRedisClient {
  readonly isReady: boolean
  readonly options?: { keyPrefix?: unknown } | undefined
  sendCommand(args: readonly Word[], options: object): Promise<unknown>
  subscribe(channel: string, hear: (message: Buffer) => void, asBytes: true): Promise<unknown>
}

interface ClusterNode {
  readonly address: string
  readonly client?: Single | undefined
}

interface Clustered extends NodeRedisClient {
  readonly masters: readonly ClusterNode[]
  readonly slots: readonly { readonly master: ClusterNode }[]
  sendCommand(
    key: string | undefined,
    read: boolean,
    args: readonly Word[],
    options: object,
  ): Promise<unknown>
  nodeClient(node: ClusterNode): Promise<Single>
}

/** Is it a client of node-redis? */
export function isNodeRedis(client: object): client is Single | Clustered {
  return 'sendCommand' in client && 'isOpen' in client && 'withTypeMapping' in client
}

/** The client of a user. */
export function adoptNodeRedis(client: Single | Clustered, slotOf: (key: string) => number): Client {
  return 'nodeClient' in client ? fromCluster(client, slotOf, true) : fromSingle(client)
}

interface Package {
  createClient(options: object): Single
  createCluster(options: object): Clustered
}

function isPackage(module: object): module is Package {
  return 'createClient' in module && 'createCluster' in module
}

/** Loads the package; rejects with `ERR_MODULE_NOT_FOUND` where it is not installed. */
export async function loadNodeRedis(slotOf: (key: string) => number): Promise<Driver> {
  const { createClient, createCluster } = await importPackage()
  return {
    open({ address, clientOptions, connectTimeout }: Target) {
      const { socket, ...options } = clientOptions
      const client = createClient({
        ...options,
        ...login(address),
        ...(address.db !== undefined && { database: address.db }),
        disableOfflineQueue: true,
        socket: { connectTimeout, ...asObject(socket), ...place(address), reconnectStrategy: false },
      })
      // A reply that nobody asked for: those before it were for others.
      client.on('error', () => {
        if (client.isReady) client.destroy()
      })
      return fromSingle(client)
    },
    openCluster({ nodes, readReplicas, clientOptions, connectTimeout }: ClusterTarget) {
      const { defaults, ...options } = clientOptions
      const given = asObject(defaults)
      const first = nodes[0]!
      return fromCluster(
        createCluster({
          ...options,
          rootNodes: nodes.map(({ host, port }) => ({ socket: { host, port } })),
          ...(readReplicas && { useReplicas: true }),
          defaults: {
            ...given,
            ...login(first),
            disableOfflineQueue: true,
            socket: { connectTimeout, ...asObject(given.socket), ...security(first) },
          },
        }),
        slotOf,
        readReplicas,
      )
    },
  }
}

async function importPackage(): Promise<Package> {
  for (const name of ['@redis/client', 'redis']) {
    try {
      const module: object = await import(name)
      if (isPackage(module)) return module
    } catch (error) {
      if (name === 'redis') throw error
    }
  }
  throw new Error('createClient is missing from the package')
}

function asObject(value: unknown): Record<string, unknown> {
  return typeof value === 'object' && value !== null ? { ...value } : {}
}

function login({ username, password }: Address): object {
  return { ...(username !== undefined && { username }), ...(password !== undefined && { password }) }
}

function place(address: Address): object {
  if (address.path !== undefined) return { path: address.path }
  return { host: address.host, port: address.port, ...security(address) }
}

function security({ tls }: Address): object {
  if (tls === false) return {}
  return { tls: true, ...(tls !== true && tls) }
}

function fromSingle(client: Single): Client {
  const call = (words: readonly Word[]) => client.sendCommand(words, AS_BYTES) as Promise<Reply>
  return {
    ...fromAny(client),
    get ready() {
      return client.isReady
    },
    call,
    masters: () => [call],
    async subscribe(channel, hear) {
      await client.subscribe(channel, hear, true)
    },
    onEnd(listener) {
      client.on('error', () => {
        if (!client.isOpen) listener()
      })
      client.on('end', () => listener())
    },
    destroy() {
      if (client.isOpen) client.destroy()
    },
  }
}

function fromCluster(client: Clustered, slotOf: (key: string) => number, replicasMayAnswer: boolean): Client {
  return {
    ...fromAny(client),
    cluster: true,
    subscribe: () => Promise.reject(new Error('Subscribe on one node')),
    get ready() {
      return client.isOpen && client.masters.length > 0
    },
    call: (words, key, read) =>
      client.sendCommand(key === '' ? undefined : key, read, words, AS_BYTES) as Promise<Reply>,
    masters: () =>
      client.masters.map((node) => async (words) => {
        const own = await client.nodeClient(node)
        return own.sendCommand(words, AS_BYTES) as Promise<Reply>
      }),
    onEnd() {},
    destroy() {
      if (client.isOpen) client.destroy()
    },
    // It looks for its nodes by itself when one of them fails; a late answer has nobody waiting.
    nodeOf: (key, read) =>
      read && replicasMayAnswer ? undefined : client.slots[slotOf(key)]?.master.address,
  }
}

function fromAny(client: NodeRedisClient): Pick<Client, 'cluster' | 'connect'> {
  // Heard, so that it is not thrown.
  client.on('error', () => {})
  let connecting: Promise<void> | undefined
  return {
    cluster: false,
    connect() {
      connecting ??= open(client).finally(() => {
        connecting = undefined
      })
      return connecting
    },
  }
}

async function open(client: NodeRedisClient): Promise<void> {
  if (!client.isOpen) {
    await client.connect()
    return
  }
  if (!('isReady' in client) || client.isReady) return
  await new Promise<void>((resolve) => {
    const ready = () => {
      client.off('ready', ready)
      resolve()
    }
    client.on('ready', ready)
  })
}
