/** A visit as a Fetch request, from its lookup to the response of the handler behind it. */
import { ConditionalExchange } from '../conditional.ts'
import type { PageCache } from '../page-cache.ts'
import { type Fields, fieldLines, fieldsOf } from '../policy/fields.ts'
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
  return recorded(exchange, await handle())
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
export async function recorded(exchange: Exchange, response: Response, own = NONE): Promise<Response> {
  // An upgrade or a network error is no response to be changed.
  if (response.status < 200) return response
  const verdict = exchange.head(response.status, fieldsOf(response.headers), undefined, own)
  switch (verdict.do) {
    case 'replace':
      await response.body?.cancel()
      return responseOf(verdict.reply, own)
    case 'not-modified':
      await response.body?.cancel()
      exchange.end()
      return withHeaders(new Response(null, { status: 304, headers: response.headers }), {
        ...Object.fromEntries(DESCRIBES_A_BODY.map((name) => [name, undefined])),
        ...verdict.set,
      })
    case 'gather':
      return gathered(exchange, response, verdict.set, own)
    case 'send':
      await verdict.after
      if (!verdict.kept) return withHeaders(response, verdict.set)
      return withHeaders(copyOf(response, told(exchange, response.body)), verdict.set)
  }
}

const DESCRIBES_A_BODY = ['content-length', 'content-type', 'content-encoding', 'content-language']

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
    if (exchange.chunk(Buffer.from(step.value))) continue
    const rest = new ReadableStream<Uint8Array>({
      start: (out) => {
        for (const piece of pieces) out.enqueue(piece)
      },
      async pull(out) {
        const more = await reader!.read()
        if (more.done) out.close()
        else out.enqueue(more.value)
      },
      cancel: (reason) => reader!.cancel(reason),
    })
    return withHeaders(copyOf(response, rest), set)
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
          exchange.chunk(Buffer.from(step.value))
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
  return new Response(body instanceof Buffer ? viewOf(body) : body, { status, statusText, headers })
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
  return new Response(body ? viewOf(body) : null, { status, headers })
}

/** The same bytes as a `Response` takes them; memory shared between threads it does not take, so that is copied. */
function viewOf(body: Buffer): Uint8Array<ArrayBuffer> {
  const { buffer, byteOffset, byteLength } = body
  return buffer instanceof ArrayBuffer
    ? new Uint8Array(buffer, byteOffset, byteLength)
    : Uint8Array.from(body)
}
