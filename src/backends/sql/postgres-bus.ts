/**
 * A bus over NOTIFY: one connection of its own, which listens and speaks. A payload is text of less than 8,000 bytes, so a message
 * travels as base64, in as many parts as it takes; those of one statement arrive together, in their order, when it commits.
 */
import { randomBytes } from 'node:crypto'
import type { Bus, BusListener } from '../../core/bus.ts'
import { type BusLine, keepLine } from '../../core/bus-line.ts'
import { argumentError, ClosedError, ConfigError } from '../../core/errors.ts'
import { withinDeadline } from '../../core/guarding/deadline.ts'
import { checkInteger, checkOptions, isRecord, kindOf } from '../../core/options.ts'
import { postgres } from './dialects/postgres.ts'
import type { OwnConnection } from './executor.ts'
import { loadPg } from './executors/pg.ts'
import { failure, failureOf } from './failure.ts'
import { isMissing } from './places.ts'

export interface PostgresBusOptions {
  /** `postgres://user:password@host:5432/database`. The primary, and no pooler that gives each statement another connection. */
  url: string
  /** Those who share it, in one database, hear each other; `'stillwarm'` by default, 63 bytes at most. */
  channel?: string
  /** For `pg`, as they are; not checked. */
  clientOptions?: Record<string, unknown>
  /** How long one statement may take, in milliseconds; 1,000 by default. */
  opTimeout?: number
  /** How long it may take to connect, in milliseconds; 500 by default. */
  connectTimeout?: number
}

/** Of a message, in one payload: with its head less than 8,000 characters of base64. */
const PART = 5_900
/** So many parts in one statement. */
const TOGETHER = 64
/** `sender.number.part.parts:` */
const HEAD = /^([\w-]{8}\.[0-9a-z]+)\.(\d+)\.(\d+):/

/**
 * For `tiered({ bus })`. Needs `pg`, and keeps one connection.
 *
 * @example
 * postgresBus({ url: 'postgres://127.0.0.1/shop', channel: 'shop' })
 *
 * @throws TypeError or RangeError, with a `code`, for options that cannot be meant; never showing a URL.
 */
export function postgresBus(options: PostgresBusOptions): PostgresBus {
  checkOptions('postgresBus()', options, ['url', 'channel', 'clientOptions', 'opTimeout', 'connectTimeout'])
  const { url, channel = 'stillwarm', clientOptions = {} } = options
  if (typeof url !== 'string' || !/^postgres(ql)?:\/\//.test(url) || !URL.canParse(url)) {
    throw refused('url must be a URL that begins with postgres://')
  }
  if (typeof channel !== 'string' || channel === '' || Buffer.byteLength(channel) > 63) {
    throw refused('channel must be a string of 1 to 63 bytes')
  }
  if (!isRecord(clientOptions)) throw refused(`clientOptions must be an object, not ${kindOf(clientOptions)}`)
  return new PostgresBus({
    url,
    channel,
    clientOptions,
    opTimeout: checkInteger('opTimeout', options.opTimeout ?? 1_000, 1, 60_000),
    connectTimeout: checkInteger('connectTimeout', options.connectTimeout ?? 500, 1, 60_000),
  })
}

export class PostgresBus implements Bus {
  readonly name = 'postgres'
  readonly #settings: Required<PostgresBusOptions>
  readonly #over = new AbortController()
  readonly #self = randomBytes(6).toString('base64url')
  #messages = 0
  #opened = false
  /** The connection, or the one that is being made. */
  #line: Promise<Speaker> | undefined

  constructor(settings: Required<PostgresBusOptions>) {
    this.#settings = settings
  }

  open(listener: BusListener): void {
    if (this.#opened) throw refused('one bus serves one tiered()')
    this.#opened = true
    void keepLine(() => this.#listen(listener), listener, this.#over.signal)
  }

  async publish(bytes: Uint8Array): Promise<void> {
    if (this.#over.signal.aborted) throw new ClosedError()
    if (!this.#line) throw failure('ECONNRESET', 'PostgreSQL is not connected', 'no-answer')
    const speaker = await this.#line
    await speaker.say(this.#parts(bytes))
  }

  async close(): Promise<void> {
    this.#over.abort()
    await this.#line?.then(
      (speaker) => speaker.destroy(),
      () => {},
    )
  }

  async #listen(listener: BusListener): Promise<BusLine> {
    const line = this.#connect((payload) => {
      if (!this.#over.signal.aborted) assembled.hear(payload)
    })
    const assembled = new Assembly((message) => listener.message(message))
    this.#line = line
    try {
      const speaker = await line
      return {
        ended: speaker.ended,
        ping: () => speaker.run('SELECT 1'),
        destroy: () => {
          speaker.destroy()
          this.#line = undefined
        },
      }
    } catch (error) {
      this.#line = undefined
      throw error
    }
  }

  async #connect(hear: (payload: string) => void): Promise<Speaker> {
    const { channel, ...target } = this.#settings
    try {
      const { connect } = await loadPg()
      const connection = await connect({ ...target, prepare: false })
      connection.hear?.(hear)
      const speaker = new Speaker(connection, channel, target.opTimeout)
      await speaker.run(`LISTEN ${postgres.quote(channel)}`)
      if (this.#over.signal.aborted) {
        speaker.destroy()
        throw new ClosedError()
      }
      return speaker
    } catch (error) {
      if (isMissing(error))
        throw new ConfigError('MISSING_PACKAGE', 'postgresBus() needs a driver: npm install pg')
      throw failureOf(error, postgres.title, postgres.meaning)
    }
  }

  #parts(bytes: Uint8Array): string[] {
    const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
    const count = Math.max(1, Math.ceil(buffer.length / PART))
    const id = `${this.#self}.${(this.#messages++).toString(36)}`
    return Array.from(
      { length: count },
      (_, i) => `${id}.${i}.${count}:${buffer.toString('base64', i * PART, (i + 1) * PART)}`,
    )
  }
}

/** One connection, one statement after the other: what is to be said meanwhile is said by the next one. */
class Speaker {
  readonly ended: Promise<void>
  readonly #connection: OwnConnection
  readonly #channel: string
  readonly #opTimeout: number
  #before: Promise<unknown> = Promise.resolve()
  #unsaid: string[] = []
  #saying: Promise<void> | undefined

  constructor(connection: OwnConnection, channel: string, opTimeout: number) {
    this.#connection = connection
    this.#channel = channel
    this.#opTimeout = opTimeout
    this.ended = new Promise((resolve) => connection.onEnd(resolve))
  }

  /** Resolves when all of it is committed. */
  say(parts: readonly string[]): Promise<void> {
    this.#unsaid.push(...parts)
    this.#saying ??= this.#next(async () => {
      this.#saying = undefined
      const payloads = this.#unsaid
      this.#unsaid = []
      for (let at = 0; at < payloads.length; at += TOGETHER)
        await this.#notify(payloads.slice(at, at + TOGETHER))
    })
    return this.#saying
  }

  run(text: string, values: readonly string[] = []): Promise<void> {
    return this.#next(() => this.#query(text, values))
  }

  destroy(): void {
    this.#connection.destroy()
  }

  #notify(payloads: readonly string[]): Promise<void> {
    const calls = payloads.map((_, i) => `pg_notify($1, $${i + 2})`)
    return this.#query(`SELECT ${calls.join(', ')}`, [this.#channel, ...payloads])
  }

  #next(act: () => Promise<void>): Promise<void> {
    const acted = this.#before.then(act)
    this.#before = acted.catch(() => {})
    return acted
  }

  async #query(text: string, values: readonly string[]): Promise<void> {
    try {
      const answered = this.#connection.run({ name: '', text, params: [], prepared: false }, values)
      await withinDeadline(this.#opTimeout, answered, 'PostgreSQL', () =>
        failure('ETIMEDOUT', `PostgreSQL did not answer within ${this.#opTimeout} ms`, 'no-answer'),
      )
    } catch (error) {
      // What is under way on it may still be done, after what comes next.
      this.#connection.destroy()
      throw failureOf(error, postgres.title, postgres.meaning)
    }
  }
}

/** Puts the parts of a message together. What is no part of ours is a message, too: garbage, to whoever counts it. */
class Assembly {
  readonly #whole: (message: Buffer) => void
  #id = ''
  #parts: Buffer[] = []

  constructor(whole: (message: Buffer) => void) {
    this.#whole = whole
  }

  hear(payload: string): void {
    const [head, id = '', part, parts] = HEAD.exec(payload) ?? []
    if (head === undefined) {
      this.#whole(Buffer.from(payload))
      return
    }
    if (part === '0') {
      this.#id = id
      this.#parts = []
    }
    if (id !== this.#id || Number(part) !== this.#parts.length) return
    this.#parts.push(Buffer.from(payload.slice(head.length), 'base64'))
    if (this.#parts.length === Number(parts)) this.#whole(Buffer.concat(this.#parts))
  }
}

function refused(why: string): Error {
  return argumentError(TypeError, 'INVALID_OPTION', `postgresBus(): ${why}`)
}
