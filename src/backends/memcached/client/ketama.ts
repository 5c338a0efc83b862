/**
 * Consistent hashing that puts every key where libmemcached does with KETAMA_WEIGHTED (and so pylibmc, php-memcached,
 * dalli …): adding a server moves only that server's share. Each server has 160 points on average, four from each MD5 of
 * `host:port-i`; the default port is left out of that label. A key belongs to the first point at or after its own hash.
 */
import { hash } from 'node:crypto'
import { type Address, DEFAULT_PORT } from './servers.ts'

const POINTS = 160
const POINTS_A_DIGEST = 4

/** Four little-endian numbers of an MD5, of which a key uses the first. */
function quarter(digest: string, index: number): number {
  const at = index * 4
  return (
    ((digest.charCodeAt(at + 3) << 24) |
      (digest.charCodeAt(at + 2) << 16) |
      (digest.charCodeAt(at + 1) << 8) |
      digest.charCodeAt(at)) >>>
    0
  )
}

export function ketama(servers: readonly Address[]): (key: string) => number {
  const total = servers.reduce((sum, server) => sum + server.weight, 0)
  const points = servers.flatMap((server, index) =>
    pointsOf(server, total, servers.length).map((at) => ({ at, index })),
  )
  points.sort((a, b) => a.at - b.at)
  const at = Uint32Array.from(points, (point) => point.at)
  const owner = Uint16Array.from(points, (point) => point.index)

  return (key) => {
    const wanted = quarter(hash('md5', key, 'binary'), 0)
    let low = 0
    let high = at.length
    while (low < high) {
      const middle = (low + high) >>> 1
      if (at[middle]! < wanted) low = middle + 1
      else high = middle
    }
    return owner[low === at.length ? 0 : low]!
  }
}

function pointsOf(server: Address, total: number, servers: number): number[] {
  // libmemcached counts in C floats, and a weight of 1 in 3 comes out otherwise in doubles.
  const f = Math.fround
  const share = f(f(server.weight) / f(total))
  const digests = Math.floor(f(f(f(f(share * POINTS) / POINTS_A_DIGEST) * servers) + 0.000_000_000_1))
  const label =
    server.path === ''
      ? server.port === DEFAULT_PORT
        ? server.host
        : `${server.host}:${server.port}`
      : `${server.path}:0`
  return Array.from({ length: digests }, (_, i) => hash('md5', `${label}-${i}`, 'binary')).flatMap((digest) =>
    Array.from({ length: POINTS_A_DIGEST }, (_, index) => quarter(digest, index)),
  )
}
