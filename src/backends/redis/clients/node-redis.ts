/**
 * node-redis, 5 or newer: the user's own client or cluster, or one of ours. Of a client only what every major since has is
 * used, so that any copy will do; the package itself (`@redis/client`, or `redis`, which holds it) is loaded only to make one.
 */
import { setTimeout as sleep } from 'node:timers/promises'
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
  /** Its first connection is being made. */
  readonly connectPromise?: Promise<unknown> | undefined
}

interface Shard {
  readonly master: ClusterNode
  readonly replicas?: readonly ClusterNode[]
}

interface Clustered extends NodeRedisClient {
  readonly masters: readonly ClusterNode[]
  readonly replicas: readonly ClusterNode[]
  readonly slots: readonly (Shard | undefined)[]
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
  if ('nodeClient' in client) return fromCluster(client, slotOf)
  return Object.assign(fromSingle(client), {
    onOdd: (listener: () => void) => hearOdd(client, 'error', listener),
  })
}

/** Of a reply too many, and of one that it cannot read. */
function hearOdd(client: NodeRedisClient, event: string, listener: () => void): void {
  client.on(event, (error) => {
    const unread = error instanceof Error && error.message.startsWith('Unknown RESP')
    if (unread || [TypeError, RangeError, SyntaxError].some((odd) => error instanceof odd)) listener()
  })
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
      const make = () =>
        createCluster({
          ...options,
          // Whoever does not tell the slots must leave time to ask the next.
          rootNodes: nodes.map(({ host, port }) => ({
            socket: { host, port, socketTimeout: Math.ceil(connectTimeout / 4) },
          })),
          ...(readReplicas && { useReplicas: true }),
          // Else it would wait for all of its nodes, the dead ones too.
          minimizeConnections: true,
          defaults: {
            ...given,
            ...login(first),
            disableOfflineQueue: true,
            socket: { connectTimeout, ...asObject(given.socket), ...security(first) },
          },
        })
      return ownCluster(make, slotOf, connectTimeout)
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
    ways: () => [call],
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

function fromCluster(client: Clustered, slotOf: (key: string) => number): Client {
  // It knows of none where it is not to use them.
  const replicasMayAnswer = () => client.replicas.length > 0
  return {
    ...fromAny(client),
    cluster: true,
    subscribe: () => Promise.reject(new Error('Subscribe on one node')),
    get ready() {
      return client.isOpen && client.masters.length > 0
    },
    call(words, key, read) {
      const node = read && replicasMayAnswer() ? undefined : client.slots[slotOf(key)]?.master
      // Whatever its offline queue would do with it.
      if (node?.client && !node.connectPromise && !node.client.isReady) return Promise.reject(away())
      return client.sendCommand(key === '' ? undefined : key, read, words, AS_BYTES) as Promise<Reply>
    },
    masters: () =>
      client.masters.map((node) => async (words) => {
        const own = await client.nodeClient(node)
        return own.sendCommand(words, AS_BYTES) as Promise<Reply>
      }),
    ways(key, read) {
      const shard = key === undefined ? undefined : client.slots[slotOf(key)]
      const all = shard ? nodesOf(shard, read === true) : [...client.masters, ...client.replicas]
      const up = all.flatMap((node) => (node.client?.isReady ? [node.client] : []))
      return up.map((own) => (words) => own.sendCommand(words, AS_BYTES) as Promise<Reply>)
    },
    onEnd() {},
    onOdd: (listener) => hearOdd(client, 'node-error', listener),
    destroy() {
      if (client.isOpen) client.destroy()
    },
    // It looks for its nodes by itself when one of them fails; a late answer has nobody waiting.
    nodeOf: (key, read) =>
      read && replicasMayAnswer() ? undefined : client.slots[slotOf(key)]?.master.address,
  }
}

/** Replicas are known only where they are to be used. */
function nodesOf({ master, replicas = [] }: Shard, read: boolean): ClusterNode[] {
  return read ? [master, ...replicas] : [master]
}

/** So long, in milliseconds, between two looks whether another node has taken over. */
const LOOK_AGAIN = 1_000

/**
 * A Cluster of our own. No command waits for the connection to its node: the library would send it when that comes back, long after
 * its caller has gone. And the library learns of a failover only from a connection that breaks or a node that says MOVED, which one that
 * is frozen never does: so the others are asked, and where they name another the whole is made anew.
 */
function ownCluster(make: () => Clustered, slotOf: (key: string) => number, connectTimeout: number): Client {
  let cluster = make()
  let client = fromCluster(cluster, slotOf)
  let odd: (() => void) | undefined
  let destroyed = false
  let lookedAt = Number.NEGATIVE_INFINITY

  const connect = async (own: Clustered, by: Client) => {
    await by.connect()
    // Ended meanwhile: it would open connections that nobody closes.
    if (!own.isOpen) throw away()
    const nodes = [...own.masters, ...own.replicas].map((node) => own.nodeClient(node).catch(() => {}))
    // One of them may be dead, and the others serve all the same.
    await Promise.race([Promise.all(nodes), sleep(connectTimeout / 2, undefined, { ref: false })])
  }
  const renew = async () => {
    const next = make()
    const by = fromCluster(next, slotOf)
    try {
      await Promise.race([connect(next, by), late(connectTimeout)])
      if (destroyed || !by.ready) throw away()
    } catch {
      by.destroy()
      return
    }
    const last = client
    cluster = next
    client = by
    if (odd) by.onOdd?.(odd)
    // What is under way on it may still be answered.
    setTimeout(() => last.destroy(), LOOK_AGAIN).unref()
  }
  const look = async (silent: ClusterNode) => {
    if (!silent.client && !silent.connectPromise) cluster.nodeClient(silent).catch(() => {})
    if (performance.now() - lookedAt < LOOK_AGAIN) return
    lookedAt = performance.now()
    const others = cluster.masters.filter((node) => node !== silent && node.client?.isReady)
    const other = others[Math.floor(Math.random() * others.length)]?.client
    if (!other) return
    const told = await Promise.race([other.sendCommand(['cluster', 'slots'], {}), late(connectTimeout)])
    if (!destroyed && mastersIn(told).some(([slot, at]) => cluster.slots[slot]?.master.address !== at))
      await renew()
  }
  const lookFor = (key: string) => {
    const node = cluster.slots[slotOf(key)]?.master
    if (node) look(node).catch(() => {})
  }
  return {
    cluster: true,
    subscribe: client.subscribe,
    get ready() {
      return client.ready
    },
    connect: () => connect(cluster, client),
    call(words, key, read) {
      const shard = cluster.slots[slotOf(key)]
      if (!shard) return client.call(words, key, read)
      const all = nodesOf(shard, read)
      const up = all.filter((node) => node.client?.isReady)
      if (up.length < all.length) lookFor(key)
      if (up.length === all.length) return client.call(words, key, read)
      const one = up[Math.floor(Math.random() * up.length)]?.client
      return one ? (one.sendCommand(words, AS_BYTES) as Promise<Reply>) : Promise.reject(away())
    },
    masters: () => client.masters(),
    ways: (key, read) => client.ways(key, read),
    onEnd() {},
    onOdd(listener) {
      odd = listener
      client.onOdd?.(listener)
    },
    destroy() {
      destroyed = true
      client.destroy()
    },
    nodeOf: (key, read) => client.nodeOf?.(key, read),
    destroyNode: lookFor,
  }
}

/** The first slot of each part, and the address of its leader. */
function mastersIn(told: unknown): [slot: number, address: string][] {
  if (!Array.isArray(told)) return []
  return told.flatMap((part: unknown) =>
    Array.isArray(part) && Array.isArray(part[2]) && part[2][0]
      ? [[Number(part[0]), `${part[2][0]}:${part[2][1]}`]]
      : [],
  )
}

function away(): Error {
  return Object.assign(new Error('The node is not connected'), { code: 'ECONNRESET' })
}

async function late(ms: number): Promise<never> {
  await sleep(ms, undefined, { ref: false })
  throw away()
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
