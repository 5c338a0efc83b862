/**
 * In a Cluster, the nodes that have stopped answering. One of them is not the Cluster: calls for its keys fail at once, and the
 * others are served as ever. About once a second one call is let through to it, to see whether it answers again.
 */

/** In milliseconds, with a fifth more or less. */
const TRY_AGAIN = 1_000

export class SilentNodes {
  /** When the next call is let through, in milliseconds of `performance.now()`. */
  readonly #tryAt = new Map<string, number>()

  get size(): number {
    return this.#tryAt.size
  }

  add(node: string): void {
    this.#tryAt.set(node, performance.now() + TRY_AGAIN * (0.8 + 0.4 * Math.random()))
  }

  /** It has answered, or everything is connected anew. */
  forget(node?: string): void {
    if (node === undefined) this.#tryAt.clear()
    else this.#tryAt.delete(node)
  }

  /** Must a call to it fail at once? */
  refuses(node: string): boolean {
    const tryAt = this.#tryAt.get(node)
    if (tryAt === undefined) return false
    if (performance.now() < tryAt) return true
    this.add(node)
    return false
  }
}
