/** How much a store in the process may hold: what the options of `memory` and `object` say about it. */
import { argumentError } from '../errors.ts'
import { type Bytes, checkInteger, kindOf, parseBytes } from '../options.ts'

export interface LimitOptions {
  /**
   * Entries to hold at most, all aliases of the store together: 10,000 by default, never exceeded. `Infinity`: as many as the
   * engine can (8,388,608). Below 1 it holds the newest entry and no other.
   */
  maxEntries?: number
  /**
   * Omitted: a full store makes room for one by letting go of the entry used longest ago. A number n lets go of an nth of all
   * entries at once, as Django's CULL_FREQUENCY does (0: of all), which takes a while in a big store.
   */
  cullFrequency?: number
}

/** The options of `LimitOptions`, settled. */
export interface Limits {
  readonly maxEntries: number
  readonly cullFrequency: number | undefined
  /** Bytes to hold at most by our own count; `Infinity` when they are not counted. */
  readonly maxBytes: number
}

/** A Map holds twice as many, but must be able to grow once more while keys come and go. */
const MOST_ENTRIES = 2 ** 23

export function checkLimits(where: string, options: LimitOptions & { maxBytes?: Bytes }): Limits {
  const { maxEntries = 10_000, cullFrequency, maxBytes } = options
  return {
    maxEntries: checkEntries(`${where}: maxEntries`, maxEntries),
    cullFrequency:
      cullFrequency === undefined ? undefined : checkInteger(`${where}: cullFrequency`, cullFrequency, 0),
    maxBytes: maxBytes === undefined ? Number.POSITIVE_INFINITY : parseBytes(`${where}: maxBytes`, maxBytes),
  }
}

function checkEntries(name: string, value: unknown): number {
  if (typeof value !== 'number') {
    throw argumentError(TypeError, 'INVALID_OPTION', `${name} must be a whole number, not ${kindOf(value)}`)
  }
  if (!Number.isInteger(value) && value !== Number.POSITIVE_INFINITY) {
    throw argumentError(RangeError, 'INVALID_OPTION', `${name} must be a whole number, or Infinity`)
  }
  // Django's rule CUL-01: a limit below 1 is no fault, and the new key is stored.
  return Math.min(Math.max(value, 1), MOST_ENTRIES)
}
