/**
 * A response whose fields can be read and set: Node's own, Fastify's reply, a Fetch Response or its Headers,
 * or a context of Koa or Hono that has one of them. One face over them all.
 */
import type { ServerResponse } from 'node:http'
import { argumentError } from '../core/errors.ts'
import { kindOf } from '../core/options.ts'

interface NodeLike {
  getHeader(name: string): unknown
  setHeader?(name: string, value: string): unknown
  header?(name: string, value: string): unknown
}

/** Whatever the header helpers take. */
export type HeaderTarget =
  | Pick<ServerResponse, 'getHeader' | 'setHeader'>
  | { getHeader(name: string): unknown; header(name: string, value: string): unknown }
  | Headers
  | { readonly headers: Headers }
  | { readonly res: HeaderTarget }

export interface HeaderAccess {
  get(name: string): string | undefined
  set(name: string, value: string): void
}

/** @throws {TypeError} code `INVALID_RESPONSE`. */
export function headersOf(target: unknown): HeaderAccess {
  if (typeof target === 'object' && target !== null) {
    if (target instanceof Headers) return ofFetch(target)
    const { headers, res } = target as { headers?: unknown; res?: unknown }
    if (isNodeLike(target)) return ofNode(target)
    if (headers instanceof Headers) return ofFetch(headers)
    if (res !== undefined && res !== target) return headersOf(res)
  }
  throw argumentError(
    TypeError,
    'INVALID_RESPONSE',
    `expected a response: Node's, Fastify's reply, a Fetch Response or Headers, or a context that has one; not ${kindOf(target)}`,
  )
}

function isNodeLike(target: object): target is NodeLike {
  const { getHeader, setHeader, header } = target as Partial<NodeLike>
  return typeof getHeader === 'function' && (typeof setHeader === 'function' || typeof header === 'function')
}

function ofNode(response: NodeLike): HeaderAccess {
  return {
    get(name) {
      const value = response.getHeader(name)
      if (value === undefined || value === null) return undefined
      return Array.isArray(value) ? value.join(', ') : String(value)
    },
    set(name, value) {
      if (response.setHeader) response.setHeader(name, value)
      else response.header?.(name, value)
    },
  }
}

function ofFetch(headers: Headers): HeaderAccess {
  return {
    get: (name) => headers.get(name) ?? undefined,
    set: (name, value) => headers.set(name, value),
  }
}
