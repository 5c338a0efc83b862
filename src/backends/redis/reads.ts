/**
 * Reads of one turn leave together, in a microtask: a lone one as a plain GET, more as MGET of at most 200 keys, in a
 * Cluster one a slot. What fails for one key fails for its caller alone.
 */

import type { Reply } from './client.ts'
import { answered, failure } from './failure.ts'
import type { Link } from './link.ts'
import type { Servers } from './servers.ts'
import { slotOf } from './slot.ts'

/** So many keys a command: more would hold up everybody else's on the server. */
export const MOST_KEYS = 200

interface Read {
  readonly storageKey: string
  readonly key: string
  resolve(bytes: Buffer | undefined): void
  reject(error: Error): void
}

export class Reads {
  readonly #servers: Servers
  readonly #before: () => void
  readonly #wrongType: (key: string) => void
  #waiting: Read[] = []

  /**
   * @param before called before reads leave: what else waits for the end of the turn goes first.
   * @param wrongType told of a key that holds something else than bytes; to the caller it is missing.
   */
  constructor(servers: Servers, before: () => void, wrongType: (key: string) => void) {
    this.#servers = servers
    this.#before = before
    this.#wrongType = wrongType
  }

  get(storageKey: string, key: string): Promise<Buffer | undefined> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ storageKey, key, resolve, reject })
      if (this.#waiting.length === 1) queueMicrotask(this.#leave)
    })
  }

  /** What is there, in the order of the keys. Tells of each part that failed, by place; the others are answered. */
  async getMany(
    keys: readonly string[],
    failed: (places: readonly number[], error: Error) => void,
  ): Promise<(Buffer | undefined)[]> {
    const found = new Array<Buffer | undefined>(keys.length)
    this.#before()
    const link = this.#servers.reader()
    const parts = groups([...keys.keys()], (place) => keys[place]!, this.#servers.cluster)
    await Promise.all(
      parts.map(
        (places) =>
          new Promise<void>((done) => {
            ask(link, places.map((place) => keys[place]!), {
              values(replies) {
                for (let i = 0; i < places.length; i++) found[places[i]!] = bytesOf(replies[i])
                done()
              },
              failed(error) {
                failed(places, error)
                done()
              },
            })
          }),
      ),
    )
    return found
  }

  readonly #leave = (): void => {
    const reads = this.#waiting
    this.#waiting = []
    this.#before()
    const link = this.#servers.reader()
    for (const part of groups(reads, storageKeyOf, this.#servers.cluster)) this.#together(link, part)
  }

  #together(link: Link, reads: readonly Read[]): void {
    ask(link, reads.map(storageKeyOf), {
      values(replies) {
        for (let i = 0; i < reads.length; i++) reads[i]!.resolve(bytesOf(replies[i]))
      },
      failed: (error) => {
        const [first] = reads
        if (reads.length === 1 && answered(error, 'WRONGTYPE')) {
          this.#wrongType(first!.key)
          first!.resolve(undefined)
        } else if (reads.length > 1 && answered(error, 'NOPERM')) {
          // One key that an ACL forbids refuses the whole command: then each is asked for by itself.
          for (const read of reads) this.#together(link, [read])
        } else {
          for (const read of reads) read.reject(error)
        }
      },
    })
  }
}

function storageKeyOf({ storageKey }: Read): string {
  return storageKey
}

interface Listener {
  values(replies: readonly Reply[]): void
  failed(error: Error): void
}

function ask(link: Link, keys: readonly string[], told: Listener): void {
  const first = keys[0]!
  const words = keys.length === 1 ? ['get', first] : ['mget', ...keys]
  link.ask(words, first, true, {
    replied(reply) {
      if (keys.length === 1) told.values([reply])
      else if (Array.isArray(reply) && reply.length === keys.length) told.values(reply)
      else told.failed(failure('PROTOCOL', 'Redis answered MGET with another number of values'))
    },
    failed: (error) => told.failed(error),
  })
}

function bytesOf(reply: Reply | undefined): Buffer | undefined {
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
