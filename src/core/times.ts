/** The verbs about an entry's times: what they are, moved, or over. */
import { type Answer, andThen } from './answer.ts'
import type { Space } from './backend.ts'
import type { Inspection, VersionOption, WriteOptions } from './cache.ts'
import { DOWN, type Inside } from './inside.ts'
import type { Stored } from './values/entry.ts'
import { instant, type Ttl } from './values/expiry.ts'
import type { Found } from './values/form.ts'

const VERSION = ['version']
const WRITE = ['ttl', 'version']

/** Gives up after losing so many races: the key is then being written all the time. */
const MOST_RACES = 10

export class Times {
  readonly #inside: Inside

  constructor(inside: Inside) {
    this.#inside = inside
  }

  inspect(key: string, options?: VersionOption): Answer<Inspection<unknown>> {
    const space = this.#inside.door.keyed('inspect()', key, options, VERSION)
    return andThen(this.#inside.peek('inspect', space, key), (kept) => {
      const found =
        kept === undefined || kept === DOWN ? undefined : this.#inside.reader.read(key, kept.stored)
      if (kept === undefined || kept === DOWN || found === undefined) {
        return {
          value: undefined,
          status: 'missing',
          age: undefined,
          createdAt: undefined,
          staleAt: undefined,
          expiresAt: undefined,
        }
      }
      const status = this.#inside.reader.freshness(found)
      const createdAt = found.createdAt ?? kept.createdAt
      const expiresAt = found.grace ? found.grace.staleAt + found.grace.staleFor : kept.expiresAt
      return {
        value: status === 'expired' ? undefined : found.value,
        status,
        age: createdAt === undefined ? undefined : Math.max(0, this.#inside.clock.now() - createdAt) / 1_000,
        createdAt,
        staleAt: nullForNever(found.grace ? found.grace.staleAt : expiresAt),
        expiresAt: nullForNever(expiresAt),
      }
    })
  }

  expire(key: string, options?: VersionOption): Answer<boolean> {
    const space = this.#inside.door.keyed('expire()', key, options, VERSION)
    // First the claim: a load that began before now read what is stale from now on, and must not make it fresh again.
    const broken = this.#inside.policy.attempt(
      'expire',
      () => this.#inside.store.breakClaim(space, key),
      undefined,
    )
    return andThen(broken, () => this.#expire(space, key, 0))
  }

  #expire(space: Space, key: string, races: number): Answer<boolean> {
    return andThen(this.#inside.peek('expire', space, key), (kept) => {
      if (kept === DOWN || kept === undefined) return false
      const found = this.#inside.reader.read(key, kept.stored)
      if (found === undefined) return false
      if (found.grace === undefined || found.grace.staleFor === 0) {
        return this.#inside.policy.attempt('expire', () => this.#inside.store.delete(space, key), false)
      }
      const now = this.#inside.clock.now()
      if (now >= found.grace.staleAt) return this.#inside.reader.freshness(found) === 'stale'
      return this.#retime('expire', space, key, kept.stored, found, now, found.grace.staleFor, (done) =>
        done || races === MOST_RACES ? done : this.#expire(space, key, races + 1),
      )
    })
  }

  touch(key: string, third?: Ttl | WriteOptions): Answer<boolean> {
    const write = this.#inside.door.write('touch()', third, WRITE)
    this.#inside.door.checkKey(write.space, key)
    const { space } = write
    if (write.ttl <= 0) {
      // Gone at once, and true only of what was there for the plain verbs.
      return andThen(this.#inside.has('touch', space, key), (there) =>
        there === true
          ? this.#inside.policy.attempt('touch', () => this.#inside.store.delete(space, key), false)
          : false,
      )
    }
    const expiresAt = instant(this.#inside.clock.now(), write.ttl)
    const touched = this.#inside.policy.attempt(
      'touch',
      () => this.#inside.store.touch(space, key, expiresAt),
      false,
    )
    return andThen(touched, (done) =>
      done === 'graced' ? this.#touchGraced(space, key, write.ttl, 0) : done,
    )
  }

  /** Times of its own move with it: fresh for the new ttl, and stale after that for as long as it was to be. */
  #touchGraced(space: Space, key: string, ttl: number, races: number): Answer<boolean> {
    return andThen(this.#inside.peek('touch', space, key), (kept) => {
      if (kept === DOWN || kept === undefined) return false
      const found = this.#inside.reader.read(key, kept.stored)
      if (found === undefined || this.#inside.reader.freshness(found) !== 'fresh') return false
      const staleAt = instant(this.#inside.clock.now(), ttl)
      const staleFor = found.grace?.staleFor ?? 0
      return this.#retime('touch', space, key, kept.stored, found, staleAt, staleFor, (done) =>
        done || races === MOST_RACES ? done : this.#touchGraced(space, key, ttl, races + 1),
      )
    })
  }

  #retime(
    verb: string,
    space: Space,
    key: string,
    was: Stored,
    found: Found,
    staleAt: number,
    staleFor: number,
    go: (done: boolean) => Answer<boolean>,
  ): Answer<boolean> {
    const what = this.#inside.reader.form.retime(was, found.createdAt ?? this.#inside.clock.now(), {
      staleAt,
      staleFor,
    })
    if (what === undefined) return false
    return andThen(
      this.#inside.policy.attempt(
        verb,
        () => this.#inside.store.replace(space, key, was, what, instant(staleAt, staleFor)),
        false,
      ),
      go,
    )
  }
}

function nullForNever(at: number | undefined): number | null | undefined {
  return at === Number.POSITIVE_INFINITY ? null : at
}
