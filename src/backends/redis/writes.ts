/**
 * Sets of one turn leave together, in a microtask, as one script; a lone one as the script of its own. Each caller is
 * told what became of his. Whatever else the turn asks for leaves behind them, so that the order of the calls holds.
 */
import type { Reply, Word } from './client.ts'
import { answered, failure, failureOf } from './failure.ts'
import { MOST_KEYS } from './reads.ts'
import { type Script, SET_MANY } from './scripts.ts'
import { claimKey, slotOf } from './slot.ts'

/** So many bytes a command, and the value that goes beyond: more would hold up everybody else's on the server. */
const MOST_BYTES = 256 * 1024

export interface Write {
  readonly storageKey: string
  readonly bytes: Buffer
  /** How long it is kept, as the scripts take it. */
  readonly px: string
}

interface Waiting extends Write {
  resolve(stored: boolean): void
  reject(error: Error): void
}

/** Runs a script on the leader. */
export type Run = (script: Script, keys: readonly string[], args: readonly Word[]) => Promise<Reply>

export class Writes {
  readonly #run: Run
  readonly #cluster: () => boolean
  #waiting: Waiting[] = []

  constructor(run: Run, cluster: () => boolean) {
    this.#run = run
    this.#cluster = cluster
  }

  /** `false`: the server is full, and nothing rests there. */
  set(storageKey: string, bytes: Buffer, px: string): Promise<boolean> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ storageKey, bytes, px, resolve, reject })
      if (this.#waiting.length === 1) queueMicrotask(() => this.leave())
    })
  }

  /** What waits leaves now. */
  leave(): void {
    if (this.#waiting.length === 0) return
    const waiting = this.#waiting
    this.#waiting = []
    for (const part of parts(waiting, this.#cluster())) this.#together(part)
  }

  /** Sends them in as few commands as may be; answers, for each command, those that did not fit. */
  setMany<W extends Write>(writes: readonly W[]): { part: W[]; full: Promise<W[]> }[] {
    this.leave()
    return parts(writes, this.#cluster()).map((part) => ({ part, full: this.#send(part) }))
  }

  #together(part: Waiting[]): void {
    this.#send(part).then(
      (full) => {
        for (const write of part) write.resolve(!full.includes(write))
      },
      (error: unknown) => {
        // One key that an ACL forbids refuses the whole command: then each is sent by itself.
        if (part.length > 1 && answered(error, 'NOPERM')) for (const write of part) this.#together([write])
        else for (const write of part) write.reject(failureOf(error))
      },
    )
  }

  async #send<W extends Write>(part: readonly W[]): Promise<W[]> {
    const keys: string[] = []
    const args: Word[] = []
    for (const { storageKey, bytes, px } of part) {
      keys.push(storageKey, claimKey(storageKey))
      args.push(px, bytes)
    }
    const reply = await this.#run(SET_MANY, keys, args)
    if (Array.isArray(reply)) return reply.map((place) => part[Number(place) - 1]!)
    throw failure('PROTOCOL', 'Redis answered a write with something else')
  }
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
