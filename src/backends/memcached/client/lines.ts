/**
 * Reads the line protocols: lines that end in CR LF, some followed by a value of announced size. Bytes may come split
 * anywhere. A value that came whole is a view of what came, one that spans chunks is filled in as it comes, and no line
 * is made a string. What is too long to be right is a doubt, before it takes memory.
 */
import { ProtocolDoubt } from './errors.ts'

/** What makes replies of bytes. */
export interface Reader<Reply> {
  /** Hands over each complete reply, which is the reader's again when `take` returns. The bytes must never change. */
  push(bytes: Buffer, take: (reply: Reply) => void): void
}

/** Longer than any line of a server: key, flags and numbers, or an error in words. */
const MAX_LINE = 4096

/** The largest item any server can be told to keep (`-I 1024m`). */
const MAX_ANNOUNCED = 1024 * 1024 * 1024

const LF = 10
const CR = 13

/** A reply: one line, and its value where it has one. Used again for the next. */
export class Line {
  bytes: Buffer = Buffer.alloc(0)
  start = 0
  /** Where CR LF begins. */
  end = 0
  /** Where the words after the announced size begin; else `start`. */
  rest = 0
  /** Undefined where none was announced, and where it was larger than the limit. */
  value: Buffer | undefined = undefined

  /** The first two letters as one number. */
  get code(): number {
    return (this.bytes[this.start]! << 8) | this.bytes[this.start + 1]!
  }

  is(text: string): boolean {
    return this.end - this.start === text.length && this.startsWith(text)
  }

  startsWith(text: string): boolean {
    if (this.end - this.start < text.length) return false
    for (let i = 0; i < text.length; i++) {
      if (this.bytes[this.start + i] !== text.charCodeAt(i)) return false
    }
    return true
  }

  text(): string {
    return this.bytes.toString('latin1', this.start, this.end)
  }
}

/** The size of the value that follows a line, having set its `rest`; -1 where none follows. */
export type Announced = (line: Line) => number

/** A decimal number up to `end` or a space; NaN for anything else. At most 15 digits, which a double holds exactly. */
export function decimal(bytes: Buffer, from: number, end: number): number {
  let number = 0
  let at = from
  while (at < end) {
    const digit = bytes[at]! - 48
    if (digit < 0 || digit > 9) {
      if (digit === -16) break
      return Number.NaN
    }
    number = number * 10 + digit
    at++
  }
  return at === from || at - from > 15 ? Number.NaN : number
}

export class LineReader implements Reader<Line> {
  readonly #announced: Announced
  readonly #maxValue: number
  readonly #line = new Line()
  /** The beginning of a line that has not ended yet. */
  #begun: Buffer | undefined
  /** Bytes of a value, with its CR LF, that are still to come. */
  #missing = 0
  #filled = 0
  #size = 0

  constructor(announced: Announced, maxValue: number) {
    this.#announced = announced
    this.#maxValue = maxValue
  }

  push(bytes: Buffer, take: (line: Line) => void): void {
    const line = this.#line
    let at = 0
    if (this.#missing > 0) {
      at = this.#fill(bytes, 0)
      if (this.#missing > 0) return
      take(line)
    } else if (this.#begun !== undefined) {
      at = this.#finishLine(bytes, this.#begun)
      if (at < 0) return
      at = this.#valueOf(bytes, at)
      if (this.#missing > 0) return
      take(line)
    }
    while (at < bytes.length) {
      const end = lineEnd(bytes, at)
      if (end < 0) {
        this.#begun = bytes.subarray(at)
        return
      }
      line.bytes = bytes
      line.start = at
      line.end = end - 1
      at = this.#valueOf(bytes, end + 1)
      if (this.#missing > 0) return
      take(line)
    }
  }

  /** Completes the line that an earlier chunk began. Where the chunk goes on, or -1 while it has no end. */
  #finishLine(bytes: Buffer, begun: Buffer): number {
    const feed = bytes.indexOf(LF)
    const whole = Buffer.concat([begun, bytes.subarray(0, feed < 0 ? undefined : feed + 1)])
    const end = lineEnd(whole, 0)
    if (end < 0) {
      this.#begun = whole
      return -1
    }
    this.#begun = undefined
    const line = this.#line
    line.bytes = whole
    line.start = 0
    line.end = end - 1
    return feed + 1
  }

  /** Begins the value that the line announces, if any. Where the chunk goes on after it. */
  #valueOf(bytes: Buffer, at: number): number {
    const line = this.#line
    line.rest = line.start
    const size = this.#announced(line)
    line.value = undefined
    if (size < 0) return at
    if (!(size <= MAX_ANNOUNCED)) throw new ProtocolDoubt('a value of impossible size')
    const kept = size <= this.#maxValue
    if (bytes.length - at >= size + 2) {
      const end = at + size
      if (bytes[end] !== CR || bytes[end + 1] !== LF) throw new ProtocolDoubt('a value of another size')
      if (kept) line.value = bytes.subarray(at, end)
      return end + 2
    }
    if (kept) line.value = Buffer.allocUnsafe(size)
    this.#size = size
    this.#filled = 0
    this.#missing = size + 2
    return this.#fill(bytes, at)
  }

  #fill(bytes: Buffer, from: number): number {
    const size = this.#size
    const come = Math.min(this.#missing, bytes.length - from)
    const ofValue = Math.min(come, size - this.#filled)
    if (ofValue > 0) this.#line.value?.set(bytes.subarray(from, from + ofValue), this.#filled)
    for (let i = Math.max(ofValue, 0); i < come; i++) {
      const wanted = this.#filled + i === size ? CR : LF
      if (bytes[from + i] !== wanted) throw new ProtocolDoubt('a value of another size')
    }
    this.#filled += come
    this.#missing -= come
    return from + come
  }
}

/** Where the LF of the line from `at` is; -1 while it has not come. */
function lineEnd(bytes: Buffer, at: number): number {
  const limit = Math.min(bytes.length, at + MAX_LINE)
  for (let i = at; i < limit; i++) {
    if (bytes[i] !== LF) continue
    if (i === at || bytes[i - 1] !== CR) throw new ProtocolDoubt('a line that does not end in CR LF')
    return i
  }
  if (limit < bytes.length) throw new ProtocolDoubt('a line without end')
  return -1
}
