/**
 * A response of Node captured on its way out, by patching it: whoever hooks in behind us (sessions,
 * compression, loggers) is then called before us, so that what is recorded is what leaves. Serves every
 * framework that answers with Node's own response.
 */
import type { IncomingMessage, OutgoingHttpHeader, OutgoingHttpHeaders, ServerResponse } from 'node:http'
import type { Watch } from '../credentials.ts'
import { staysIn304 } from '../policy/validators.ts'
import type { Exchange, Reply } from '../visit.ts'

type Headers = OutgoingHttpHeaders | OutgoingHttpHeader[]
type Callback = (error?: Error | null) => void

const CHANGES_THE_HEAD = ['setHeader', 'appendHeader', 'removeHeader'] as const

/** What becomes of what the handler sends. */
type State =
  /** Nothing was sent yet. */
  | 'open'
  /** The head was written; as Node does, it goes out with the first piece of the body. */
  | 'headed'
  | 'sends'
  /** Waits for an invalidation, and is sent then. */
  | 'held'
  /** Waits for its end. */
  | 'gathers'
  /** Something else was sent. */
  | 'silent'

export class Capture {
  /** Set when the handler is to be asked; until then everything goes out as it comes. */
  exchange: Exchange | undefined
  readonly #response: ServerResponse
  readonly #original: Pick<ServerResponse, 'writeHead' | 'write' | 'end' | 'flushHeaders'>
  #before: OutgoingHttpHeaders = {}
  #state: State = 'open'
  #ended = false
  #whole: Buffer | undefined
  #gathered: Buffer[] = []
  #set: Record<string, unknown> = {}
  #waiting: (() => void)[] = []

  constructor(response: ServerResponse) {
    this.#response = response
    this.#original = {
      writeHead: response.writeHead,
      write: response.write,
      end: response.end,
      flushHeaders: response.flushHeaders,
    }
    response.writeHead = (...args: unknown[]) => this.#writeHead(args)
    response.write = (...args: unknown[]) => this.#write(args)
    response.end = (...args: unknown[]) => this.#end(args)
    response.flushHeaders = () => this.#flushHeaders()
    for (const name of CHANGES_THE_HEAD) this.#guard(name)
    const sent = Reflect.getOwnPropertyDescriptor(response, 'headersSent')
    Object.defineProperty(response, 'headersSent', {
      configurable: true,
      get: () =>
        this.#isKept ||
        this.#state === 'headed' ||
        (sent?.get ? sent.get.call(response) : Reflect.get(prototypeOf(response), 'headersSent', response)),
    })
    response.once('close', () => {
      if (!this.#ended && this.#state !== 'silent') this.exchange?.fail()
    })
  }

  /** From here on the handler answers. What is set already, by a framework in a place of its own too, is no part of its answer. */
  begin(exchange: Exchange, set?: OutgoingHttpHeaders): void {
    this.exchange = exchange
    this.#before = { ...this.#response.getHeaders(), ...set }
  }

  /** The handler threw: a page of ours may stand in, if nothing was sent. */
  fail(): boolean {
    const reply = this.exchange?.fail()
    if (reply === undefined || this.#state === 'sends' || this.#state === 'silent') return false
    if (this.#response.headersSent && !this.#isKept && this.#state !== 'headed') return false
    this.#replace(reply)
    return true
  }

  /** A head that was written is not changed any more, though it has not left yet. */
  #guard(name: (typeof CHANGES_THE_HEAD)[number]): void {
    const original: unknown = this.#response[name]
    // HTTP/2's has not all of them.
    if (typeof original !== 'function') return
    Object.assign(this.#response, {
      [name]: (...args: unknown[]): unknown => {
        if (this.#state !== 'headed') return Reflect.apply(original, this.#response, args)
        const fault = new Error('Cannot change headers after they were written')
        throw Object.assign(fault, { code: 'ERR_HTTP_HEADERS_SENT' })
      },
    })
  }

  get #isKept(): boolean {
    return this.#state === 'held' || this.#state === 'gathers' || this.#state === 'silent'
  }

  #writeHead(args: unknown[]): ServerResponse {
    const response = this.#response
    const [status, second, third] = args as [number, (string | Headers)?, Headers?]
    if (this.exchange === undefined || this.#state === 'sends' || status < 200) {
      return Reflect.apply(this.#original.writeHead, response, args)
    }
    if (this.#state !== 'open') return response
    response.statusCode = status
    if (typeof second === 'string') response.statusMessage = second
    absorb(response, typeof second === 'string' ? third : second)
    this.#state = 'headed'
    return response
  }

  /** `whole`: the body is known already, and all of it. */
  #decide(exchange: Exchange, whole?: Buffer): void {
    const response = this.#response
    this.#whole = whole
    const verdict = exchange.head(response.statusCode, response.getHeaders(), whole, this.#before)
    switch (verdict.do) {
      case 'replace':
        this.#replace(verdict.reply)
        break
      case 'not-modified':
        this.#notModified(verdict.set)
        break
      case 'gather':
        this.#state = 'gathers'
        this.#set = verdict.set
        break
      case 'send':
        this.#set = verdict.set
        if (verdict.after === undefined) this.#open()
        else {
          this.#state = 'held'
          void verdict.after.finally(() => this.#release())
        }
    }
  }

  #write(args: unknown[]): boolean {
    const response = this.#response
    const piece = bytesOf(args)
    if (this.exchange === undefined || piece === undefined) {
      return Reflect.apply(this.#original.write, response, args)
    }
    if (this.#state === 'open') response.writeHead(response.statusCode)
    if (this.#state === 'headed') this.#decide(this.exchange)
    if (this.#tell(piece)) return true
    if (this.#state === 'sends') return Reflect.apply(this.#original.write, response, args)
    if (this.#state === 'held') this.#waiting.push(() => Reflect.apply(this.#original.write, response, args))
    const callback = callbackOf(args)
    if (callback && this.#state !== 'held') process.nextTick(callback)
    return true
  }

  #end(args: unknown[]): ServerResponse {
    const response = this.#response
    const has = args[0] !== undefined && args[0] !== null && typeof args[0] !== 'function'
    const piece = has ? bytesOf(args) : undefined
    if (this.exchange === undefined || this.#ended || (has && piece === undefined)) {
      return Reflect.apply(this.#original.end, response, args)
    }
    if (this.#state === 'open') response.writeHead(response.statusCode)
    if (this.#state === 'headed') {
      this.#decide(this.exchange, response.req?.method === 'HEAD' ? undefined : (piece ?? Buffer.alloc(0)))
    }
    const sent = piece !== undefined && this.#tell(piece)
    this.#ended = true
    const reply = this.exchange.end()
    if (this.#state === 'gathers') {
      if (reply) {
        this.#replace(reply)
        return response
      }
      this.#release()
      return this.#close(args)
    }
    // What was gathered is out already.
    if (sent) return this.#close(args)
    if (this.#state === 'sends') return Reflect.apply(this.#original.end, response, args)
    if (this.#state === 'held') this.#waiting.push(() => Reflect.apply(this.#original.end, response, args))
    else callbackOf(args)?.()
    return response
  }

  #close(args: unknown[]): ServerResponse {
    const callback = callbackOf(args)
    return Reflect.apply(this.#original.end, this.#response, callback ? [callback] : [])
  }

  #flushHeaders(): void {
    const response = this.#response
    if (this.exchange && this.#state === 'open') response.writeHead(response.statusCode)
    if (this.exchange && this.#state === 'headed') this.#decide(this.exchange)
    if (!this.#isKept) this.#original.flushHeaders.call(response)
  }

  /** `true`: with all that was gathered it has been sent. */
  #tell(piece: Buffer): boolean {
    const fits = this.exchange?.chunk(piece)
    if (this.#state !== 'gathers') return false
    // Whoever wrote it may use his buffer again.
    this.#gathered.push(Buffer.from(piece))
    if (!fits) this.#release()
    return !fits
  }

  /** What waited goes out. */
  #release(): void {
    this.#open()
    for (const piece of this.#gathered.splice(0)) this.#original.write.call(this.#response, piece, 'utf8')
    for (const act of this.#waiting.splice(0)) act()
  }

  #open(): void {
    const response = this.#response
    this.#state = 'sends'
    for (const [name, value] of Object.entries(this.#set)) response.setHeader(name, String(value))
    // Node says the length where end() has the whole body, unless the head is out before.
    if (this.#whole && lacksLength(response)) response.setHeader('content-length', this.#whole.length)
    this.#original.writeHead.call(response, response.statusCode)
  }

  #notModified(set: object): void {
    const response = this.#response
    this.#state = 'silent'
    for (const name of response.getHeaderNames()) {
      if (!staysIn304(name) && this.#before[name] === undefined) response.removeHeader(name)
    }
    for (const [name, value] of Object.entries(set)) response.setHeader(name, String(value))
    response.statusMessage = ''
    this.#original.writeHead.call(response, 304)
    Reflect.apply(this.#original.end, response, [])
  }

  #replace(reply: Reply): void {
    const response = this.#response
    this.#state = 'silent'
    for (const name of response.getHeaderNames()) response.removeHeader(name)
    for (const [name, value] of Object.entries(this.#before)) {
      if (value !== undefined) response.setHeader(name, value)
    }
    response.statusMessage = ''
    this.#original.writeHead.call(response, reply.status, [...reply.lines])
    Reflect.apply(this.#original.end, response, reply.body ? [reply.body] : [])
  }
}

/** Sends an answer of ours, in place of the handler's. */
export function send(response: ServerResponse, { status, lines, body }: Reply): void {
  if (response.getHeaderNames().length === 0) response.writeHead(status, lines as string[])
  else {
    // Node would take every name out first and put it in again.
    for (let i = 0; i < lines.length; i += 2) {
      if (isRepeated(lines, i)) response.appendHeader(lines[i]!, lines[i + 1]!)
      else response.setHeader(lines[i]!, lines[i + 1]!)
    }
    response.writeHead(status)
  }
  if (body === undefined) response.end()
  else response.end(body)
}

function isRepeated(lines: readonly string[], at: number): boolean {
  for (let i = 0; i < at; i += 2) if (lines[i] === lines[at]) return true
  return false
}

/** The head as Node has it when nothing was given to `writeHead`: one place to look at and to change. */
export function absorb(response: ServerResponse, headers: Headers | undefined): void {
  if (headers === undefined || headers === null) return
  if (!Array.isArray(headers)) {
    for (const [name, value] of Object.entries(headers)) {
      if (value !== undefined) response.setHeader(name, value)
    }
    return
  }
  // Flat, or in pairs; a name that comes again is another line.
  const flat = (Array.isArray(headers[0]) ? headers.flat() : headers) as (string | number | string[])[]
  const seen = new Map<string, string[]>()
  for (let i = 0; i + 1 < flat.length; i += 2) {
    const name = String(flat[i])
    const value = flat[i + 1]!
    const before = seen.get(name.toLowerCase()) ?? []
    const lines = [...before, ...(Array.isArray(value) ? value : [String(value)])]
    seen.set(name.toLowerCase(), lines)
    response.setHeader(name, lines.length === 1 ? lines[0]! : lines)
  }
}

/** Does to a request what an exchange says: what is to be changed, and whom to tell of reads. */
export function prepare(
  request: IncomingMessage,
  { changes, watch }: Pick<Exchange, 'changes' | 'watch'>,
  ...others: object[]
): void {
  const changed = Object.entries(changes ?? {})
  if (changed.length > 0) {
    // Not in place: the cache goes by the fields as they came.
    const headers = { ...request.headers }
    for (const [name, value] of changed) {
      if (value === undefined) delete headers[name]
      else headers[name] = String(value)
    }
    request.headers = headers
    const names = new Set(changed.map(([name]) => name))
    const raw = request.rawHeaders.filter((_, i, all) => !names.has(all[i - (i % 2)]!.toLowerCase()))
    for (const [name, value] of changed) if (value !== undefined) raw.push(name, String(value))
    request.rawHeaders = raw
  }
  if (watch) watchRequest(request, watch, others)
}

function watchRequest(request: IncomingMessage, watch: Watch, others: readonly object[]): void {
  for (const object of [request, ...others]) watch.properties(object)
  const { rawHeaders } = request
  let fields = watch.fields(request.headers)
  Object.defineProperty(request, 'headers', {
    configurable: true,
    enumerable: true,
    get: () => fields,
    set: (headers: IncomingMessage['headers']) => {
      fields = watch.fields(headers)
    },
  })
  let raw = rawHeaders
  Object.defineProperty(request, 'rawHeaders', {
    configurable: true,
    enumerable: true,
    get: () => {
      watch.noteAll()
      return raw
    },
    set: (lines: string[]) => {
      raw = lines
    },
  })
}

function prototypeOf(response: ServerResponse): object {
  return Object.getPrototypeOf(response) as object
}

function lacksLength(response: ServerResponse): boolean {
  const { statusCode } = response
  if (statusCode === 204 || statusCode === 304) return false
  return !response.hasHeader('content-length') && !response.hasHeader('transfer-encoding')
}

/** `undefined` for what Node itself is to refuse. */
function bytesOf([chunk, encoding]: unknown[]): Buffer | undefined {
  if (typeof chunk === 'string') {
    return Buffer.from(chunk, typeof encoding === 'string' ? (encoding as BufferEncoding) : 'utf8')
  }
  if (!(chunk instanceof Uint8Array)) return undefined
  return Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength)
}

function callbackOf(args: unknown[]): Callback | undefined {
  return args.find((arg): arg is Callback => typeof arg === 'function')
}
