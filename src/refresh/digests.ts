/** The key of a job and its arguments: the name, and a digest of the values, so that no argument shows in events, logs and stores. */
import { hash } from 'node:crypto'

/** Digests remembered, twice so many at most: to make one takes longer than a hit in memory. */
const REMEMBERED = 1_000

let young = new Map<string, string>()
let old = new Map<string, string>()

/** SHA-256 as 43 letters, digits, `-` and `_`. */
export function digest(text: string): string {
  const known = young.get(text)
  if (known !== undefined) return known
  const made = old.get(text) ?? hash('sha256', text, 'base64url')
  if (young.size >= REMEMBERED) {
    old = young
    young = new Map()
  }
  young.set(text, made)
  return made
}
