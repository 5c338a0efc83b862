/**
 * What travels on the bus: which keys were written, by which node; never a value. Two letters, the version of the format, the
 * kind, eight bytes of the sender, then storage keys, each after its length.
 */

/** A message is never made larger, and a larger one is nobody's of ours. */
const MOST_BYTES = 64 * 1024

const MARK = [0x73, 0x77]
const VERSION = 1
const KEYS = 1
const ALL = 2
const HEAD = 12
const SENDER = 4

/** Keys that were written, or that any may have been. */
export type News = { readonly keys: readonly string[] } | 'everything'

/** Why a message says nothing to us. */
export type Ignored = 'own' | 'garbage' | 'version' | 'oversized'

/** In as many messages as it takes; what does not fit into one says that anything may have been written. */
export function encodeNews(sender: Uint8Array, news: News): Uint8Array[] {
  if (news === 'everything') return [message(sender, ALL, [])]
  const messages: Uint8Array[] = []
  let parts: Buffer[] = []
  let size = HEAD
  for (const key of news.keys) {
    const text = Buffer.from(key)
    if (HEAD + 4 + text.length > MOST_BYTES) return [message(sender, ALL, [])]
    if (size + 4 + text.length > MOST_BYTES) {
      messages.push(message(sender, KEYS, parts))
      parts = []
      size = HEAD
    }
    const length = Buffer.alloc(4)
    length.writeUInt32BE(text.length)
    parts.push(length, text)
    size += 4 + text.length
  }
  if (parts.length > 0) messages.push(message(sender, KEYS, parts))
  return messages
}

function message(sender: Uint8Array, kind: number, parts: readonly Buffer[]): Uint8Array {
  return Buffer.concat([Buffer.of(...MARK, VERSION, kind), sender, ...parts])
}

/** Never throws, whatever the bytes. */
export function decodeNews(self: Uint8Array, bytes: Uint8Array): News | Ignored {
  if (bytes.length > MOST_BYTES) return 'oversized'
  if (bytes.length < HEAD || bytes[0] !== MARK[0] || bytes[1] !== MARK[1]) return 'garbage'
  if (bytes[2] !== VERSION) return 'version'
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  if (buffer.compare(self, 0, self.length, SENDER, HEAD) === 0) return 'own'
  if (bytes[3] === ALL) return bytes.length === HEAD ? 'everything' : 'garbage'
  if (bytes[3] !== KEYS) return 'garbage'
  const keys: string[] = []
  let at = HEAD
  while (at < buffer.length) {
    if (at + 4 > buffer.length) return 'garbage'
    const end = at + 4 + buffer.readUInt32BE(at)
    if (end > buffer.length) return 'garbage'
    keys.push(buffer.toString('utf8', at + 4, end))
    at = end
  }
  return keys.length > 0 ? { keys } : 'garbage'
}
