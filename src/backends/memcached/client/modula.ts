/**
 * `hash(key) % servers`, as older clients place keys. Simple and even, but a server more or less moves nearly every key.
 * A weight counts a server several times, as python-memcached does.
 */
import { hash as digest } from 'node:crypto'
import { crc32 } from 'node:zlib'
import type { Address } from './servers.ts'

/**
 * - `crc`: python-memcached's, newcache's, and libmemcached's CRC
 * - `md5`: libmemcached's MD5
 * - `fnv1a`: libmemcached's FNV1A_32
 * - `jenkins`: libmemcached's default, one-at-a-time
 */
export type ModulaHash = 'crc' | 'md5' | 'fnv1a' | 'jenkins'

const HASHES: Record<ModulaHash, (key: string) => number> = {
  crc(key) {
    // python-memcached never uses 0; libmemcached does, and differs for one key in 32,768.
    return (crc32(key) >>> 16) & 0x7fff || 1
  },
  md5(key) {
    return Buffer.from(digest('md5', key, 'buffer')).readUInt32LE(0)
  },
  fnv1a(key) {
    let sum = 0x811c9dc5
    for (const byte of Buffer.from(key)) sum = Math.imul(sum ^ byte, 0x01000193)
    return sum >>> 0
  },
  jenkins(key) {
    let sum = 0
    // A C char, there: bytes from 0x80 on count as negative.
    for (const byte of new Int8Array(Buffer.from(key))) {
      sum = (sum + byte) | 0
      sum = (sum + (sum << 10)) | 0
      sum ^= sum >>> 6
    }
    sum = (sum + (sum << 3)) | 0
    sum ^= sum >>> 11
    return (sum + (sum << 15)) >>> 0
  },
}

export function modula(servers: readonly Address[], hash: ModulaHash): (key: string) => number {
  const buckets = servers.flatMap((server, index) => Array<number>(server.weight).fill(index))
  const sum = HASHES[hash]
  return (key) => buckets[sum(key) % buckets.length]!
}
