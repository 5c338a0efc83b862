/**
 * What is to be written in one go: commands of a tick, joined, so that a hundred of them are one system call. Small values
 * are copied in between their commands, into memory that is used again; large ones go as they are.
 */

/** From here on a copy costs more than a piece of its own. */
const LARGE = 16_384

/** More than this at once is rare enough to be allocated for the occasion. */
const SCRATCH = 262_144

/** What it writes to; a socket. */
export interface Sink {
  /** Bytes that the system has not taken yet. */
  readonly writableLength: number
  write(chunk: string, encoding: 'latin1'): boolean
  write(chunk: Uint8Array): boolean
  cork(): void
  uncork(): void
}

export class Outbox {
  #text = ''
  #parts: (string | Uint8Array)[] = []
  #scratch: Buffer | undefined
  #used = 0

  /** Latin1: one character is one byte. */
  line(text: string): void {
    this.#text += text
  }

  /** Must stay as it is until the answer is there. */
  value(bytes: Uint8Array): void {
    this.#parts.push(this.#text, bytes)
    this.#text = ''
  }

  flush(sink: Sink): void {
    const parts = this.#parts
    const text = this.#text
    this.#text = ''
    if (parts.length === 0) {
      if (text !== '') sink.write(text, 'latin1')
      return
    }
    parts.push(text)
    this.#parts = []
    // What the last flush wrote from there may still be on its way.
    this.#used = sink.writableLength === 0 ? 0 : SCRATCH
    sink.cork()
    let from = 0
    for (let i = 0; i < parts.length; i++) {
      const part = parts[i]!
      if (typeof part === 'string' || part.length < LARGE) continue
      sink.write(this.#joined(parts, from, i))
      sink.write(part)
      from = i + 1
    }
    sink.write(this.#joined(parts, from, parts.length))
    sink.uncork()
  }

  #joined(parts: readonly (string | Uint8Array)[], from: number, to: number): Buffer {
    let length = 0
    for (let i = from; i < to; i++) length += parts[i]!.length
    const bytes = this.#room(length)
    let at = 0
    for (let i = from; i < to; i++) {
      const part = parts[i]!
      if (typeof part === 'string') bytes.write(part, at, 'latin1')
      else bytes.set(part, at)
      at += part.length
    }
    return bytes
  }

  #room(length: number): Buffer {
    const from = this.#used
    if (from + length > SCRATCH) return Buffer.allocUnsafe(length)
    this.#scratch ??= Buffer.allocUnsafeSlow(SCRATCH)
    this.#used = from + length
    return this.#scratch.subarray(from, from + length)
  }
}
