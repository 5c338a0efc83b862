/**
 * What the backend needs of a client library: one connection (or one Cluster of them) that sends words and gives
 * replies, and says when it ends. Each file in `clients/` makes one of these from one library; a third library is one more.
 */
import type { Address } from './address.ts'

/** A word of a command. Numbers are written by the caller. */
export type Word = string | Buffer

/** Bulk strings come as bytes, everything else as it is. */
export type Reply = Buffer | string | number | null | Reply[]

/** To one server. */
export type Way = (words: readonly Word[]) => Promise<Reply>

export interface Client {
  /** A command sent now would leave at once. */
  readonly ready: boolean
  /** Keys of one command must share a slot. */
  readonly cluster: boolean
  /** Resolves when it is ready; begins to connect where nobody has. */
  connect(): Promise<void>
  /**
   * One command. In a Cluster `key` says which node, and `read` that one of its replicas may answer. Rejects at once when
   * it is not connected: nothing ever waits for a connection. `joined`: it is all that its turn has to say, and need not be
   * kept for what may follow; reads are.
   */
  call(words: readonly Word[], key: string, read: boolean, joined?: boolean): Promise<Reply>
  /** A way to each server that takes writes. */
  masters(): Way[]
  /** A way to each server that may answer for `key`; without one to all there are. */
  ways(key?: string, read?: boolean): Way[]
  /** Calls back once, when the connection is gone and does not come back by itself. */
  onEnd(listener: () => void): void
  /**
   * Calls back in the turn in which a server said what nobody had asked for, or what cannot be read: replies before it may have been
   * for others. Where it is not there, the client ends itself then.
   */
  onOdd?(listener: () => void): void
  /** Ends it at once, with whatever is under way. Never called for a client that the user passed in. */
  destroy(): void
  /** From then on it hears what is published there, and sends nothing but that and `ping`. Not in a Cluster. */
  subscribe(channel: string, hear: (message: Buffer) => void): Promise<void>
  /** In a Cluster: which node answers for `key`; `undefined` when it may be any of its replicas. Only a Cluster has this. */
  nodeOf?(key: string, read: boolean): string | undefined
  /** In a Cluster: ends the connection to the node that `key` lives on, which has stopped answering. */
  destroyNode?(key: string): void
}

/** What a connection of our own is made of. */
export interface Target {
  readonly address: Address
  /** The user's own, for the library, unchanged. */
  readonly clientOptions: Readonly<Record<string, unknown>>
  readonly connectTimeout: number
}

export interface ClusterTarget {
  /** Nodes to begin with; the others are found. The first one's user, password and TLS are everyone's. */
  readonly nodes: readonly Address[]
  readonly readReplicas: boolean
  readonly clientOptions: Readonly<Record<string, unknown>>
  readonly connectTimeout: number
}

/** One client library. */
export interface Driver {
  open(target: Target): Client
  openCluster(target: ClusterTarget): Client
}
