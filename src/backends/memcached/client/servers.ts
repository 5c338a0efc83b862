/**
 * Where the servers are: `host:port`, `host`, `[v6]:port`, `unix:/path` or a bare `/path`, one, several in a string split
 * at `,` or `;`, or a list. A name decides where keys rest, so it is kept as written and never resolved.
 */
import { argumentError } from './errors.ts'

export const DEFAULT_PORT = 11_211

/** One server, with its share of the keys. */
export interface ServerOptions {
  /** Name or address; an IPv6 address with or without brackets. */
  host?: string
  /** Default 11211. */
  port?: number
  /** A unix socket, instead of host and port. */
  path?: string
  /** A whole number from 1; default 1. Twice the weight, twice the keys. */
  weight?: number
}

/** A server as the rest of the client knows it. */
export interface Address {
  /** `host:port`, `[v6]:port` or `unix:/path`: for messages and statistics. */
  readonly name: string
  readonly host: string
  readonly port: number
  /** Empty where it is reached by TCP. */
  readonly path: string
  readonly weight: number
}

export function parseServers(servers: string | readonly (string | ServerOptions)[]): readonly Address[] {
  const list = typeof servers === 'string' ? servers.split(/[,;]/) : servers
  if (!Array.isArray(list)) {
    throw argumentError(TypeError, 'INVALID_OPTION', "servers: expected a string like 'host:port' or a list")
  }
  const addresses = list.map((server) => (typeof server === 'string' ? parseOne(server) : checkOne(server)))
  if (addresses.length === 0) {
    throw argumentError(TypeError, 'INVALID_OPTION', 'servers: name at least one server')
  }
  const names = new Set(addresses.map((address) => address.name))
  if (names.size < addresses.length) {
    throw argumentError(TypeError, 'INVALID_OPTION', 'servers: one is named twice; give it a weight instead')
  }
  return Object.freeze(addresses)
}

function parseOne(text: string): Address {
  const server = text.trim()
  if (server.startsWith('unix:'))
    return address('', DEFAULT_PORT, server.slice(5).replace(/^\/\/(?=\/)/, ''), 1)
  if (server.startsWith('/')) return address('', DEFAULT_PORT, server, 1)
  const v6 = /^\[([^\]]+)\](?::(\d+))?$/.exec(server)
  if (v6 !== null) return address(v6[1]!, v6[2] === undefined ? DEFAULT_PORT : Number(v6[2]), '', 1)
  const named = /^([^\s:/[\]@]+)(?::(\d+))?$/.exec(server)
  if (named === null) {
    throw argumentError(
      TypeError,
      'INVALID_OPTION',
      "servers: each is 'host', 'host:port', '[v6]:port' or 'unix:/path', without a scheme or a password",
    )
  }
  return address(named[1]!, named[2] === undefined ? DEFAULT_PORT : Number(named[2]), '', 1)
}

const KNOWN = new Set(['host', 'port', 'path', 'weight'])

function checkOne(server: ServerOptions): Address {
  if (typeof server !== 'object' || server === null) {
    throw argumentError(TypeError, 'INVALID_OPTION', 'servers: each is a string or { host, port, weight }')
  }
  const odd = Object.keys(server).find((name) => !KNOWN.has(name))
  if (odd !== undefined) {
    throw argumentError(TypeError, 'INVALID_OPTION', `servers: no such option ${JSON.stringify(odd)}`)
  }
  const { host = '', port = DEFAULT_PORT, path = '', weight = 1 } = server
  if ((host === '') === (path === '')) {
    throw argumentError(TypeError, 'INVALID_OPTION', 'servers: each has either a host or a path')
  }
  return address(host.replace(/^\[(.*)\]$/, '$1'), port, path, weight)
}

function address(host: string, port: number, path: string, weight: number): Address {
  if (!Number.isInteger(port) || port < 1 || port > 65_535) {
    throw argumentError(RangeError, 'INVALID_OPTION', 'servers: a port is a whole number from 1 to 65535')
  }
  if (!Number.isInteger(weight) || weight < 1 || weight > 65_535) {
    throw argumentError(RangeError, 'INVALID_OPTION', 'servers: a weight is a whole number from 1 to 65535')
  }
  if (path !== '' && (!path.startsWith('/') || path.includes('\0'))) {
    throw argumentError(TypeError, 'INVALID_OPTION', 'servers: the path of a unix socket begins with /')
  }
  const name = path === '' ? `${host.includes(':') ? `[${host}]` : host}:${port}` : `unix:${path}`
  return Object.freeze({ name, host, port, path, weight })
}
