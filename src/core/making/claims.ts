/**
 * The right to make a key, within this process: what the claims of a shared backend are for a fleet. A claim is broken by any
 * write of its key, so a value loaded before a delete is never stored after it, though the key looks as it did.
 */
import { randomUUID } from 'node:crypto'
import type { Clock } from '../clock.ts'

export class LocalClaims {
  readonly #held = new Map<string, { token: string; until: number }>()
  readonly #clock: Clock

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** No claim is held: writes then need not even make the storage key. */
  get none(): boolean {
    return this.#held.size === 0
  }

  /** A token, unless another's claim still runs. */
  claim(storageKey: string, ms: number): string | undefined {
    const now = this.#clock.now()
    const held = this.#held.get(storageKey)
    if (held && held.until > now) return undefined
    const token = randomUUID()
    this.#held.set(storageKey, { token, until: now + ms })
    return token
  }

  extend(storageKey: string, token: string, ms: number): boolean {
    const held = this.#held.get(storageKey)
    if (held?.token !== token) return false
    held.until = this.#clock.now() + ms
    return true
  }

  /** Ends the claim if the token still holds it. (One whose time is over holds it until another takes it.) */
  end(storageKey: string, token: string): boolean {
    return this.#held.get(storageKey)?.token === token && this.#held.delete(storageKey)
  }

  /** A write: whoever holds a claim on the key has lost it. */
  break(storageKey: string): void {
    this.#held.delete(storageKey)
  }

  breakAll(which: (storageKey: string) => boolean): void {
    for (const storageKey of this.#held.keys()) if (which(storageKey)) this.#held.delete(storageKey)
  }
}
