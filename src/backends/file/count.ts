/**
 * How many entries there are, known to all processes without a list of the directory: a small file at whose end each
 * process notes how many entries it is about to add. Who notes and then reads sees all that was noted before, so of several writers
 * none overlooks the last free slot. In a large cache slots are noted by the lot, and what is deleted frees
 * a slot at once without a note; so the count errs on the high side, and the census of each cull puts it right.
 */
import { ADDING, codeOf, FILE_MODE, type Io, MAKING } from './io.ts'
import { remove } from './lock.ts'
import { newStamp } from './record.ts'
import { type Task, wait } from './task.ts'

/** A note is one 32-bit number. */
const NOTE = 4
/** After so many notes the file is written anew, as their sum. */
const LONG = 1024
const MOST = 64 * 1024

export class Count {
  /** Slots noted at once: a 64th part of the tenth that `maxEntries` may be passed by. */
  readonly lot: number
  /** Was the count made by this process just now, so that nobody knows what was there before? */
  fresh = false
  /** Are there so many notes that they should become one? */
  long = false
  readonly #io: Io
  readonly #root: string
  readonly #path: string
  readonly #fixMode: () => boolean
  #sum = 0
  #stock = 0

  constructor(io: Io, root: string, maxEntries: number, fixMode: () => boolean) {
    this.#io = io
    this.#fixMode = fixMode
    this.#root = root
    this.#path = `${root}/warm-count`
    this.lot = Math.max(1, Math.min(1000, Math.floor(maxEntries / 640)))
  }

  /** Takes a slot for one new entry; answers how many others there are. */
  *take(): Task<number> {
    if (this.#stock === 0) {
      this.#sum = yield* this.#note(this.lot)
      this.#stock += this.lot
    }
    this.#stock -= 1
    return Math.max(0, this.#sum - this.#stock - 1)
  }

  /** So many entries are gone. */
  *free(entries: number): Task<void> {
    this.#stock += entries
    const spare = this.lot === 1 ? this.#stock : this.#stock - this.lot
    if (spare > 0 && (this.lot === 1 || spare > this.lot)) {
      this.#stock -= spare
      this.#sum = yield* this.#note(-spare)
    }
  }

  /** Gives back what was noted and not used. */
  *close(): Task<void> {
    if (this.#stock > 0) yield* this.#note(-this.#stock)
    this.#stock = 0
  }

  /** Where the notes end now: a census begins here. */
  *mark(): Task<{ sum: number; end: number }> {
    const notes = yield* this.#read()
    return { sum: total(notes), end: notes.length }
  }

  /** Sets the count to what a census found, and what was noted since it began at `end`. */
  *settle(found: number, end: number): Task<void> {
    const notes = yield* this.#read()
    let since = 0
    for (let at = end; at + NOTE <= notes.length; at += NOTE) since += Math.max(0, notes.readInt32BE(at))
    yield* this.#write(found + since + this.#stock)
  }

  /** All the notes as one. */
  *shorten(): Task<void> {
    yield* this.#write(total(yield* this.#read()))
  }

  *#write(sum: number): Task<void> {
    const io = this.#io
    const draft = `${this.#root}/warm-count.${newStamp()}`
    const fd = yield* wait(io.open(draft, MAKING))
    try {
      if (this.#fixMode()) yield* wait(io.fchmod(fd, FILE_MODE))
      yield* wait(io.write(fd, note(sum), 0))
    } finally {
      yield* wait(io.close(fd))
    }
    try {
      yield* wait(io.rename(draft, this.#path))
    } catch (error) {
      yield* remove(io, draft)
      throw error
    }
    this.#sum = sum
    this.long = false
    this.fresh = false
  }

  *#note(slots: number): Task<number> {
    const io = this.#io
    const fd = yield* wait(io.open(this.#path, ADDING))
    try {
      yield* wait(io.write(fd, note(slots), null))
      const notes = yield* this.#all(fd)
      if (notes.length === NOTE) {
        this.fresh = true
        if (this.#fixMode()) yield* wait(io.fchmod(fd, FILE_MODE))
      }
      this.long = notes.length > LONG * NOTE
      return total(notes)
    } finally {
      yield* wait(io.close(fd))
    }
  }

  *#read(): Task<Buffer> {
    let fd: number
    try {
      fd = yield* wait(this.#io.open(this.#path, ADDING))
    } catch (error) {
      if (codeOf(error) === 'ENOENT') return Buffer.alloc(0)
      throw error
    }
    try {
      return yield* this.#all(fd)
    } finally {
      yield* wait(this.#io.close(fd))
    }
  }

  *#all(fd: number): Task<Buffer> {
    const notes = Buffer.allocUnsafe(MOST)
    return notes.subarray(0, yield* wait(this.#io.read(fd, notes, 0, MOST, 0)))
  }
}

function note(slots: number): Buffer {
  const bytes = Buffer.alloc(NOTE)
  bytes.writeInt32BE(Math.max(-0x8000_0000, Math.min(0x7fff_ffff, slots)))
  return bytes
}

function total(notes: Buffer): number {
  let sum = 0
  for (let at = 0; at + NOTE <= notes.length; at += NOTE) sum += notes.readInt32BE(at)
  return Math.max(0, sum)
}
