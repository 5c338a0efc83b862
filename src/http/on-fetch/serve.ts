/** A visit as a Fetch request, from its lookup to the response of the handler behind it. */
import { ConditionalExchange } from '../conditional.ts'
import type { PageCache } from '../page-cache.ts'
import { type Fields, fieldLines, fieldsOf } from '../policy/fields.ts'
import { staysIn304 } from '../policy/validators.ts'
import type { Exchange, Reply, Visit } from '../visit.ts'
import { prepare } from './watched-request.ts'

export type Handle = (request: Request, exchange?: Exchange) => Response | Promise<Response>

const NONE: Fields = Object.freeze({})
const reruns = new WeakSet<Request>()

/** Looks the page up; answers, or has `handle` do it and records what it answers. */
export async function serve<R>(
  cache: PageCache<R>,
  request: R,
  raw: Request,
  handle: Handle,
  site?: Handle,
  own: () => Fields = () => NONE,
): Promise<Response> {
  const course = await cache.begin(visitOf(request, raw, site))
  const set = own()
  if (course.do === 'reply') return responseOf(course.reply, set)
  const { exchange } = course
  let response: Response
  try {
    response = await handle(prepare(raw, exchange), exchange)
  } catch (error) {
    const reply = exchange.fail()
    if (reply === undefined) throw error
    return responseOf(reply, set)
  }
  return recorded(exchange, response, set)
}

/** Conditional GET alone. */
export async function conditionally(
  { method, headers }: Request,
  handle: () => Response | Promise<Response>,
): Promise<Response> {
  const exchange = new ConditionalExchange(method, fieldsOf(headers))
  const response = await handle()
  if (method !== 'GET' || response.headers.has('etag')) return recorded(exchange, response)
  const { whole, rest } = await atHand(response.body)
  const again = copyOf(response, whole && whole.length > 0 ? whole : (rest ?? null))
  return recorded(exchange, again, NONE, whole)
}

export function visitOf<R>(request: R, raw: Request, site?: Handle): Visit<R> {
  const url = new URL(raw.url)
  const told = raw.headers.get('host')?.toLowerCase()
  return {
    request,
    method: raw.method,
    target: url.pathname + url.search,
    scheme: url.protocol === 'https:' ? 'https' : 'http',
    // The handler sees the URL's; another in Host may be the one it believes.
    host: told === undefined || sameHost(told, url) ? url.host : [url.host, told],
    fields: fieldsOf(raw.headers),
    ...(reruns.has(raw) && { refresh: true }),
    ...(site && { rerun: (fields: Visit['fields']) => rerun(site, raw.url, fields) }),
  }
}

function sameHost(told: string, url: URL): boolean {
  return URL.canParse(`${url.protocol}//${told}`) && new URL(`${url.protocol}//${told}`).host === url.host
}

async function rerun(site: Handle, url: string, fields: Visit['fields']): Promise<void> {
  const pairs = Object.entries(fields).map(([name, value]): [string, string] => [name, String(value)])
  const request = new Request(url, { headers: pairs })
  reruns.add(request)
  const response = await site(request)
  await response.arrayBuffer()
  if (response.status >= 500) throw new Error(`the handler answered ${response.status}`)
}

/** What the handler answered, as it goes out. */
export async function recorded(
  exchange: Exchange,
  response: Response,
  own = NONE,
  whole?: Buffer,
): Promise<Response> {
  // An upgrade or a network error is no response to be changed.
  if (response.status < 200) return response
  const verdict = exchange.head(response.status, fieldsOf(response.headers), whole, own)
  switch (verdict.do) {
    case 'replace':
      await response.body?.cancel()
      return responseOf(verdict.reply, own)
    case 'not-modified':
      await response.body?.cancel()
      exchange.end()
      return withHeaders(
        new Response(null, { status: 304, headers: headersOf304(response, own) }),
        verdict.set,
      )
    case 'gather':
      return gathered(exchange, response, verdict.set, own)
    case 'send':
      await verdict.after
      if (!verdict.kept) return withHeaders(response, verdict.set)
      return withHeaders(copyOf(response, told(exchange, response.body)), verdict.set)
  }
}

function headersOf304({ headers }: Response, own: Fields): Headers {
  const kept = new Headers()
  for (const [name, line] of headers) {
    if (staysIn304(name) || own[name] !== undefined) kept.append(name, line)
  }
  return kept
}

/** More of a body than this is not waited for. */
const MOST_AT_HAND = 1024 ** 2

/** The whole body where it is there already, as that of `new Response('text')` is; else a stream of all of it. */
async function atHand(
  body: ReadableStream<Uint8Array> | null,
): Promise<{ whole?: Buffer; rest?: ReadableStream<Uint8Array> }> {
  if (body === null) return { whole: Buffer.alloc(0) }
  const reader = body.getReader()
  const pieces: Uint8Array[] = []
  let length = 0
  const later = new Promise<'later'>((resolve) => setImmediate(() => resolve('later')))
  for (;;) {
    const next = reader.read()
    const step = length > MOST_AT_HAND ? 'later' : await Promise.race([next, later])
    if (step === 'later') return { rest: streamOf(pieces, reader, next) }
    if (step.done) return { whole: Buffer.concat(pieces) }
    pieces.push(step.value)
    length += step.value.byteLength
  }
}

type Reader = ReadableStreamDefaultReader<Uint8Array>

/** What was read already, and the rest. */
function streamOf(
  pieces: readonly Uint8Array[],
  reader: Reader,
  pending?: ReturnType<Reader['read']>,
): ReadableStream<Uint8Array> {
  let next = pending
  return new ReadableStream<Uint8Array>({
    start: (out) => {
      for (const piece of pieces) out.enqueue(piece)
    },
    async pull(out) {
      const more = await (next ?? reader.read())
      next = undefined
      if (more.done) out.close()
      else out.enqueue(more.value)
    },
    cancel: (reason) => reader.cancel(reason),
  })
}

/** Reads the whole body first, unless it turns out too large. */
async function gathered(exchange: Exchange, response: Response, set: object, own: Fields): Promise<Response> {
  const pieces: Uint8Array[] = []
  const reader = response.body?.getReader()
  for (;;) {
    const step = await reader?.read().catch((error: unknown) => {
      exchange.fail()
      throw error
    })
    if (step === undefined || step.done) break
    pieces.push(step.value)
    if (exchange.chunk(bytesOf(step.value))) continue
    return withHeaders(copyOf(response, streamOf(pieces, reader!)), set)
  }
  const reply = exchange.end()
  if (reply) return responseOf(reply, own)
  return withHeaders(copyOf(response, Buffer.concat(pieces)), set)
}

/** The same body, told to the exchange as it passes. */
function told(
  exchange: Exchange,
  body: ReadableStream<Uint8Array> | null,
): ReadableStream<Uint8Array> | null {
  if (body === null) {
    exchange.end()
    return null
  }
  const reader = body.getReader()
  return new ReadableStream<Uint8Array>({
    async pull(out) {
      try {
        const step = await reader.read()
        if (step.done) {
          exchange.end()
          out.close()
        } else {
          exchange.chunk(bytesOf(step.value))
          out.enqueue(step.value)
        }
      } catch (error) {
        exchange.fail()
        out.error(error)
      }
    },
    cancel(reason) {
      exchange.fail()
      return reader.cancel(reason)
    },
  })
}

function copyOf(response: Response, body: ReadableStream<Uint8Array> | Buffer | null): Response {
  const { status, statusText, headers } = response
  const given = isBodiless(status) ? null : body
  return new Response(given instanceof Buffer ? viewOf(given) : given, { status, statusText, headers })
}

/** What a `Response` takes no body with, not even an empty one. */
function isBodiless(status: number): boolean {
  return status === 204 || status === 205 || status === 304
}

function bytesOf({ buffer, byteOffset, byteLength }: Uint8Array): Buffer {
  return Buffer.from(buffer, byteOffset, byteLength)
}

function withHeaders(response: Response, set: object): Response {
  try {
    apply(response.headers, set)
    return response
  } catch {
    // What fetch() answered cannot be changed.
    const copy = copyOf(response, response.body)
    apply(copy.headers, set)
    return copy
  }
}

function apply(headers: Headers, set: object): void {
  for (const [name, value] of Object.entries(set)) {
    if (value === undefined) headers.delete(name)
    else headers.set(name, String(value))
  }
}

/** `own`: the fields that were set before the lookup, which every visit gets anew. */
export function responseOf({ status, lines, body }: Reply, own = NONE): Response {
  const headers = new Headers()
  for (let i = 0; i < lines.length; i += 2) headers.append(lines[i]!, lines[i + 1]!)
  for (const name of Object.keys(own)) {
    if (headers.has(name)) continue
    for (const line of fieldLines(own, name)) headers.append(name, line)
  }
  return new Response(body && !isBodiless(status) ? viewOf(body) : null, { status, headers })
}

/** The same bytes as a `Response` takes them; memory shared between threads it does not take, so that is copied. */
function viewOf(body: Buffer): Uint8Array<ArrayBuffer> {
  const { buffer, byteOffset, byteLength } = body
  return buffer instanceof ArrayBuffer
    ? new Uint8Array(buffer, byteOffset, byteLength)
    : Uint8Array.from(body)
}

/** What is set on a response. */
export function fieldsSet({ headers }: Response): Fields {
  return fieldsOf(headers)
}
