/**
 * Highest random weight, as pymemcache's HashClient places keys: murmur3 of `server-key` for every server, and the
 * highest wins. A server less moves only its own keys. Weights have no part in it.
 */
import type { Address } from './servers.ts'

export function rendezvous(servers: readonly Address[]): (key: string) => number {
  // pymemcache writes v6 addresses without brackets, and a path as it was given.
  const labels = servers.map(({ host, port, path, name }) => (path === '' ? `${host}:${port}` : name))
  return (key) => {
    let winner = 0
    let highest = -1
    for (let index = 0; index < labels.length; index++) {
      const score = murmur3(`${labels[index]}-${key}`)
      if (score > highest || (score === highest && labels[index]! > labels[winner]!)) {
        winner = index
        highest = score
      }
    }
    return winner
  }
}

/** MurmurHash3, 32 bits, over the low bytes of the code points: what pymemcache does with a text. */
export function murmur3(text: string): number {
  const points = Array.from(text, (letter) => letter.codePointAt(0)! & 0xff)
  const whole = points.length & ~3
  let sum = 0
  for (let i = 0; i < whole; i += 4) {
    const block = points[i]! | (points[i + 1]! << 8) | (points[i + 2]! << 16) | (points[i + 3]! << 24)
    sum ^= scramble(block)
    sum = (Math.imul((sum << 13) | (sum >>> 19), 5) + 0xe6546b64) | 0
  }
  let rest = 0
  for (let i = points.length - 1; i >= whole; i--) rest = (rest << 8) | points[i]!
  if (points.length > whole) sum ^= scramble(rest)
  sum ^= points.length
  sum = Math.imul(sum ^ (sum >>> 16), 0x85ebca6b)
  sum = Math.imul(sum ^ (sum >>> 13), 0xc2b2ae35)
  return (sum ^ (sum >>> 16)) >>> 0
}

function scramble(block: number): number {
  const mixed = Math.imul(block, 0xcc9e2d51)
  return Math.imul((mixed << 15) | (mixed >>> 17), 0x1b873593)
}
