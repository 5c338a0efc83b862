/**
 * Reads of one turn leave together, in a microtask: a lone one as a plain GET, more as MGET of at most 200 keys, in a
 * Cluster one a slot. What fails for one key fails for its caller alone.
 */

import type { Reply } from './client.ts'
import { answered, failureOf } from './failure.ts'
import type { Asker, Link } from './link.ts'
import { isOfRead } from './replies.ts'
import type { Servers } from './servers.ts'
import { slotOf } from './slot.ts'

/** So many keys a command: more would hold up everybody else's on the server. */
export const MOST_KEYS = 200

/** The end of the turn. A `queueMicrotask` costs more than all the rest that is done here for a read. */
export const TURN = Promise.resolve()

class Read {
  readonly storageKey: string
  readonly key: string
  readonly resolve: (bytes: Buffer | undefined) => void
  readonly reject: (error: Error) => void

  constructor(storageKey: string, key: string, resolve: Read['resolve'], reject: Read['reject']) {
    this.storageKey = storageKey
    this.key = key
    this.resolve = resolve
    this.reject = reject
  }
}

/** Reads that share a command. */
class Batch implements Asker {
  readonly #link: Link
  readonly #reads: readonly Read[]
  readonly #wrongType: (key: string) => void

  constructor(link: Link, reads: readonly Read[], wrongType: (key: string) => void) {
    this.#link = link
    this.#reads = reads
    this.#wrongType = wrongType
  }

  leave(): void {
    const reads = this.#reads
    const first = reads[0]!.storageKey
    const words = reads.length === 1 ? ['get', first] : ['mget']
    if (reads.length > 1) for (const { storageKey } of reads) words.push(storageKey)
    this.#link.ask(words, first, true, this)
  }

  fits(reply: Reply): boolean {
    return areOfReads(reply, this.#reads.length)
  }

  replied(reply: Reply): void {
    const reads = this.#reads
    if (reads.length === 1) {
      reads[0]!.resolve(bytesOf(reply))
    } else if (Array.isArray(reply) && this.fits(reply)) {
      for (let i = 0; i < reads.length; i++) reads[i]!.resolve(bytesOf(reply[i]))
    } else {
      this.#eachByItself()
    }
  }

  failed(error: Error): void {
    const [first] = this.#reads
    if (this.#reads.length > 1 && answered(error, 'NOPERM')) {
      // One key that an ACL forbids refuses the whole command.
      this.#eachByItself()
    } else if (this.#reads.length === 1 && answered(error, 'WRONGTYPE')) {
      this.#wrongType(first!.key)
      first!.resolve(undefined)
    } else {
      for (const read of this.#reads) read.reject(error)
    }
  }

  #eachByItself(): void {
    for (const read of this.#reads) new Batch(this.#link, [read], this.#wrongType).leave()
  }
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
      this.#waiting.push(new Read(storageKey, key, resolve, reject))
      if (this.#waiting.length === 1) void TURN.then(this.#leave)
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
      parts.map(async (places) => {
        try {
          const values = await ask(
            link,
            places.map((place) => keys[place]!),
          )
          for (let i = 0; i < places.length; i++) found[places[i]!] = bytesOf(values[i])
        } catch (error) {
          failed(places, failureOf(error))
        }
      }),
    )
    return found
  }

  readonly #leave = (): void => {
    const reads = this.#waiting
    this.#waiting = []
    this.#before()
    const link = this.#servers.reader()
    const { cluster } = this.#servers
    // The common cases are one command.
    const parts =
      reads.length === 1 || (!cluster && reads.length <= MOST_KEYS)
        ? [reads]
        : groups(reads, ({ storageKey }) => storageKey, cluster)
    for (const part of parts) new Batch(link, part, this.#wrongType).leave()
  }
}

async function ask(link: Link, keys: readonly string[]): Promise<readonly Reply[]> {
  const first = keys[0]!
  const words = keys.length === 1 ? ['get', first] : ['mget', ...keys]
  const fits = (reply: Reply) => areOfReads(reply, keys.length)
  const reply = await new Promise<Reply>((replied, failed) =>
    link.ask(words, first, true, { replied, failed, fits }),
  )
  if (keys.length === 1) return [reply]
  if (Array.isArray(reply) && fits(reply)) return reply
  return (await Promise.all(keys.map((key) => ask(link, [key])))).flat()
}

/** What others keep under our keys does not fit either: then each is asked for by itself, where nothing can be mistaken for it. */
function areOfReads(reply: Reply, count: number): boolean {
  return count === 1
    ? isOfRead(reply)
    : Array.isArray(reply) && reply.length === count && reply.every(isOfRead)
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
