/**
 * Reads of one turn leave together, in a microtask: a lone one as a plain SELECT, more as one of many keys. So a page that
 * reads fifty keys takes one connection and not fifty.
 */
import type { Call, Dialect, Result, Statements, Value } from './dialect.ts'
import type { Runner } from './runner.ts'

/** So many keys a statement: more would hold up everybody else's. */
const MOST_KEYS = 200

interface Read {
  /** As it is in the column. */
  readonly text: string
  resolve(stored: Buffer | undefined): void
  reject(error: unknown): void
}

export class Reads {
  readonly #runner: Runner
  readonly #dialect: Dialect
  readonly #statements: Statements
  readonly #now: () => number
  #waiting: Read[] = []

  constructor(runner: Runner, dialect: Dialect, statements: Statements, now: () => number) {
    this.#runner = runner
    this.#dialect = dialect
    this.#statements = statements
    this.#now = now
  }

  get(text: string): Promise<Buffer | undefined> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ text, resolve, reject })
      if (this.#waiting.length === 1) queueMicrotask(this.#leave)
    })
  }

  readonly #leave = (): void => {
    const reads = this.#waiting
    this.#waiting = []
    if (reads.length === 1) {
      const { text, resolve, reject } = reads[0]!
      const call = this.#statements.get({ key: this.#dialect.key(text), now: this.#now() })
      this.#ask(call).then(({ rows: [row] }) => resolve(row && this.#dialect.found(row[0])), reject)
      return
    }
    for (let at = 0; at < reads.length; at += MOST_KEYS) this.#together(reads.slice(at, at + MOST_KEYS))
  }

  async #together(reads: readonly Read[]): Promise<void> {
    const keys = reads.map(({ text }): Value => this.#dialect.key(text))
    try {
      const found = new Map<string, Buffer | undefined>()
      for (const call of this.#statements.getMany(keys, this.#now())) {
        for (const [key, value] of (await this.#ask(call)).rows) {
          found.set(this.#dialect.named(key), this.#dialect.found(value))
        }
      }
      for (const { text, resolve } of reads) resolve(found.get(text))
    } catch (error) {
      for (const { reject } of reads) reject(error)
    }
  }

  async #ask(call: Call): Promise<Result> {
    return this.#runner.read(call)
  }
}
