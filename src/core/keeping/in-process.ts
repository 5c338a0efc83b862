/** The Backend over a Store in this process. `memory` and `object` differ only in what they do with values. */
import type { Backend, Host, Kept, Space } from '../backend.ts'
import type { Stored } from '../values/entry.ts'
import type { Store } from './store.ts'

export class InProcess implements Backend {
  readonly name: string
  readonly holds = 'values'
  readonly sync = true
  readonly shared = false
  readonly #store: Store
  /** Others may hold the same store: what rests there stays when this one closes. */
  readonly #named: boolean
  #host: Host | undefined

  constructor(name: string, store: Store, named: boolean) {
    this.name = name
    this.#store = store
    this.#named = named
  }

  open(host: Host): void {
    if (this.#host !== undefined) return
    this.#host = host
    this.#store.open(host)
  }

  get(space: Space, key: string): Stored | undefined {
    return this.#store.get(space, key)
  }

  set(space: Space, key: string, what: Stored, expiresAt: number): boolean {
    return this.#store.set(space, key, what, expiresAt)
  }

  add(space: Space, key: string, what: Stored, expiresAt: number): boolean {
    return this.#store.add(space, key, what, expiresAt)
  }

  touch(space: Space, key: string, expiresAt: number): boolean | 'graced' {
    return this.#store.touch(space, key, expiresAt)
  }

  delete(space: Space, key: string): boolean {
    return this.#store.delete(space, key)
  }

  incr(
    space: Space,
    key: string,
    by: number,
    made?: { initial: number; expiresAt: number },
  ): number | undefined {
    return this.#store.incr(space, key, by, made)
  }

  has(space: Space, key: string): boolean | 'graced' {
    return this.#store.has(space, key)
  }

  peek(space: Space, key: string): Kept | undefined {
    return this.#store.peek(space, key)
  }

  replace(space: Space, key: string, was: Stored, what: Stored, expiresAt: number): boolean {
    return this.#store.replace(space, key, was, what, expiresAt)
  }

  clear(space: Space | 'everything'): void {
    this.#store.clear(space)
  }

  prune(): number {
    return this.#store.prune()
  }

  size(): { entries: number; bytes?: number } {
    return this.#store.size()
  }

  close(): void {
    if (!this.#named) this.#store.clear('everything')
    this.#store.close(this.#host)
    this.#host = undefined
  }
}
