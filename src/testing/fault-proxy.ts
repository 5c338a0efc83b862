/**
 * A wire that misbehaves: a TCP proxy on loopback, between a client and a server, that delays, cuts, splits, corrupts or holds what passes.
 * It knows no protocol, so it serves any server. Faults count from the moment they are set, for the connections there are and those to come.
 *
 * @example
 * const wire = await faultProxy({ port: 6379 })
 * const caches = createCaches({ default: { backend: redis({ url: `redis://${wire.address}` }) } })
 * wire.answers = { hold: true } // a black hole: connected, and silent
 * wire.answers = {} // as it was; what was held is delivered
 * wire.reset() // every connection is cut
 * await wire.close()
 */
import { once } from 'node:events'
import { connect, createServer, type Socket } from 'node:net'
import { argumentError } from '../core/errors.ts'
import { checkInteger, checkOptions, isRecord, kindOf } from '../core/options.ts'
import { checkBoolean, checkMs, checkProbability, wrong } from './fault-options.ts'

/** What is done to the bytes of one direction. Several at once go in this order. */
export interface Faults {
  /** Nothing passes, and the connections stay open. What came is delivered when this is taken away. */
  hold?: boolean
  /** Passes so many milliseconds later, or as many as a function says for a piece; in order, so that what is behind waits too. */
  delay?: number | ((piece: Buffer) => number)
  /** So many bytes pass, on each connection; then it is cut. */
  cutAfter?: number
  /** Passes in packets of so many bytes. */
  split?: number
  /** Changes a piece: bytes are turned with this probability (0 to 1), or by the function. */
  corrupt?: number | ((piece: Buffer) => Buffer)
}

export interface FaultProxyOptions {
  /** Where the server listens. */
  port: number
  host?: string
}

export interface FaultProxy {
  /** Where to connect to: `host:port`. */
  readonly address: string
  readonly host: string
  readonly port: number
  /** What is done to what the client says; `{}` by default. Setting what is none throws, as `faultProxy()` rejects. */
  requests: Faults
  /** What is done to what the server says; `{}` by default. The same. */
  answers: Faults
  /** `false`: new connections are refused by closing them at once. */
  accepts: boolean
  /** How many connections were ever made, and when, in milliseconds of `performance.now()`. */
  readonly made: readonly number[]
  /** How many are open now. */
  readonly open: number
  /** Cuts every connection with a TCP reset. */
  reset(): void
  close(): Promise<void>
}

/**
 * A proxy before the server that listens there, on a free port of 127.0.0.1.
 *
 * @throws TypeError, RangeError `INVALID_OPTIONS`, `INVALID_OPTION`. Always by rejecting.
 */
export async function faultProxy(options: FaultProxyOptions): Promise<FaultProxy> {
  if (!isRecord(options)) {
    throw argumentError(TypeError, 'INVALID_OPTIONS', `faultProxy(): give { port }, not ${kindOf(options)}`)
  }
  const { host = '127.0.0.1' } = options
  if (typeof host !== 'string' || host === '')
    throw wrong(TypeError, 'host', `a name or an address, not ${kindOf(host)}`)
  const port = checkInteger('port', options.port, 1, 65_535)
  const pairs = new Set<readonly [Way, Way]>()
  const made: number[] = []
  const listener = createServer((client) => {
    made.push(performance.now())
    if (!proxy.accepts) return void client.resetAndDestroy()
    const server = connect(port, host)
    const pair = [new Way(client, server), new Way(server, client)] as const
    pairs.add(pair)
    pair[0].set(proxy.requests)
    pair[1].set(proxy.answers)
    for (const socket of [client, server]) {
      socket.setNoDelay()
      socket.on('error', () => {})
      socket.on('close', () => {
        pairs.delete(pair)
        client.destroy()
        server.destroy()
      })
    }
  }).listen(0, '127.0.0.1')
  await once(listener, 'listening')
  const bound = listener.address()
  if (bound === null || typeof bound === 'string') throw new Error('The proxy has no port')

  let requests: Faults = {}
  let answers: Faults = {}
  const proxy: FaultProxy = {
    address: `127.0.0.1:${bound.port}`,
    host: '127.0.0.1',
    port: bound.port,
    accepts: true,
    made,
    get open() {
      return pairs.size
    },
    get requests() {
      return requests
    },
    set requests(faults) {
      checkFaults('requests', faults)
      requests = faults
      for (const [way] of pairs) way.set(faults)
    },
    get answers() {
      return answers
    },
    set answers(faults) {
      checkFaults('answers', faults)
      answers = faults
      for (const [, way] of pairs) way.set(faults)
    },
    reset() {
      for (const pair of pairs) for (const way of pair) way.reset()
    },
    async close() {
      const closed = once(listener, 'close')
      listener.close()
      for (const pair of pairs) for (const way of pair) way.reset()
      await closed
    },
  }
  return proxy
}

function checkFaults(name: string, faults: Faults): void {
  checkOptions(name, faults, ['hold', 'delay', 'cutAfter', 'split', 'corrupt'])
  const { hold, delay, cutAfter, split, corrupt } = faults
  if (hold !== undefined) checkBoolean(`${name}.hold`, hold)
  if (delay !== undefined && typeof delay !== 'function') checkMs(`${name}.delay`, delay)
  if (cutAfter !== undefined) checkInteger(`${name}.cutAfter`, cutAfter, 0)
  if (split !== undefined) checkInteger(`${name}.split`, split, 1)
  if (corrupt !== undefined && typeof corrupt !== 'function') checkProbability(`${name}.corrupt`, corrupt)
}

/** One direction of one connection. */
class Way {
  readonly #to: Socket
  #faults: Faults = {}
  #left = Number.POSITIVE_INFINITY
  #held: Buffer[] = []
  /** A wire keeps the order: what comes behind a late piece is late as well. */
  #last: Promise<void> | undefined

  constructor(from: Socket, to: Socket) {
    this.#to = to
    from.on('data', (piece) => this.#pass(piece))
  }

  set(faults: Faults): void {
    this.#faults = faults
    this.#left = faults.cutAfter ?? Number.POSITIVE_INFINITY
    if (faults.hold) return
    const held = this.#held
    this.#held = []
    for (const piece of held) this.#pass(piece)
  }

  reset(): void {
    this.#to.resetAndDestroy()
  }

  #pass(piece: Buffer): void {
    const { hold, delay = 0 } = this.#faults
    if (hold) {
      this.#held.push(piece)
      return
    }
    const ms = typeof delay === 'function' ? delay(piece) : delay
    if (ms <= 0 && this.#last === undefined) {
      this.#deliver(piece)
      return
    }
    const due = performance.now() + ms
    const mine: Promise<void> = (this.#last ?? Promise.resolve())
      .then(() => new Promise((resolve) => setTimeout(resolve, Math.max(0, due - performance.now()))))
      .then(() => {
        if (this.#last === mine) this.#last = undefined
        this.#deliver(piece)
      })
    this.#last = mine
  }

  #deliver(piece: Buffer): void {
    if (this.#to.destroyed) return
    const { split, corrupt } = this.#faults
    let bytes = piece.subarray(0, this.#left)
    this.#left -= bytes.length
    if (corrupt !== undefined) bytes = typeof corrupt === 'function' ? corrupt(bytes) : turned(bytes, corrupt)
    if (split === undefined) this.#to.write(bytes)
    else for (let at = 0; at < bytes.length; at += split) this.#to.write(bytes.subarray(at, at + split))
    if (this.#left <= 0) this.#to.end(() => this.#to.destroy())
  }
}

function turned(piece: Buffer, chance: number): Buffer {
  return Buffer.from(
    piece.map((byte) => (Math.random() < chance ? byte ^ (1 + Math.floor(Math.random() * 255)) : byte)),
  )
}
