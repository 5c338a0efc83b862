/** A visit on Node's own request and response, from its lookup to the handler behind it. */
import type { IncomingMessage, OutgoingHttpHeaders, ServerResponse } from 'node:http'
import { andThen } from '../../core/answer.ts'
import type { PageCache } from '../page-cache.ts'
import type { Scheme } from '../policy/page-key.ts'
import type { Visit } from '../visit.ts'
import { absorb, Capture, prepare, send } from './capture.ts'
import { isRerun, rerun } from './rerun.ts'

/** Where an adapter found what. `R` is the framework's own request. */
export interface NodeVisit<R> {
  readonly request: R
  readonly raw: IncomingMessage
  readonly response: ServerResponse
  /** As received, where the framework changes `raw.url`. */
  readonly target?: string | undefined
  /** The framework trusts the proxy it comes from. */
  readonly trusted?: (() => boolean) | undefined
  /** What the framework tells of the URL, where it believes a proxy in a way of its own. */
  readonly told?: { readonly scheme: string; readonly host: string } | undefined
  /** Runs the whole site for another request, so that stale pages can be renewed. */
  readonly site?: ((request: IncomingMessage, response: ServerResponse) => unknown) | undefined
  /** Fields of the response that the framework has set and keeps in a place of its own until it answers. */
  readonly set?: (() => Readonly<OutgoingHttpHeaders>) | undefined
  /** Objects beside the request that middlewares put things on. */
  readonly beside?: readonly object[]
}

const captures = new WeakMap<ServerResponse, Capture>()

/** The outer half: captures the response, for a lookup that comes later. */
export function update(response: ServerResponse): void {
  captures.set(response, new Capture(response))
}

export function isUpdated(response: ServerResponse): boolean {
  return captures.has(response)
}

/**
 * Looks the page up; answers, or has `go` call the handler and records what it sends. What `go` throws goes on,
 * unless a stale page may stand in. Answers what `go` does; `answered` tells that it was not called.
 */
export function serve<R, T>(
  cache: PageCache<R>,
  on: NodeVisit<R>,
  go: () => T,
  answered?: () => T,
): T | Promise<Awaited<T>> | undefined | Promise<T | undefined> {
  const { response } = on
  const outer = captures.get(response)
  if (outer?.exchange?.adopt?.(cache.spot, cache.settings)) return go()
  const { raw, target = raw.url ?? '' } = on
  const plain = isRerun(raw)
    ? undefined
    : cache.plainHits?.find(raw.method, schemeOf(raw), target, raw.rawHeaders)
  if (plain !== undefined) {
    if (on.set) absorb(response, on.set())
    send(response, plain)
    return answered?.()
  }
  return andThen(cache.begin(visitOf(on)), (course): T | Promise<T | undefined> | undefined => {
    if (course.do === 'reply') {
      if (on.set) absorb(response, on.set())
      send(response, course.reply)
      return answered?.()
    }
    const { exchange } = course
    if (response.destroyed) {
      exchange.fail()
      return answered?.()
    }
    const capture = outer && outer.exchange === undefined ? outer : new Capture(response)
    captures.set(response, capture)
    capture.begin(exchange, on.set?.())
    prepare(on.raw, exchange, ...(on.beside ?? []))
    const failed = (error: unknown): undefined => {
      if (!capture.fail()) throw error
      answered?.()
      return undefined
    }
    try {
      const done = go()
      return done instanceof Promise ? done.catch(failed) : done
    } catch (error) {
      return failed(error)
    }
  }) as T | undefined
}

function visitOf<R>({ request, raw, target, trusted, told, site }: NodeVisit<R>): Visit<R> {
  const scheme = schemeOf(raw)
  const url = target ?? raw.url ?? ''
  const trusts = trusted?.() ?? false
  return {
    request,
    method: raw.method ?? '',
    target: url,
    scheme: told ? (told.scheme === 'https' ? 'https' : 'http') : scheme,
    host: told ? told.host : hostOf(raw),
    fields: raw.headers,
    ...(trusts && { trusted: told ? ('applied' as const) : true }),
    ...(isRerun(raw) && { refresh: true }),
    ...(site && { rerun: (fields) => rerun(site, url, scheme === 'https', fields) }),
  }
}

function schemeOf({ socket }: IncomingMessage): Scheme {
  return 'encrypted' in socket && socket.encrypted === true ? 'https' : 'http'
}

/** Node keeps the first of several Host lines and drops the others; whoever reads the raw ones may believe another. */
function hostOf({ headers, rawHeaders }: IncomingMessage): Visit['host'] {
  let lines = 0
  for (let i = 0; i < rawHeaders.length; i += 2) {
    const name = rawHeaders[i]!
    if (name.length === 4 && name.toLowerCase() === 'host') lines++
  }
  return lines > 1 ? new Array<string>(lines).fill(headers.host ?? '') : headers.host
}
