/**
 * A bus over Redis's channels: one connection that listens and one that speaks, since who listens may do nothing else. In a Cluster any
 * node will do, as each passes on what it hears.
 */
import type { Bus, BusListener } from '../../core/bus.ts'
import { type BusLine, keepLine } from '../../core/bus-line.ts'
import { argumentError, ClosedError } from '../../core/errors.ts'
import { withinDeadline } from '../../core/guarding/deadline.ts'
import { checkOptions } from '../../core/options.ts'
import type { Address } from './address.ts'
import type { Client } from './client.ts'
import { loadDriver } from './drivers.ts'
import { failure, failureOf } from './failure.ts'
import {
  type RedisClusterOptions,
  type RedisSentinelOptions,
  type RedisServersOptions,
  type RedisSettings,
  settleOptions,
} from './options.ts'
import { askSentinels } from './sentinel.ts'

/** What means something for two connections to one server. */
type Line<O> = Omit<O, 'readFrom' | 'maxInFlight'>

/** Where the servers are, as for `redis()`, and the channel. */
export type RedisBusOptions = (
  | Line<RedisServersOptions>
  | Line<RedisSentinelOptions>
  | Line<RedisClusterOptions>
) & {
  /** Those who share it hear each other; `'stillwarm'` by default. Databases of one server share their channels. */
  channel?: string
}

const WHERE = ['url', 'sentinels', 'name', 'cluster', 'db', 'username', 'password', 'tls']
const NAMES = [...WHERE, 'driver', 'clientOptions', 'opTimeout', 'connectTimeout', 'channel']

/** Where it could not be spoken, it is not tried again for so long, in milliseconds: nobody waits for a dead server twice. */
const SPEAK_AGAIN = 250

/**
 * For `tiered({ bus })`. Needs `ioredis` or `@redis/client`, as `redis()` does, and keeps two connections to the leader.
 *
 * @example
 * redisBus({ url: 'redis://127.0.0.1:6379', channel: 'shop' })
 *
 * @throws TypeError or RangeError, with a `code`, for options that cannot be meant.
 */
export function redisBus(options: RedisBusOptions = {}): RedisBus {
  checkOptions('redisBus()', options, NAMES)
  const { channel = 'stillwarm', ...servers } = options
  if (typeof channel !== 'string' || channel === '') {
    throw argumentError(TypeError, 'INVALID_OPTION', 'redisBus(): channel must be a string that is not empty')
  }
  return new RedisBus(settleOptions(servers), channel)
}

export class RedisBus implements Bus {
  readonly name = 'redis'
  readonly #settings: RedisSettings
  readonly #channel: string
  readonly #over = new AbortController()
  readonly #clients = new Set<Client>()
  #opened = false
  #speaker: Client | undefined
  #opening: Promise<Client> | undefined
  #failedAt = Number.NEGATIVE_INFINITY
  #attempt = 0

  constructor(settings: RedisSettings, channel: string) {
    this.#settings = settings
    this.#channel = channel
  }

  open(listener: BusListener): void {
    if (this.#opened)
      throw argumentError(TypeError, 'INVALID_OPTION', 'redisBus(): one bus serves one tiered()')
    this.#opened = true
    void keepLine(() => this.#listen(listener), listener, this.#over.signal)
    this.#speak().catch(() => {})
  }

  async publish(bytes: Uint8Array): Promise<void> {
    const speaker = this.#speaker?.ready ? this.#speaker : await this.#speak()
    const message = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
    try {
      await this.#inTime(speaker.call(['publish', this.#channel, message], '', false))
    } catch (error) {
      this.#end(speaker)
      throw failureOf(error)
    }
  }

  close(): void {
    this.#over.abort()
    for (const client of this.#clients) this.#end(client)
  }

  async #listen(listener: BusListener): Promise<BusLine> {
    const client = await this.#connect()
    const ended = new Promise<void>((resolve) => client.onEnd(resolve))
    const heard = (message: Buffer) => {
      if (!this.#over.signal.aborted) listener.message(message)
    }
    try {
      await this.#inTime(client.subscribe(this.#channel, heard))
    } catch (error) {
      this.#end(client)
      throw error
    }
    return {
      ended,
      ping: () => this.#inTime(client.call(['ping'], '', false)),
      destroy: () => this.#end(client),
    }
  }

  /** The connection that speaks. */
  #speak(): Promise<Client> {
    if (this.#over.signal.aborted) return Promise.reject(new ClosedError())
    if (!this.#opening && performance.now() - this.#failedAt < SPEAK_AGAIN) {
      return Promise.reject(failure('ECONNRESET', 'Redis is not connected'))
    }
    this.#opening ??= this.#connect()
      .then(
        (client) => {
          this.#speaker = client
          client.onEnd(() => this.#end(client))
          return client
        },
        (error: unknown) => {
          this.#failedAt = performance.now()
          throw failureOf(error)
        },
      )
      .finally(() => {
        this.#opening = undefined
      })
    return this.#opening
  }

  async #connect(): Promise<Client> {
    const { places, clientOptions, connectTimeout } = this.#settings
    const driver = await loadDriver(this.#settings.driver)
    let address: Address
    if (places.kind === 'servers') address = places.leader
    else if (places.kind === 'cluster') address = places.nodes[this.#attempt++ % places.nodes.length]!
    else if (places.kind === 'sentinels') {
      address = { ...places.login, ...(await askSentinels(places, 'leader', driver, this.#settings)) }
    } else throw failure('NO_LEADER', 'There is no server to connect to')
    const client = driver.open({
      address,
      clientOptions: places.kind === 'cluster' ? {} : clientOptions,
      connectTimeout,
    })
    this.#clients.add(client)
    try {
      await this.#inTime(client.connect(), connectTimeout)
      await this.#inTime(client.call(['ping'], '', false))
      if (this.#over.signal.aborted) throw new ClosedError()
      return client
    } catch (error) {
      this.#end(client)
      throw error
    }
  }

  #end(client: Client): void {
    if (!this.#clients.delete(client)) return
    if (client === this.#speaker) this.#speaker = undefined
    client.destroy()
  }

  #inTime<T>(answer: Promise<T>, ms = this.#settings.opTimeout): Promise<T> {
    return withinDeadline(ms, answer, 'Redis', () =>
      failure('ETIMEDOUT', `Redis did not answer within ${ms} ms`),
    )
  }
}
