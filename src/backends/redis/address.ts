/**
 * Where a server is, from what the user wrote. Messages never show what was written: it may hold a password.
 */
import { argumentError } from '../../core/errors.ts'
import { kindOf } from '../../core/options.ts'

export interface Address {
  readonly host: string
  readonly port: number
  /** A unix socket; then host and port do not count. */
  readonly path?: string
  readonly tls: boolean | object
  readonly username?: string
  readonly password?: string
  readonly db?: number
}

const PLAIN = ['redis:', 'valkey:']
const SECURE = ['rediss:', 'valkeys:']
const PARAMETERS = ['db', 'username', 'password']
const HOST_AND_PORT = /^(?:\[([0-9a-f:.]+)\]|([a-z0-9._-]+)):(\d{1,5})$/i

/** One server: a URL (`redis rediss valkey valkeys unix`), or the path of a socket. */
function parseUrl(name: string, text: unknown): Address {
  if (typeof text !== 'string' || text.trim() === '') throw bad(name, `must be a URL, not ${kindOf(text)}`)
  const trimmed = text.trim()
  if (trimmed.startsWith('/')) return { host: '', port: 0, path: trimmed, tls: false }
  if (!URL.canParse(trimmed)) {
    throw bad(
      name,
      'is no URL: write redis://user:password@host:6379/0, with odd characters of the password percent-encoded',
    )
  }
  const url = new URL(trimmed)
  const unix = url.protocol === 'unix:'
  const secure = SECURE.includes(url.protocol)
  if (!unix && !secure && !PLAIN.includes(url.protocol)) {
    throw bad(name, 'must begin with redis://, rediss://, valkey://, valkeys:// or unix:/')
  }
  const given = url.searchParams.get('db') ?? (unix ? '' : url.pathname.slice(1))
  // Before the path of a socket there is no place for a user.
  const username = url.searchParams.get('username') ?? decoded(name, url.username)
  const password = url.searchParams.get('password') ?? decoded(name, url.password)
  for (const parameter of url.searchParams.keys()) {
    if (PARAMETERS.includes(parameter)) continue
    throw bad(name, 'knows the parameters db, username and password: the rest belongs in clientOptions')
  }
  if (given !== '' && !/^\d{1,5}$/.test(given)) throw bad(name, 'must end with a database number, as in /0')
  return {
    host: url.hostname.replace(/^\[|\]$/g, '') || '127.0.0.1',
    port: url.port === '' ? 6379 : Number(url.port),
    ...(unix && { path: decoded(name, url.pathname) }),
    tls: secure,
    ...(username !== '' && { username }),
    ...(password !== '' && { password }),
    ...(given !== '' && { db: Number(given) }),
  }
}

/** Servers: one, a string of them with `;` or `,` between, or a list. The first is the leader. */
export function parseUrls(name: string, urls: unknown): Address[] {
  const list = Array.isArray(urls) ? urls : typeof urls === 'string' ? urls.split(/[;,]/) : [urls]
  if (list.length === 0) throw bad(name, 'must name at least one server')
  return list.map((url) => parseUrl(name, url))
}

/** Nodes of a Cluster, or Sentinels: `host:port`, `{ host, port }`, or a URL. */
export function parseNodes(name: string, nodes: unknown, port: number): Address[] {
  if (!Array.isArray(nodes) || nodes.length === 0) {
    throw bad(name, `must be a list of servers such as ['127.0.0.1:${port}']`)
  }
  return nodes.map((node: unknown) => {
    if (typeof node === 'object' && node !== null && 'host' in node && typeof node.host === 'string') {
      const own = 'port' in node ? node.port : port
      if (typeof own === 'number' && Number.isInteger(own) && own > 0 && own < 65_536) {
        return { host: node.host, port: own, tls: false }
      }
      throw bad(name, 'must name each port as a number from 1 to 65535')
    }
    const parts = typeof node === 'string' ? HOST_AND_PORT.exec(node.trim()) : null
    if (!parts) return parseUrl(name, node)
    return { host: parts[1] ?? parts[2]!, port: Number(parts[3]), tls: false }
  })
}

function decoded(name: string, part: string): string {
  try {
    return decodeURIComponent(part)
  } catch {
    throw bad(name, 'has a % that begins no character: write %25 for it')
  }
}

function bad(name: string, why: string): Error {
  return argumentError(TypeError, 'INVALID_OPTION', `redis(): ${name} ${why}`)
}
