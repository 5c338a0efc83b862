/**
 * What one process has under way: writes to one key go one after another, so that the lock files only settle what
 * happens between processes; at most 64 writes at once, so that a slow disk holds up writers and not memory; and `close` knows
 * what to wait for. Where everything is synchronous there is nothing to hold back.
 */
import type { Answer } from '../../core/answer.ts'
import { drive, type Task } from './task.ts'

const MOST = 64

export class Gate {
  readonly #sync: boolean
  readonly #tails = new Map<string, Promise<unknown>>()
  readonly #line: (() => void)[] = []
  readonly #open = new Set<Promise<unknown>>()
  #writing = 0
  #reading = 0
  #quiet: (() => void) | undefined
  readonly #leave = (): void => {
    this.#reading -= 1
    if (this.#reading === 0) this.#quiet?.()
  }

  constructor(sync: boolean) {
    this.#sync = sync
  }

  /** A read begins; what it answers is called when the read has ended. */
  enter(): () => void {
    this.#reading += 1
    return this.#leave
  }

  /** Runs a task that writes to what `name` names, after those that came before. */
  write<T>(name: string, make: () => Task<T>): Answer<T> {
    if (this.#sync) return drive(make())
    const before = this.#tails.get(name)
    const work = before ? before.then(() => this.#enter(make)) : this.#enter(make)
    const tail: Promise<unknown> = work.then(nothing, nothing).then(() => {
      if (this.#tails.get(name) === tail) this.#tails.delete(name)
    })
    this.#tails.set(name, tail)
    return this.#track(work)
  }

  /** Settles when all that is under way has. */
  async idle(): Promise<void> {
    while (this.#open.size > 0) await Promise.allSettled(this.#open)
    if (this.#reading > 0) {
      await new Promise<void>((resolve) => {
        this.#quiet = resolve
      })
    }
  }

  #enter<T>(make: () => Task<T>): Promise<T> {
    if (this.#writing < MOST) return this.#go(make)
    return new Promise<void>((resolve) => {
      this.#line.push(resolve)
    }).then(() => this.#go(make))
  }

  async #go<T>(make: () => Task<T>): Promise<T> {
    this.#writing += 1
    try {
      return await drive(make())
    } finally {
      this.#writing -= 1
      this.#line.shift()?.()
    }
  }

  #track<T>(work: Promise<T>): Promise<T> {
    const done = (): void => {
      this.#open.delete(work)
    }
    this.#open.add(work)
    work.then(done, done)
    return work
  }
}

function nothing(): void {}
