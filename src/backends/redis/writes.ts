/**
 * Sets of one turn leave together, in a microtask, as one script, and each caller is told what became of his own. Whatever else the
 * turn asks for leaves behind them, so that the order of the calls holds.
 */
import type { Reply, Word } from './client.ts'
import { answered, failure } from './failure.ts'
import type { Asker, Link } from './link.ts'
import { MOST_KEYS, TURN } from './reads.ts'
import { isOfScript } from './replies.ts'
import { runScript } from './run-script.ts'
import { SET_MANY } from './scripts.ts'
import { claimKey, slotOf } from './slot.ts'

/** So many bytes a command, and the value that goes beyond: more would hold up everybody else's on the server. */
const MOST_BYTES = 256 * 1024

export interface Write {
  readonly storageKey: string
  readonly bytes: Buffer
  /** How long it is kept, as the scripts take it. */
  readonly px: string
}

class Waiting implements Write {
  readonly storageKey: string
  readonly bytes: Buffer
  readonly px: string
  readonly resolve: (stored: boolean) => void
  readonly reject: (error: Error) => void

  constructor(
    storageKey: string,
    bytes: Buffer,
    px: string,
    resolve: Waiting['resolve'],
    reject: Waiting['reject'],
  ) {
    this.storageKey = storageKey
    this.bytes = bytes
    this.px = px
    this.resolve = resolve
    this.reject = reject
  }
}

/** Sets that share a command. */
class Batch implements Asker {
  readonly #leader: Link
  readonly #writes: readonly Waiting[]
  readonly #full: () => void

  constructor(leader: Link, writes: readonly Waiting[], full: () => void) {
    this.#leader = leader
    this.#writes = writes
    this.#full = full
  }

  leave(): void {
    run(this.#leader, this.#writes, this)
  }

  fits(reply: Reply): boolean {
    return Array.isArray(reply) && isOfScript(reply)
  }

  replied(reply: Reply): void {
    const writes = this.#writes
    if (!Array.isArray(reply)) {
      this.failed(somethingElse())
      return
    }
    for (let i = 0; i < writes.length; i++) {
      const stored = !reply.includes(i + 1)
      if (!stored) this.#full()
      writes[i]!.resolve(stored)
    }
  }

  failed(error: Error): void {
    // One key that an ACL forbids refuses the whole command: then each is sent by itself.
    if (this.#writes.length > 1 && answered(error, 'NOPERM')) {
      for (const write of this.#writes) new Batch(this.#leader, [write], this.#full).leave()
    } else {
      for (const write of this.#writes) write.reject(error)
    }
  }
}

export class Writes {
  readonly #leader: Link
  readonly #cluster: () => boolean
  readonly #full: () => void
  #waiting: Waiting[] = []

  /** @param full told of each set that the server has no room for. */
  constructor(leader: Link, cluster: () => boolean, full: () => void) {
    this.#leader = leader
    this.#cluster = cluster
    this.#full = full
  }

  /** `false`: the server is full, and nothing rests there. */
  set(storageKey: string, bytes: Buffer, px: string): Promise<boolean> {
    return new Promise((resolve, reject) => {
      this.#waiting.push(new Waiting(storageKey, bytes, px, resolve, reject))
      if (this.#waiting.length === 1) void TURN.then(this.leave)
    })
  }

  /** What waits leaves now. */
  readonly leave = (): void => {
    if (this.#waiting.length === 0) return
    const waiting = this.#waiting
    this.#waiting = []
    const together = waiting.length === 1 ? [waiting] : parts(waiting, this.#cluster())
    for (const part of together) new Batch(this.#leader, part, this.#full).leave()
  }

  /** Sends them in as few commands as may be; answers, for each command, those that did not fit. */
  setMany<W extends Write>(writes: readonly W[]): { part: W[]; full: Promise<W[]> }[] {
    this.leave()
    return parts(writes, this.#cluster()).map((part) => {
      const full = new Promise<Reply>((replied, failed) =>
        run(this.#leader, part, { replied, failed, fits: isOfScript }),
      )
      return {
        part,
        full: full.then((reply) => {
          if (Array.isArray(reply)) return reply.map((place) => part[Number(place) - 1]!)
          throw somethingElse()
        }),
      }
    })
  }
}

function run(leader: Link, writes: readonly Write[], asker: Asker): void {
  const words: Word[] = ['evalsha', SET_MANY.sha, String(2 * writes.length)]
  for (const { storageKey } of writes) words.push(storageKey)
  for (const { storageKey } of writes) words.push(claimKey(storageKey))
  for (const { bytes, px } of writes) words.push(px, bytes)
  runScript(leader, SET_MANY, words, asker)
}

function somethingElse(): Error {
  return failure('PROTOCOL', 'Redis answered a write with something else')
}

/** In a Cluster each within one slot. */
function parts<W extends Write>(writes: readonly W[], cluster: boolean): W[][] {
  const open = new Map<number, { part: W[]; bytes: number }>()
  const all: W[][] = []
  for (const write of writes) {
    const slot = cluster ? slotOf(write.storageKey) : 0
    let last = open.get(slot)
    if (last === undefined || last.part.length === MOST_KEYS || last.bytes > MOST_BYTES) {
      last = { part: [], bytes: 0 }
      open.set(slot, last)
      all.push(last.part)
    }
    last.part.push(write)
    last.bytes += write.bytes.length
  }
  return all
}
