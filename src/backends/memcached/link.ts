/**
 * The client, and what the guard around the backend wants of it: to tell a dead store from one dead server of several, and to
 * begin anew on fresh connections.
 */
import { randomUUID } from 'node:crypto'
import type { Network } from '../../core/backend.ts'
import { type ClientOptions, type MemcachedClient, MemcachedError, memcachedClient } from './client/index.ts'
import { Losses } from './losses.ts'
import type { MemcachedSettings } from './options.ts'

/** The client's own deadline comes first, since it ends the one connection that is late and no other. */
const SLACK = 150

/** A refused password does not get better by the second; in milliseconds. */
const AFTER_REFUSAL = 60_000

/** No server answered, or none that serves us. */
const NO_ANSWER = new Set([
  'TIMEOUT',
  'CONNECTION_LOST',
  'SERVER_DOWN',
  'PROTOCOL',
  'AUTH_FAILED',
  'NOT_SUPPORTED',
  'CLOSED',
])

export class Link implements Network {
  readonly losses = new Losses()
  readonly opTimeout: number
  readonly maxInFlight: number
  /** Another one with every connection that is made or lost: behind it may be a server that counts anew. */
  life = randomUUID()
  readonly #options: ClientOptions
  #client: MemcachedClient
  #closed = false
  #refused: { error: MemcachedError; until: number } | undefined

  constructor({ client, opTimeout, maxInFlight }: MemcachedSettings) {
    this.opTimeout = opTimeout + SLACK
    this.maxInFlight = maxInFlight
    this.#options = client
    this.#client = this.#connect()
  }

  get client(): MemcachedClient {
    return this.#client
  }

  noAnswer(error: unknown): boolean {
    if (!(error instanceof MemcachedError) || !NO_ANSWER.has(error.code)) return false
    const { servers } = this.#client
    return servers.length === 1 || servers.every(({ state }) => state === 'down' || state === 'connecting')
  }

  async reconnect(): Promise<void> {
    if (this.#refused && performance.now() < this.#refused.until) throw this.#refused.error
    const fresh = this.#connect()
    try {
      await fresh.version()
    } catch (error) {
      void fresh.close()
      if (error instanceof MemcachedError && error.code === 'AUTH_FAILED') {
        this.#refused = { error, until: performance.now() + AFTER_REFUSAL }
      }
      throw error
    }
    const old = this.#client
    if (this.#closed) return void fresh.close()
    this.#client = fresh
    void old.close()
  }

  close(): Promise<void> {
    this.#closed = true
    return this.#client.close()
  }

  #connect(): MemcachedClient {
    const client: MemcachedClient = memcachedClient({
      ...this.#options,
      onState: (server, state) => {
        this.life = randomUUID()
        if (state === 'up') this.losses.mendAll(client, server)
      },
    })
    return client
  }
}
