/** The verbs that count: whole numbers, and versions. */
import { type Answer, andThen } from './answer.ts'
import type { IncrOptions, VersionOption } from './cache.ts'
import { checkedObject } from './door.ts'
import { argumentError, KeyNotFoundError } from './errors.ts'
import { DOWN, type Inside } from './inside.ts'
import { checkInteger } from './options.ts'
import { instant } from './values/expiry.ts'
import { checkVersion } from './values/space.ts'

const VERSION = ['version']
const INCR = ['ttl', 'version', 'initial']

export class Counting {
  readonly #inside: Inside

  constructor(inside: Inside) {
    this.#inside = inside
  }

  incr(key: string, by = 1, options?: IncrOptions): Answer<number | undefined> {
    return this.#count('incr()', key, by, 1, options)
  }

  decr(key: string, by = 1, options?: IncrOptions): Answer<number | undefined> {
    return this.#count('decr()', key, by, -1, options)
  }

  #count(
    where: string,
    key: string,
    by: number,
    sign: 1 | -1,
    options?: IncrOptions,
  ): Answer<number | undefined> {
    const step = checkInteger(`${where}: by`, by, -Number.MAX_SAFE_INTEGER) * sign
    const write = this.#inside.door.write(
      where,
      options === undefined ? undefined : checkedObject(where, options),
      INCR,
    )
    this.#inside.door.checkKey(write.space, key)
    const initial =
      options?.initial === undefined
        ? undefined
        : checkInteger(`${where}: initial`, options.initial, -Number.MAX_SAFE_INTEGER)
    if (initial !== undefined && !Number.isSafeInteger(initial + step)) {
      throw argumentError(RangeError, 'OUT_OF_RANGE', `${where}: initial and by add up to more than 2^53 - 1`)
    }
    const kept = initial !== undefined && write.ttl > 0
    const made = kept ? { initial, expiresAt: instant(this.#inside.clock.now(), write.ttl) } : undefined
    const sum = this.#inside.policy.attempt(
      'incr',
      () => this.#inside.store.incr(write.space, key, step, made),
      DOWN,
    )
    return andThen(sum, (total) => {
      if (total === DOWN) return undefined
      if (total !== undefined) return total
      if (initial !== undefined) return initial + step
      throw new KeyNotFoundError(key)
    })
  }

  incrVersion(key: string, by = 1, options?: VersionOption): Answer<number | undefined> {
    return this.#moveVersion('incrVersion()', key, by, 1, options)
  }

  decrVersion(key: string, by = 1, options?: VersionOption): Answer<number | undefined> {
    return this.#moveVersion('decrVersion()', key, by, -1, options)
  }

  #moveVersion(
    where: string,
    key: string,
    by: number,
    sign: 1 | -1,
    options?: VersionOption,
  ): Answer<number | undefined> {
    const step = checkInteger(`${where}: by`, by, -Number.MAX_SAFE_INTEGER) * sign
    const from = this.#inside.door.keyed(where, key, options, VERSION)
    const version = checkVersion(from.version + step)
    const to = this.#inside.door.spaceOf(version)
    return andThen(this.#inside.peek('incrVersion', from, key), (kept) => {
      if (kept === DOWN) return undefined
      if (kept === undefined || !this.#inside.reader.isFresh(key, kept.stored))
        throw new KeyNotFoundError(key)
      if (step === 0) return version
      const expiresAt = kept.expiresAt ?? instant(this.#inside.clock.now(), this.#inside.settings.ttl)
      const moved = this.#inside.policy.attempt(
        'incrVersion',
        () => this.#inside.store.set(to, key, kept.stored, expiresAt),
        false,
      )
      return andThen(moved, (stored) => {
        if (!stored) return undefined
        return andThen(
          this.#inside.policy.attempt('incrVersion', () => this.#inside.store.delete(from, key), false),
          () => version,
        )
      })
    })
  }
}
