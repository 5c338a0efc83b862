/**
 * What is to be written in one go: commands of a tick, joined, so that a hundred of them are one system call. Small values
 * are copied in between their commands; large ones go as they are.
 */

/** From here on a copy costs more than a piece of its own. */
const LARGE = 16_384

/** What it writes to; a socket. */
export interface Sink {
  write(chunk: string, encoding: 'latin1'): boolean
  write(chunk: Uint8Array): boolean
  cork(): void
  uncork(): void
}

export class Outbox {
  #text = ''
  #parts: (string | Uint8Array)[] = []
  #values = 0

  /** Latin1: one character is one byte. */
  line(text: string): void {
    this.#text += text
  }

  /** Must stay as it is until the answer is there. */
  value(bytes: Uint8Array): void {
    this.#parts.push(this.#text, bytes)
    this.#text = ''
    this.#values++
  }

  flush(sink: Sink): void {
    if (this.#values === 0) {
      if (this.#text !== '') sink.write(this.#text, 'latin1')
      this.#text = ''
      return
    }
    const parts = this.#parts
    parts.push(this.#text)
    this.#text = ''
    this.#parts = []
    this.#values = 0
    sink.cork()
    let from = 0
    for (let i = 0; i < parts.length; i++) {
      const part = parts[i]!
      if (typeof part === 'string' || part.length < LARGE) continue
      if (i > from) sink.write(joined(parts, from, i))
      sink.write(part)
      from = i + 1
    }
    if (from < parts.length) sink.write(joined(parts, from, parts.length))
    sink.uncork()
  }
}

function joined(parts: readonly (string | Uint8Array)[], from: number, to: number): Buffer {
  let length = 0
  for (let i = from; i < to; i++) length += parts[i]!.length
  const bytes = Buffer.allocUnsafe(length)
  let at = 0
  for (let i = from; i < to; i++) {
    const part = parts[i]!
    if (typeof part === 'string') bytes.write(part, at, 'latin1')
    else bytes.set(part, at)
    at += part.length
  }
  return bytes
}
