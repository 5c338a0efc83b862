/**
 * `clear` for a store that cannot list its keys (`clear: 'epoch'`): a mark beside the entries says until which second what was
 * made is over. It travels in the same batch as every read and write, so each server has its own. Whoever has seen a mark dates what
 * it makes after it, and every new mark is later than the last: within one second, too, what was there before goes and what comes after stays.
 */
import type { Space } from '../../core/backend.ts'
import type { Item, MemcachedClient } from './client/index.ts'

/** Names to try until every server has one that rests on it: many times more than any hash needs. */
const MOST_NAMES = 100_000

/** Others who clear at the same moment. */
const ATTEMPTS = 20

export class Epochs {
  readonly #wireKey: (storageKey: string) => string
  /** How the keys of a cache begin → server → the mark's key. */
  readonly #names = new Map<string, Map<string, string>>()
  /** The last second that is over, by the mark's key. */
  readonly #over = new Map<string, number>()

  constructor(wireKey: (storageKey: string) => string) {
    this.#wireKey = wireKey
  }

  /** The mark that travels with this key; `undefined` for keys that no `clear` can know as its own. */
  markOf(client: MemcachedClient, space: Space, wireKey: string): string | undefined {
    if (space.start === undefined) return undefined
    return this.#marks(client, space.start).get(client.serverOf(wireKey))
  }

  /** Takes note of a mark that was read. An older one than is known, of a server that lost it, changes nothing. */
  learn(mark: string, item: Item | undefined): void {
    const second = item === undefined ? 0 : secondIn(item)
    if (second > (this.#over.get(mark) ?? 0)) this.#over.set(mark, second)
  }

  isOver(mark: string, second: number): boolean {
    const over = this.#over.get(mark)
    return over !== undefined && second <= over
  }

  /** The second that something made now is dated with. */
  date(mark: string, now: number): number {
    return Math.max(Math.floor(now / 1_000), (this.#over.get(mark) ?? 0) + 1)
  }

  async clear(client: MemcachedClient, start: string, now: () => number): Promise<void> {
    const marks = this.#marks(client, start).values()
    await Promise.all(Array.from(marks, (mark) => this.#move(client, mark, now)))
  }

  async #move(client: MemcachedClient, mark: string, now: () => number): Promise<void> {
    for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
      const was = await client.get(mark, { cas: true })
      this.learn(mark, was)
      const over = this.date(mark, now())
      const moved =
        was?.cas === undefined
          ? await client.add(mark, String(over))
          : (await client.cas(mark, String(over), was.cas)) === 'stored'
      if (moved) return void this.#over.set(mark, Math.max(over, this.#over.get(mark) ?? 0))
    }
    throw new Error('memcached: too many clear this cache at once')
  }

  #marks(client: MemcachedClient, start: string): Map<string, string> {
    const known = this.#names.get(start)
    if (known) return known
    const servers = client.servers.length
    const names = new Map<string, string>()
    for (let i = 0; names.size < servers && i < MOST_NAMES; i++) {
      const name = this.#wireKey(`${start}~cleared~${i}`)
      const server = client.serverOf(name)
      if (!names.has(server)) names.set(server, name)
    }
    this.#names.set(start, names)
    return names
  }
}

function secondIn({ value }: Item): number {
  const second = Number(value.toString('latin1'))
  return Number.isSafeInteger(second) ? second : 0
}
