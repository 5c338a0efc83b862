/**
 * ioredis, 5 or 6: the user's own Redis or Cluster, or one of ours. Of a client only what both majors have is used, so
 * that any copy of the package will do; the package itself is loaded only to make one.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import type { Address } from '../address.ts'
import type { Client, ClusterTarget, Driver, Reply, Target, Word } from '../client.ts'

/** What is used of an ioredis client. */
export interface IoredisClient {
  readonly status: string
  connect(): Promise<unknown>
  disconnect(): void
  callBuffer(command: string, args: Word[]): Promise<unknown>
  on(event: string, listener: (error?: unknown) => void): unknown
  on(event: 'messageBuffer', listener: (channel: Buffer, message: Buffer) => void): unknown
  subscribe(channel: string): Promise<unknown>
  off(event: string, listener: (error?: unknown) => void): unknown
}

interface IoredisNode extends IoredisClient {
  readonly stream?: { cork(): void; uncork(): void; destroy(): void; readonly writable: boolean } | undefined
  readonly options: { keyPrefix?: string | undefined; host?: string | undefined; port?: number | undefined }
}

interface IoredisCluster extends IoredisClient {
  readonly isCluster: boolean
  readonly slots: readonly (readonly string[] | undefined)[]
  readonly options: { keyPrefix?: string | undefined; scaleReads?: unknown }
  nodes(role: 'master' | 'all'): IoredisNode[]
}

/** Is it a client of ioredis? */
export function isIoredis(client: object): client is IoredisNode | IoredisCluster {
  return 'callBuffer' in client && typeof client.callBuffer === 'function' && 'status' in client
}

/** The client of a user. */
export function adoptIoredis(client: IoredisNode | IoredisCluster, slotOf: (key: string) => number): Client {
  if ('isCluster' in client && client.isCluster) return fromCluster(client, slotOf)
  return Object.assign(fromSingle(client), {
    onOdd: (listener: () => void) => hearOdd(client, 'error', listener),
  })
}

/** Of a reply too many, and of one that it cannot read. */
function hearOdd(client: IoredisClient, event: string, listener: () => void): void {
  client.on(event, (error) => {
    if (error instanceof Error && /queue state error|Please report this/.test(error.message)) listener()
  })
}

/** Loads the package; rejects with `ERR_MODULE_NOT_FOUND` where it is not installed. */
export async function loadIoredis(slotOf: (key: string) => number): Promise<Driver> {
  const { Redis, Cluster, Command } = await import('ioredis')

  /** Written in one piece by us: the library makes a list of pieces, measures each twice and joins them. */
  class Written extends Command {
    readonly #bytes: Buffer

    constructor(words: readonly Word[]) {
      super(String(words[0]), [], { replyEncoding: null })
      this.#bytes = written(words)
    }

    override toWritable(): Buffer {
      return this.#bytes
    }
  }

  return {
    open({ address, clientOptions, connectTimeout }: Target) {
      const { tls, path, host, port } = address
      const client = new Redis({
        connectTimeout,
        // The first command of ours is the ready check, and needs no permission for INFO.
        enableReadyCheck: false,
        ...clientOptions,
        ...(path === undefined ? { host, port } : { path }),
        ...login(address),
        ...(address.db !== undefined && { db: address.db }),
        ...(tls !== false && { tls: tls === true ? {} : tls }),
        ...NEVER_LATER,
        lazyConnect: true,
        retryStrategy: null,
      })
      // A reply that nobody asked for: those before it were for others.
      client.on('error', () => {
        if (client.status === 'ready') client.stream?.destroy()
      })
      const single = fromSingle(client, (own, words) => own.sendCommand(new Written(words)) as Promise<Reply>)
      const { connect } = single
      return Object.assign(single, {
        async connect() {
          await connect()
          // The library goes on in database 0 where there is none of that number.
          const { db = 0 } = client.options
          if (db !== 0) await single.call(['select', String(db)], '', false, true)
        },
      })
    },
    openCluster({ nodes, readReplicas, clientOptions, connectTimeout }: ClusterTarget) {
      const { redisOptions, ...options } = clientOptions
      const first = nodes[0]!
      const cluster = new Cluster(
        nodes.map(({ host, port }) => ({ host, port })),
        {
          // A node that does not tell its slots must leave time to ask the next.
          slotsRefreshTimeout: Math.ceil(connectTimeout / 4),
          enableReadyCheck: false,
          slotsRefreshInterval: 5_000,
          ...options,
          ...(readReplicas && { scaleReads: 'slave' }),
          redisOptions: {
            connectTimeout,
            ...(typeof redisOptions === 'object' && redisOptions),
            ...login(first),
            ...(first.tls !== false && { tls: first.tls === true ? {} : first.tls }),
            maxRetriesPerRequest: 0,
          },
          enableOfflineQueue: false,
          // A command whose node is gone fails; it is not sent again after its caller has given up.
          retryDelayOnFailover: 0,
          retryDelayOnClusterDown: 0,
          retryDelayOnTryAgain: 20,
          lazyConnect: true,
          clusterRetryStrategy: null,
        },
      )
      // Without this the first command to a node would open its connection, and those behind it would fail.
      cluster.on('+node', (node) => node.connect().catch(() => {}))
      const client = fromCluster(cluster, slotOf)
      const { connect } = client
      return Object.assign(client, {
        async connect() {
          await connect()
          const nodes = Promise.all(cluster.nodes(readReplicas ? 'all' : 'master').map(untilUp))
          // One of them may be dead, and the others serve all the same.
          await Promise.race([nodes, sleep(connectTimeout / 2, undefined, { ref: false })])
        },
      })
    },
  }
}

/** Nothing is kept to be sent after the connection has come back. */
const NEVER_LATER = {
  enableOfflineQueue: false,
  autoResendUnfulfilledCommands: false,
  maxRetriesPerRequest: 0,
} as const

function login({ username, password }: Address): { username?: string; password?: string } {
  return { ...(username !== undefined && { username }), ...(password !== undefined && { password }) }
}

function fromSingle<C extends IoredisNode>(
  client: C,
  send: (client: C, words: readonly Word[]) => Promise<Reply> = sendByName,
): Client {
  const base = fromAny(client)
  let corked = false
  const call = (words: readonly Word[], _key = '', read = false, joined = read): Promise<Reply> => {
    const { stream } = client
    if (!joined && !corked && stream) {
      // The writes of one turn leave in one piece.
      corked = true
      stream.cork()
      process.nextTick(() => {
        corked = false
        stream.uncork()
      })
    }
    return send(client, words)
  }
  return {
    ...base,
    get ready() {
      // What it cannot read ends its stream, and only a while later its status.
      return client.status === 'ready' && client.stream?.writable === true
    },
    call,
    masters: () => [call],
    ways: () => [(words) => send(client, words)],
    destroy() {
      client.disconnect()
      client.stream?.destroy()
    },
  }
}

function fromCluster(client: IoredisCluster, slotOf: (key: string) => number): Client {
  return {
    ...fromAny(client),
    cluster: true,
    get ready() {
      return client.status === 'ready'
    },
    masters: () => client.nodes('master').map((node) => (words) => sendByName(node, words)),
    ways(key, read) {
      const all = key === undefined ? undefined : (client.slots[slotOf(key)] ?? [])
      const may = read && client.options.scaleReads !== 'master' ? all : all?.slice(0, 1)
      const up = client.nodes('all').filter(({ status }) => status === 'ready')
      const nodes = may ? up.filter((node) => may.includes(addressOf(node))) : up
      return nodes.map((node) => (words) => sendByName(node, words))
    },
    destroy: () => client.disconnect(),
    onOdd: (listener) => hearOdd(client, 'node error', listener),
    nodeOf(key, read) {
      return read && client.options.scaleReads !== 'master' ? undefined : client.slots[slotOf(key)]?.[0]
    },
    destroyNode(key) {
      const address = client.slots[slotOf(key)]?.[0]
      const node = client.nodes('master').find((one) => addressOf(one) === address)
      node?.stream?.destroy()
    },
  }
}

function addressOf({ options }: IoredisNode): string {
  return `${options.host}:${options.port}`
}

function sendByName(client: IoredisClient, words: readonly Word[]): Promise<Reply> {
  const [command, ...args] = words
  return client.callBuffer(String(command), args) as Promise<Reply>
}

/** A command as it goes over the wire. */
function written(words: readonly Word[]): Buffer {
  let room = HEAD
  for (const word of words) room += HEAD + (typeof word === 'string' ? roomFor(word) : word.length)
  const bytes = Buffer.allocUnsafe(room)
  let at = count(bytes, 0, STAR, words.length)
  for (const word of words) {
    if (typeof word === 'string') {
      const from = count(bytes, at, DOLLAR, word.length)
      const length = text(bytes, from, word) - from
      // Where not every letter is a byte its length is known only now, and may take a digit more.
      const begin = length === word.length ? from : count(bytes, at, DOLLAR, length)
      if (begin !== from) text(bytes, begin, word)
      at = begin + length
    } else {
      at = count(bytes, at, DOLLAR, word.length)
      bytes.set(word, at)
      at += word.length
    }
    bytes[at++] = CR
    bytes[at++] = LF
  }
  return bytes.subarray(0, at)
}

/** The most that a count takes: its sign, its digits, two line ends. */
const HEAD = 16
const STAR = 0x2a
const DOLLAR = 0x24
const CR = 0x0d
const LF = 0x0a

/** Writes a sign, a number and a line end; where they end. */
function count(bytes: Buffer, at: number, sign: number, number: number): number {
  let next = at
  bytes[next++] = sign
  let digits = 1
  for (let rest = number; rest >= 10; rest = Math.floor(rest / 10)) digits++
  for (let rest = number, place = next + digits - 1; place >= next; place--) {
    bytes[place] = 0x30 + (rest % 10)
    rest = Math.floor(rest / 10)
  }
  next += digits
  bytes[next++] = CR
  bytes[next++] = LF
  return next
}

/** Up to here, in characters, a word is written letter by letter: a call for it would cost more than it does. */
const SHORT = 64

/** At most so many bytes as UTF-8. */
function roomFor(word: string): number {
  return word.length > SHORT ? Buffer.byteLength(word) : 3 * word.length
}

/** Writes a word as UTF-8; where it ends. */
function text(bytes: Buffer, from: number, word: string): number {
  if (word.length > SHORT) return from + bytes.write(word, from)
  let at = from
  for (let i = 0; i < word.length; i++) {
    const code = word.charCodeAt(i)
    if (code < 0x80) {
      bytes[at++] = code
    } else if (code < 0x800) {
      bytes[at++] = 0xc0 | (code >> 6)
      bytes[at++] = 0x80 | (code & 0x3f)
    } else if (code < 0xd800 || code > 0xdfff) {
      bytes[at++] = 0xe0 | (code >> 12)
      bytes[at++] = 0x80 | ((code >> 6) & 0x3f)
      bytes[at++] = 0x80 | (code & 0x3f)
    } else {
      return at + bytes.write(word.slice(i), at)
    }
  }
  return at
}

function fromAny(client: IoredisClient): Client {
  let last: unknown
  // Heard, so that it is not thrown; and kept, since `connect()` says only that the connection is closed.
  const heard = (error?: unknown) => {
    last = error
  }
  client.on('error', heard)
  return {
    ready: false,
    cluster: false,
    async connect() {
      if (client.status === 'ready') return
      if (client.status !== 'wait' && client.status !== 'end') return untilReady(client)
      try {
        await client.connect()
      } catch (error) {
        throw last ?? error
      }
    },
    call: (words) => sendByName(client, words),
    masters: () => [],
    ways: () => [],
    async subscribe(channel, hear) {
      client.on('messageBuffer', (_channel: Buffer, message: Buffer) => hear(message))
      await client.subscribe(channel)
    },
    onEnd(listener) {
      client.on('end', listener)
    },
    destroy: () => client.disconnect(),
  }
}

/** Resolves when it is connected, or will not be. */
async function untilUp(client: IoredisClient): Promise<void> {
  if (client.status === 'ready') return
  await (client.status === 'wait' ? client.connect() : untilReady(client)).catch(() => {})
}

function untilReady(client: IoredisClient): Promise<void> {
  return new Promise((resolve, reject) => {
    const over = (settle: () => void) => () => {
      client.off('ready', ready)
      client.off('end', ended)
      settle()
    }
    const ready = over(resolve)
    const ended = over(() => reject(new Error('The connection has ended')))
    client.on('ready', ready)
    client.on('end', ended)
  })
}
