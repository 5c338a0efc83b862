/**
 * `incr` on a server that counts in 64 bits without a sign: it stops at 0 on the way down, and begins again at 0 after 2^64 - 1. Taken
 * down by adding 2^64 less, a number that would go below zero comes out enormous instead of 0, and nothing is lost: what was added is taken
 * back, and whoever asked is told. So each count is one step on the server, and keeps its expiry.
 *
 * Between the two steps of such a refusal others may see the enormous number: readers find no number of ours, who counts takes
 * his own back and looks again.
 */
import { argumentError, notANumber } from '../../core/errors.ts'
import { MemcachedError } from './client/index.ts'
import type { At, Found, Items } from './items.ts'

const MOST = BigInt(Number.MAX_SAFE_INTEGER)

/** Others who come between our look and our write, so often in a row. */
const ATTEMPTS = 50

export class Counting {
  readonly #items: Items

  constructor(items: Items) {
    this.#items = items
  }

  async incr(
    at: At,
    key: string,
    by: number,
    made?: { initial: number; expiresAt: number },
  ): Promise<number | undefined> {
    const { client, clears } = this.#items
    for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
      // Upwards it is just counted. What it takes to look first is paid where that may go wrong.
      if (by < 0 || clears || attempt > 0) {
        const found = await this.#items.look(at)
        const now = found?.entry && this.#number(key, found.entry)
        if (now === undefined) {
          if (made === undefined) return undefined
          const sum = checked(key, BigInt(made.initial) + BigInt(by))
          if (await this.#make(at, found, sum, made.expiresAt)) return Number(sum)
          continue
        }
        checked(key, now + BigInt(by))
        // A claim: it is broken, and the number is bare again.
        if (found?.claim && !(await this.#items.reclaim(at, found, undefined))) continue
      }
      const sum = await this.#count(at, BigInt(by))
      if (sum === undefined || sum === NOT_COUNTED) continue
      // Counted up to less than was added: it began again at 0.
      if (sum <= MOST && (by < 0 || sum >= by)) return Number(sum)
      await client.incr(at.wireKey, { by: BigInt.asUintN(64, -BigInt(by)) })
    }
    throw new MemcachedError('SERVER_ERROR', 'The counter changed all the time')
  }

  async #count(at: At, by: bigint): Promise<bigint | typeof NOT_COUNTED | undefined> {
    try {
      return await this.#items.client.incr(at.wireKey, { by: BigInt.asUintN(64, by) })
    } catch (error) {
      if (error instanceof MemcachedError && error.code === 'NOT_A_NUMBER') return NOT_COUNTED
      throw error
    }
  }

  async #make(at: At, found: Found | undefined, sum: bigint, end: number): Promise<boolean> {
    const digits = Buffer.from(String(sum), 'latin1')
    const options = this.#items.entry(at, digits, end)
    if (found !== undefined) return this.#items.over(at, found.cas, digits, options)
    return this.#items.client.add(at.wireKey, digits, options)
  }

  #number(key: string, entry: Uint8Array): bigint {
    const digits = entry.length > 20 ? '' : Buffer.from(entry).toString('latin1')
    if (/^-\d+$/.test(digits)) throw outOfRange(key)
    if (!/^\d+$/.test(digits)) throw notANumber(key)
    return BigInt(digits)
  }
}

const NOT_COUNTED = Symbol('not counted')

function checked(key: string, sum: bigint): bigint {
  if (sum < 0n || sum > MOST) throw outOfRange(key)
  return sum
}

function outOfRange(key: string): Error {
  return argumentError(
    RangeError,
    'OUT_OF_RANGE',
    `Key ${JSON.stringify(key)} would be counted below zero or beyond 2^53 − 1: Memcached counts from 0 up, and numbers are exact up to there`,
  )
}
