/**
 * One connection and the requests on it, answered in the order they were sent. It is never repaired: at the first doubt
 * (a deadline passed, a reply that cannot be right, an error of the socket) it is destroyed with all that is under way,
 * because an answer that comes late would be taken for the next one's. Commands of a tick leave in one write.
 */
import { connect as connectTcp, isIP, type OnReadOpts, type Socket } from 'node:net'
import { connect as connectTls } from 'node:tls'
import { MemcachedError, type MemcachedErrorCode, ProtocolDoubt } from './errors.ts'
import type { Reader } from './lines.ts'
import type { Settings } from './options.ts'
import { Outbox } from './outbox.ts'
import { type Request, versionNumber } from './request.ts'
import type { Address } from './servers.ts'
import type { Dialect } from './verbs.ts'

/** A check that comes so much later than it was due was held up by this process, not by the server. */
const LOOP_WAS_BLOCKED = 25

/** Tokens begin again here; far more than are ever under way at once, and few enough to be short. */
const TOKENS = 10_000

/** Values are views of what is read into, so that it is never used again; the rest of it is, down to this. */
const READ_SLAB = 65_536
const READ_LEAST = 16_384

/** A connection that is closed after so long a rest was closed for resting. */
const AT_REST = 1000

/** Who hears of a connection's fate. */
export interface Owner {
  /** It answers; requests may be sent. */
  opened(): void
  /** A request passed its deadline while connecting. */
  waited(): void
  /** It is gone, and what was on it has been told. Called once. `atRest`: nothing was asked of it for a while. */
  lost(error: MemcachedError, atRest: boolean): void
}

export class Connection<Reply> {
  /** Requests neither answered nor given up. */
  pending = 0
  pendingBytes = 0

  readonly #address: Address
  readonly #settings: Settings
  readonly #owner: Owner
  readonly #reader: Reader<Reply>
  readonly #socket: Socket
  readonly #out = new Outbox()
  readonly #take = (reply: Reply) => this.#answered(reply)
  readonly #flush = () => this.#send()

  // Sent and awaiting replies; then those not yet sent.
  #sent: Request<Reply> | undefined
  #sentLast: Request<Reply> | undefined
  #waiting: Request<Reply> | undefined
  #waitingLast: Request<Reply> | undefined

  #ready = false
  #closed = false
  #ending = false
  #flushing = false
  #token = 1
  #version = 0
  readonly #connectTimer: NodeJS.Timeout
  #timer: NodeJS.Timeout | undefined
  #dueAt = 0
  #spared = false
  #lastReply = performance.now()

  constructor(address: Address, settings: Settings, dialect: Dialect<Reply>, owner: Owner) {
    this.#address = address
    this.#settings = settings
    this.#owner = owner
    this.#reader = dialect.reader(settings.maxValueBytes)
    this.#socket = this.#open()
    this.#connectTimer = setTimeout(() => {
      this.#lose(this.#error('TIMEOUT', `No connection within ${settings.connectTimeout} ms`, false))
    }, settings.connectTimeout)
    this.#connectTimer.unref()
    this.#greet(dialect)
  }

  /** Adds a request; the caller has looked at `pending`. */
  ask(request: Request<Reply>): void {
    request.server = this.#address.name
    request.deadline = performance.now() + this.#settings.timeout
    this.pendingBytes += request.size
    if (this.pending++ === 0) this.#watch()
    this.#wait(request, request)
    if (!this.#ready || this.#flushing) return
    this.#flushing = true
    queueMicrotask(this.#flush)
  }

  /** Ends when what is under way has its answer, or its deadline has passed. */
  end(): void {
    this.#ending = true
    if (this.pending === 0) this.#lose(this.#error('CLOSED', 'The client is closed', false))
  }

  #open(): Socket {
    const { host, port, path } = this.#address
    const where = path === '' ? { host, port } : { path }
    const { tls } = this.#settings
    let socket: Socket
    if (tls === undefined) {
      let slab = Buffer.allocUnsafeSlow(READ_SLAB)
      const onread: OnReadOpts = {
        buffer: () => {
          if (slab.length < READ_LEAST) slab = Buffer.allocUnsafeSlow(READ_SLAB)
          return slab
        },
        callback: (length) => {
          const bytes = slab.subarray(0, length)
          slab = slab.subarray(length)
          this.#read(bytes)
          return true
        },
      }
      socket = connectTcp({ ...where, noDelay: true, keepAlive: true, keepAliveInitialDelay: 30_000, onread })
    } else {
      const servername = path === '' && isIP(host) === 0 ? { servername: host } : {}
      socket = connectTls({ ...servername, ...tls, ...where })
      socket.setNoDelay(true)
      socket.setKeepAlive(true, 30_000)
      socket.on('data', (bytes: Buffer) => this.#read(bytes))
    }
    socket.on('error', (cause) =>
      this.#lose(this.#error('CONNECTION_LOST', 'The connection failed', true, cause)),
    )
    socket.on('close', () =>
      this.#lose(this.#error('CONNECTION_LOST', 'The server closed the connection', true)),
    )
    socket.on('drain', this.#flush)
    // What keeps the process alive is the deadline of what is asked, never a connection at rest.
    socket.unref()
    return socket
  }

  /** Login and first command, ahead of everything else; sent as soon as there is somebody to send them to. */
  #greet(dialect: Dialect<Reply>): void {
    const { credentials } = this.#settings
    const refused = (error: Error) => {
      const code = error instanceof MemcachedError ? error.code : 'PROTOCOL'
      this.#lose(this.#error(code, error.message, false))
    }
    const hello = dialect.hello((version) => this.#opened(version), refused)
    const first = credentials === undefined ? hello : dialect.login(credentials, () => {}, refused)
    if (first !== hello) first.next = hello
    for (let request: Request<Reply> | undefined = first; request !== undefined; request = request.next) {
      request.server = this.#address.name
      request.deadline = Infinity
      request.write(this.#out, 0)
    }
    this.#sent = first
    this.#sentLast = hello
    this.#socket.once(this.#settings.tls === undefined ? 'connect' : 'secureConnect', () => {
      if (!this.#closed) this.#out.flush(this.#socket)
    })
  }

  #opened(version: string): void {
    clearTimeout(this.#connectTimer)
    this.#version = versionNumber(version)
    this.#ready = true
    // First what the owner has to say, then what has waited.
    const waiting = this.#waiting
    const last = this.#waitingLast
    this.#waiting = undefined
    this.#waitingLast = undefined
    this.#owner.opened()
    if (waiting !== undefined && last !== undefined) this.#wait(waiting, last)
    this.#send()
  }

  /** Adds to what is not yet sent. */
  #wait(first: Request<Reply>, last: Request<Reply>): void {
    if (this.#waitingLast === undefined) this.#waiting = first
    else this.#waitingLast.next = first
    this.#waitingLast = last
  }

  #send(): void {
    this.#flushing = false
    if (this.#closed || !this.#ready || this.#socket.writableNeedDrain) return
    let request = this.#waiting
    if (request === undefined) return
    this.#waiting = undefined
    this.#waitingLast = undefined
    while (request !== undefined) {
      const next: Request<Reply> | undefined = request.next
      request.next = undefined
      if (request.since > this.#version && this.#version > 0) {
        this.#settled(request)
        request.reject(this.#error('NOT_SUPPORTED', 'This needs a newer memcached', false))
      } else {
        if (this.#token >= TOKENS) this.#token = 1
        this.#token += request.write(this.#out, this.#token)
        if (this.#sentLast === undefined) this.#sent = request
        else this.#sentLast.next = request
        this.#sentLast = request
      }
      request = next
    }
    this.#out.flush(this.#socket)
  }

  #read(bytes: Buffer): void {
    if (this.#closed) return
    try {
      this.#reader.push(bytes, this.#take)
    } catch (fault) {
      const what = fault instanceof ProtocolDoubt ? fault.message : 'what could not be read'
      this.#lose(this.#error('PROTOCOL', `The server answered with ${what}`, true, fault))
    }
    this.#lastReply = performance.now()
  }

  #answered(reply: Reply): void {
    if (this.#closed) return
    const request = this.#sent
    if (request === undefined) throw new ProtocolDoubt('a reply that nobody waits for')
    if (!request.take(reply)) return
    this.#sent = request.next
    if (this.#sent === undefined) this.#sentLast = undefined
    // Login and first command are nobody's.
    if (request.deadline < Infinity) this.#settled(request)
  }

  #settled(request: Request<Reply>): void {
    this.pendingBytes -= request.size
    if (--this.pending > 0) return
    this.#timer?.unref()
    if (this.#ending) this.#lose(this.#error('CLOSED', 'The client is closed', false))
  }

  /**
   * One timer for all deadlines: they come in the order of the requests, so that only the first of a list is looked at,
   * and a timer that is running is left to run. It keeps the process alive exactly while something is asked for.
   */
  #watch(): void {
    if (this.#timer !== undefined) this.#timer.ref()
    else this.#check(this.#settings.timeout)
  }

  #check(after: number): void {
    this.#dueAt = performance.now() + after
    this.#timer = setTimeout(() => this.#due(), after)
    if (this.pending === 0) this.#timer.unref()
  }

  #due(): void {
    this.#timer = undefined
    if (this.#closed) return
    const now = performance.now()
    const late = now - this.#dueAt
    // Answers may lie in the socket unread. They get as much time as the loop took from them, once: a loop that is
    // always late must not hold off every deadline.
    this.#spared = late > LOOP_WAS_BLOCKED && !this.#spared
    if (this.#spared) this.#check(Math.min(late, this.#settings.timeout))
    else if (this.#overdue(now)) setImmediate(() => this.#giveUp())
    else this.#rest(now)
  }

  /** Sleeps until the first deadline, if there is one. */
  #rest(now: number): void {
    const first = Math.min(this.#sent?.deadline ?? Infinity, this.#waiting?.deadline ?? Infinity)
    if (first < Infinity) this.#check(Math.max(1, Math.ceil(first - now)))
  }

  #overdue(now: number): boolean {
    return (this.#sent?.deadline ?? Infinity) <= now || (this.#waiting?.deadline ?? Infinity) <= now
  }

  /** After one more look at the socket. */
  #giveUp(): void {
    if (this.#closed) return
    const now = performance.now()
    const late = `No answer within ${this.#settings.timeout} ms`
    if (this.#ready && this.#overdue(now)) {
      this.#lose(this.#error('TIMEOUT', late, true))
      return
    }
    let gaveUp = false
    while (this.#waiting !== undefined && this.#waiting.deadline <= now) {
      const request = this.#waiting
      this.#waiting = request.next
      if (this.#waiting === undefined) this.#waitingLast = undefined
      gaveUp = true
      request.reject(this.#error('TIMEOUT', late, false))
      this.#settled(request)
      if (this.#closed) return
    }
    if (gaveUp) this.#owner.waited()
    this.#rest(now)
  }

  #error(code: MemcachedErrorCode, message: string, uncertain: boolean, cause?: unknown): MemcachedError {
    const server = this.#address.name
    const about = cause === undefined ? { server, uncertain } : { server, uncertain, cause }
    return new MemcachedError(code, `${message} (${server})`, about)
  }

  #lose(error: MemcachedError): void {
    if (this.#closed) return
    this.#closed = true
    clearTimeout(this.#connectTimer)
    clearTimeout(this.#timer)
    this.#socket.destroy()
    const rested = this.pending === 0 && performance.now() - this.#lastReply > AT_REST
    const sent = this.#sent
    const waiting = this.#waiting
    this.#sent = undefined
    this.#waiting = undefined
    this.pending = 0
    this.pendingBytes = 0
    for (let request = sent; request !== undefined; request = request.next) request.reject(error)
    const unsent = new MemcachedError(error.code, error.message, {
      server: this.#address.name,
      cause: error.cause,
    })
    for (let request = waiting; request !== undefined; request = request.next) request.reject(unsent)
    this.#owner.lost(error, rested && error.code === 'CONNECTION_LOST')
  }
}
