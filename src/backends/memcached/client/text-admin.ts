/** What the meta and the text protocol share: errors in words, logging in, flushing, versions and statistics. */
import { argumentError, MemcachedError, ProtocolDoubt } from './errors.ts'
import type { Line } from './lines.ts'
import type { Outbox } from './outbox.ts'
import { Request } from './request.ts'
import type { Credentials, Reject, Resolve } from './verbs.ts'

/**
 * A `SERVER_ERROR`, after which the server goes on in step. Undefined for every other line: after `ERROR` and
 * `CLIENT_ERROR` nobody can say how much the server took for what. Its own words are not repeated.
 */
export function serverError(line: Line, server: string): MemcachedError | undefined {
  if (!line.startsWith('SERVER_ERROR')) return undefined
  const words = line.text()
  if (words.includes('too large')) {
    return new MemcachedError('VALUE_TOO_LARGE', "The value is over the server's item limit (-I)", { server })
  }
  if (words.includes('out of memory')) {
    return new MemcachedError('OUT_OF_MEMORY', 'The server has no room left', { server })
  }
  return new MemcachedError('SERVER_ERROR', 'The server failed at this command', { server })
}

/** What both say to a count of what is no number. */
export const NO_NUMBER = 'CLIENT_ERROR cannot increment or decrement non-numeric value'

/** The sum that a server answers; it pads a number that became shorter. */
export function countOf(answer: string): bigint {
  const digits = answer.trimEnd()
  if (!/^\d{1,20}$/.test(digits)) throw new ProtocolDoubt('no answer to a count')
  return BigInt(digits)
}

/** A command whose answer is one line. */
export abstract class LineRequest<Result> extends Request<Line, Result> {
  take(line: Line): boolean {
    const error = serverError(line, this.server)
    if (error === undefined) return this.answer(line)
    this.reject(error)
    return true
  }

  protected abstract answer(line: Line): boolean
}

/** The login of `memcached -Y`: a set of any key, as the first command. */
export class AsciiLogin extends LineRequest<void> {
  readonly #bytes: Buffer

  constructor({ username, password }: Credentials, resolve: Resolve<void>, reject: Reject) {
    super(resolve, reject)
    this.#bytes = Buffer.from(`${username} ${password}`)
  }

  write(out: Outbox): number {
    out.line(`set auth 0 0 ${this.#bytes.length}\r\n`)
    out.value(this.#bytes)
    out.line('\r\n')
    return 0
  }

  protected answer(line: Line): boolean {
    if (line.is('STORED')) {
      this.resolve()
      return true
    }
    if (!line.startsWith('CLIENT_ERROR')) throw new ProtocolDoubt('no answer to a login')
    return this.refuse('AUTH_FAILED', 'User name or password refused')
  }
}

export class Flush extends LineRequest<void> {
  readonly #delay: number

  constructor(delay: number, resolve: Resolve<void>, reject: Reject) {
    super(resolve, reject)
    this.#delay = delay
  }

  write(out: Outbox): number {
    out.line(this.#delay === 0 ? 'flush_all\r\n' : `flush_all ${this.#delay}\r\n`)
    return 0
  }

  protected answer(line: Line): boolean {
    // memcached -F
    if (line.is('CLIENT_ERROR flush_all not allowed')) {
      return this.refuse('NOT_SUPPORTED', 'This server does not allow flush_all')
    }
    if (!line.is('OK')) throw new ProtocolDoubt('no answer to a flush')
    this.resolve()
    return true
  }
}

export class Version extends LineRequest<string> {
  write(out: Outbox): number {
    out.line('version\r\n')
    return 0
  }

  protected answer(line: Line): boolean {
    if (!line.startsWith('VERSION ')) throw new ProtocolDoubt('no answer to a version')
    this.resolve(line.text().slice('VERSION '.length))
    return true
  }
}

export class Stats extends LineRequest<Map<string, string>> {
  readonly #topic: string
  readonly #found = new Map<string, string>()

  constructor(topic: string, resolve: Resolve<Map<string, string>>, reject: Reject) {
    super(resolve, reject)
    this.#topic = checkTopic(topic)
  }

  write(out: Outbox): number {
    out.line(this.#topic === '' ? 'stats\r\n' : `stats ${this.#topic}\r\n`)
    return 0
  }

  protected answer(line: Line): boolean {
    if (line.is('END') || line.is('RESET')) {
      this.resolve(this.#found)
      return true
    }
    const words = /^STAT (\S+) ?(.*)$/.exec(line.text())
    if (words === null) throw new ProtocolDoubt('no answer to a stats')
    this.#found.set(words[1]!, words[2]!)
    return false
  }
}

/** One word of `stats <word>`: nothing else may get into the command. */
export function checkTopic(topic: string): string {
  if (typeof topic !== 'string' || !/^[a-z_]*$/.test(topic)) {
    throw argumentError(TypeError, 'INVALID_ARGUMENT', "topic: one word, like 'items', 'slabs' or 'settings'")
  }
  return topic
}
