/**
 * Claims whose answer was lost, or what was to end them: the server may hold one for us while the caller believes that it has none, and
 * nobody could make the key until it is over. Their tokens are kept that long, and given back on the next connection that answers.
 */

/** So many at most; of more the oldest are left to end by themselves. */
const MOST = 1_000

export interface LostClaim {
  readonly storageKey: string
  readonly token: string
  /** When it is over by itself, in milliseconds of `performance.now()`. */
  readonly until: number
}

export class LostClaims {
  #lost: LostClaim[] = []

  add(storageKey: string, token: string, ms: number): void {
    if (this.#lost.length >= MOST) this.#lost.shift()
    this.#lost.push({ storageKey, token, until: performance.now() + ms })
  }

  /** Those that may still be held; from now on they are the caller's to give back. */
  take(): LostClaim[] {
    if (this.#lost.length === 0) return []
    const now = performance.now()
    const lost = this.#lost.filter(({ until }) => until > now)
    this.#lost = []
    return lost
  }
}
