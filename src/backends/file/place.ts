/**
 * Where an entry rests. Nothing of the user's text is ever part of a path: a folder for each prefix, named by the hash
 * of it (so that `clear` is one rename), 256 folders within, and files named by the hash of the storage key, in hex,
 * since some systems take `a` and `A` for one letter.
 */
import { hash } from 'node:crypto'

/** The bytes of a storage key. Lone surrogates have no UTF-8: such a key keeps its UTF-16, behind a byte that UTF-8 never holds. */
function bytesOf(storageKey: string): Buffer {
  const bytes = Buffer.from(storageKey)
  if (bytes.length === storageKey.length || !/\p{Surrogate}/u.test(storageKey)) return bytes
  return Buffer.concat([Buffer.from([0xff]), Buffer.from(storageKey, 'utf16le')])
}

/** The storage key that such bytes stand for. */
export function storageKeyOf(bytes: Buffer): string {
  return bytes[0] === 0xff ? bytes.toString('utf16le', 1) : bytes.toString()
}

/**
 * The prefix of a storage key, read back from `prefix:version:key`: what stands before the first part, other than the
 * very first, that is all digits. `undefined` where the key was not made so.
 */
function prefixOf(storageKey: string): string | undefined {
  for (let at = storageKey.indexOf(':'); at !== -1; ) {
    const next = storageKey.indexOf(':', at + 1)
    if (next === -1) return undefined
    if (/^[0-9]+$/.test(storageKey.slice(at + 1, next))) return storageKey.slice(0, at)
    at = next
  }
  return undefined
}

const OWNER = /^warm-[0-9a-f]{32}$/
const TRASH = /^warm-[0-9a-f]{32}\.[0-9a-f]{16}\.trash$/
const SHARD = /^[0-9a-f]{2}$/
const FILE = /^([0-9a-f]{64})\.(warm|lock|claim)$/
const BREAKING = /^[0-9a-f]{64}\.[0-9a-f-]+\.breaking$/

export const isOwner = (name: string): boolean => OWNER.test(name)
export const isTrash = (name: string): boolean => TRASH.test(name)
export const isShard = (name: string): boolean => SHARD.test(name)

/** What a file is by its name alone; `undefined` for names that are none of ours. */
export function roleOf(name: string): 'entry' | 'lock' | 'claim' | 'breaking' | undefined {
  const found = FILE.exec(name)
  if (found) return found[2] === 'warm' ? 'entry' : found[2] === 'lock' ? 'lock' : 'claim'
  return BREAKING.test(name) ? 'breaking' : undefined
}

/** The folder of a prefix; of all keys that were not made by the plain recipe, without one. */
export function ownerOf(prefix: string | undefined): string {
  const name = prefix === undefined ? 'raw' : `of:${prefix}`
  return `warm-${hash('sha256', bytesOf(name), 'hex').slice(0, 32)}`
}

/** The name that a folder is moved to before it is emptied. */
export function trashOf(owner: string, stamp: string): string {
  return `${owner}.${stamp}.trash`
}

/** Of most caches there are a few prefixes and many keys. */
const owners = new Map<string | undefined, string>()

function knownOwner(prefix: string | undefined): string {
  let owner = owners.get(prefix)
  if (owner === undefined) {
    if (owners.size >= 1000) owners.clear()
    owner = ownerOf(prefix)
    owners.set(prefix, owner)
  }
  return owner
}

export class Place {
  readonly key: Buffer
  /** The folder of its prefix. */
  readonly owner: string
  /** One of 256 in it. */
  readonly shard: string
  readonly #base: string

  constructor(owner: string, name: string, key: Buffer) {
    this.owner = owner
    this.shard = `${owner}/${name.slice(0, 2)}`
    this.#base = `${this.shard}/${name}`
    this.key = key
  }

  get entry(): string {
    return `${this.#base}.warm`
  }
  get lock(): string {
    return `${this.#base}.lock`
  }
  get claim(): string {
    return `${this.#base}.claim`
  }
  /** A second name for one certain lock, held by the one who breaks it. */
  breaking(which: string): string {
    return `${this.#base}.${which}.breaking`
  }
}

/** The place of a storage key. */
export function placeOf(root: string, storageKey: string): Place {
  const key = bytesOf(storageKey)
  return new Place(`${root}/${knownOwner(prefixOf(storageKey))}`, hash('sha256', key, 'hex'), key)
}

/** The place of a file found at `shard/name`, where its key is of no interest. */
export function placeOfFile(owner: string, name: string): Place {
  return new Place(owner, name.slice(0, 64), NO_KEY)
}

const NO_KEY = Buffer.alloc(0)
