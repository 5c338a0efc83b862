/**
 * What a storage key is called on the server. Most are called what they are; the client carries odd characters as base64.
 * What is too long for that, or what the protocol cannot carry, becomes its SHA-256 digest behind a mark. A storage key that already
 * looks like one of those is digested too: no key of anyone's can be taken for the digest of another.
 */
import { createHash } from 'node:crypto'
import type { ClientOptions } from './client/index.ts'
import { isPlain, MAX_KEY_BYTES } from './client/index.ts'

/** So much of the key stays readable, for whoever looks at the server. */
const READABLE = 60

const DIGESTED = /~sha256~[\w-]{43}$/

/** Three bytes are four characters of base64. */
const MAX_ODD_BYTES = Math.floor(MAX_KEY_BYTES / 4) * 3

/** Ends a word or a line in the text protocol. */
const SEPARATOR = /[\p{Cc}\x20]/u

export function wireKeys(protocol: ClientOptions['protocol']): (storageKey: string) => string {
  const fits = protocol === 'text' ? fitsText : protocol === 'binary' ? fitsBinary : fitsMeta
  return (storageKey) =>
    (isPlain(storageKey) || fits(storageKey)) && !DIGESTED.test(storageKey)
      ? storageKey
      : digested(storageKey)
}

function fitsMeta(storageKey: string): boolean {
  return storageKey.length <= MAX_ODD_BYTES && Buffer.byteLength(storageKey) <= MAX_ODD_BYTES
}

function fitsBinary(storageKey: string): boolean {
  return storageKey.length <= MAX_KEY_BYTES && Buffer.byteLength(storageKey) <= MAX_KEY_BYTES
}

function fitsText(storageKey: string): boolean {
  return fitsBinary(storageKey) && !SEPARATOR.test(storageKey)
}

function digested(storageKey: string): string {
  const readable = storageKey.slice(0, READABLE).replace(/[^\x21-\x7e]/g, '?')
  return `${readable}~sha256~${createHash('sha256').update(storageKey).digest('base64url')}`
}
