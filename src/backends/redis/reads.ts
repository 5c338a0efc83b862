/**
 * Reads of one turn leave together, in a microtask: a lone one as a plain GET, more as MGET of at most 200 keys, in a
 * Cluster one a slot. What fails for one key fails for its caller alone.
 */

import type { Reply } from './client.ts'
import { answered, failure, failureOf } from './failure.ts'
import type { Link } from './link.ts'
import type { Servers } from './servers.ts'
import { slotOf } from './slot.ts'

/** So many keys a command: more would hold up everybody else's on the server. */
const MOST_KEYS = 200

interface Read {
  readonly storageKey: string
  readonly key: string
  resolve(bytes: Buffer | undefined): void
  reject(error: Error): void
}

export class Reads {
  readonly #servers: Servers
  readonly #wrongType: (key: string) => void
  #waiting: Read[] = []

  /** @param wrongType told of a key that holds something else than bytes; to the caller it is missing. */
  constructor(servers: Servers, wrongType: (key: string) => void) {
    this.#servers = servers
    this.#wrongType = wrongType
  }

  get(storageKey: string, key: string): Promise<Buffer | undefined> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ storageKey, key, resolve, reject })
      if (this.#waiting.length === 1) queueMicrotask(this.#leave)
    })
  }

  /** What is there, by storage key. Tells of each part that failed; the others are answered. */
  async getMany(keys: readonly string[], failed: (keys: readonly string[], error: Error) => void) {
    const found = new Map<string, Buffer>()
    const link = this.#servers.reader()
    await Promise.all(
      groups(keys, (key) => key, this.#servers.cluster).map(async (part) => {
        try {
          const values = await ask(link, part)
          for (let i = 0; i < part.length; i++) if (values[i]) found.set(part[i]!, values[i]!)
        } catch (error) {
          failed(part, failureOf(error))
        }
      }),
    )
    return found
  }

  readonly #leave = (): void => {
    const reads = this.#waiting
    this.#waiting = []
    const link = this.#servers.reader()
    for (const part of groups(reads, storageKeyOf, this.#servers.cluster)) this.#together(link, part)
  }

  #alone(link: Link, { storageKey, key, resolve, reject }: Read): void {
    link.call(['get', storageKey], storageKey, true).then(
      (reply) => resolve(bytesOf(reply)),
      (error: unknown) => {
        if (!answered(error, 'WRONGTYPE')) return reject(failureOf(error))
        this.#wrongType(key)
        resolve(undefined)
      },
    )
  }

  #together(link: Link, reads: readonly Read[]): void {
    if (reads.length === 1) {
      this.#alone(link, reads[0]!)
      return
    }
    ask(link, reads.map(storageKeyOf)).then(
      (values) => {
        for (let i = 0; i < reads.length; i++) reads[i]!.resolve(values[i])
      },
      (error: unknown) => {
        // One key that an ACL forbids refuses the whole command: then each is asked for by itself.
        if (answered(error, 'NOPERM')) for (const read of reads) this.#alone(link, read)
        else for (const read of reads) read.reject(failureOf(error))
      },
    )
  }
}

function storageKeyOf({ storageKey }: Read): string {
  return storageKey
}

async function ask(link: Link, keys: readonly string[]): Promise<(Buffer | undefined)[]> {
  const first = keys[0]!
  if (keys.length === 1) return [bytesOf(await link.call(['get', first], first, true))]
  const replies = await link.call(['mget', ...keys], first, true)
  if (Array.isArray(replies) && replies.length === keys.length) return replies.map(bytesOf)
  throw failure('PROTOCOL', 'Redis answered MGET with another number of values')
}

function bytesOf(reply: Reply): Buffer | undefined {
  return reply instanceof Buffer ? reply : undefined
}

/** Parts of at most 200; in a Cluster each within one slot. */
export function groups<T>(items: readonly T[], keyOf: (item: T) => string, cluster: boolean): T[][] {
  if (!cluster) return slices(items)
  const bySlot = new Map<number, T[]>()
  for (const item of items) {
    const slot = slotOf(keyOf(item))
    const group = bySlot.get(slot)
    if (group) group.push(item)
    else bySlot.set(slot, [item])
  }
  return [...bySlot.values()].flatMap(slices)
}

function slices<T>(items: readonly T[]): T[][] {
  const parts: T[][] = []
  for (let i = 0; i < items.length; i += MOST_KEYS) parts.push(items.slice(i, i + MOST_KEYS))
  return parts
}
