/**
 * Which slot of a Cluster a key lives in, and the key of its claim, which must live in the same one: the scripts that
 * change an entry and its claim in one step are only allowed within a slot.
 *
 * A claim begins as its key does, so that `clear` and an ACL by prefix cover both. The key is followed by a mark that no
 * storage key holds (a lone U+FFFD is doubled there). A key with a `{tag}` keeps its slot by that tag; any other is
 * hashed whole, and three letters after the mark bring the checksum back to the key's own slot.
 */

const SLOTS = 16_384
const MARK = '\ufffdclaim'
const LETTERS = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz'

/** What follows the key in that of its claim, with nothing in the place of the letters. */
const ENDING: Uint8Array = Buffer.from(`${MARK}\0\0\0`)

/** CRC-16/XMODEM, by byte: the checksum that Redis Cluster specifies. */
const TABLE = Uint16Array.from({ length: 256 }, (_, byte) => {
  let crc = byte << 8
  for (let bit = 0; bit < 8; bit++) crc = crc & 0x8000 ? (crc << 1) ^ 0x1021 : crc << 1
  return crc
})

function crcByte(crc: number, byte: number): number {
  return ((crc << 8) & 0xffff) ^ TABLE[(crc >> 8) ^ byte]!
}

function crcText(crc: number, text: string): number {
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i)
    if (code > 0x7f) return Buffer.from(text.slice(i)).reduce(crcByte, crc)
    crc = crcByte(crc, code)
  }
  return crc
}

/** What is between the first `{` and the next `}`, where there is anything: the only part that is then hashed. */
function tagOf(key: string): string | undefined {
  const open = key.indexOf('{')
  if (open === -1) return undefined
  const close = key.indexOf('}', open + 1)
  return close === -1 || close === open + 1 ? undefined : key.slice(open + 1, close)
}

/** The slot of a key, 0 to 16,383. */
export function slotOf(key: string): number {
  return crcText(0, tagOf(key) ?? key) % SLOTS
}

/** Where the claim of a key is kept: another key, under the same prefix and in the same slot. */
export function claimKey(key: string): string {
  const marked = key + MARK
  if (tagOf(key) !== undefined) return marked
  const crc = crcText(0, key)
  let after = crc
  for (let i = 0; i < ENDING.length; i++) after = crcByte(after, ENDING[i]!)
  return marked + lettersFor((after ^ crc) % SLOTS)
}

/** The key whose claim this is; `undefined` for what is no claim. */
export function claimedKey(storageKey: string): string | undefined {
  const at = storageKey.lastIndexOf(MARK)
  if (at === -1) return undefined
  const key = storageKey.slice(0, at)
  // An odd run before the mark: its last belongs to the mark, doubled, and this is an entry whose key says so.
  if (/\ufffd*$/.exec(key)![0].length % 2 === 1) return undefined
  return claimKey(key) === storageKey ? key : undefined
}

/** Glob of the claims of keys that begin so; `start` is escaped already. */
export function claimsGlob(start: string): string {
  return `${start}*${MARK}*`
}

let letters: string[] | undefined

/** Three letters that change a checksum by so much. A CRC is linear, so what they change depends on them alone. */
function lettersFor(change: number): string {
  letters ??= makeLetters()
  return letters[change]!
}

function makeLetters(): string[] {
  const made = new Array<string>(SLOTS)
  for (const a of LETTERS) {
    for (const b of LETTERS) {
      for (const c of LETTERS) made[crcText(0, a + b + c) % SLOTS] ??= a + b + c
    }
  }
  return made
}
