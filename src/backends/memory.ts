/**
 * Values in the process, each with a private master copy, so that changing what was set or got changes nothing
 * for anybody else: as if it had gone to a server and back, and never serialised.
 */
import { InProcess } from '../core/keeping/in-process.ts'
import { checkLimits, type LimitOptions } from '../core/keeping/limits.ts'
import { sharedStore } from '../core/keeping/shared.ts'
import { Store } from '../core/keeping/store.ts'
import { type Bytes, checkOptions, checkWord } from '../core/options.ts'
import { admit, isPlain, lend, share, weigh } from '../core/values/copy.ts'
import { Entry, type Stored } from '../core/values/entry.ts'

export interface MemoryOptions extends LimitOptions {
  /**
   * Bytes to hold at most, by a count of keys, values and what an entry costs besides: `'64mb'`. A value larger than all of it
   * is not stored. Omitted: bytes are not counted.
   */
  maxBytes?: Bytes
  /**
   * `'private'` (default): each reader gets a copy. `'frozen'`: the master is deeply frozen and shared, which costs
   * nothing however large it is; one that holds a Map, Set, Date or bytes cannot be frozen and is copied all the same.
   */
  copies?: 'private' | 'frozen'
  /** Shares one store with every `memory()` of this name in the process, and keeps it through a hot reload. Omitted: a store of its own. */
  name?: string
}

/** Bytes of an Entry, besides its value. */
const TIMES = 72

/**
 * Keeps values in the process, synchronous, each reader's copy its own.
 *
 * @throws {TypeError} code `UNKNOWN_OPTION`, `INVALID_OPTION` or `CONTRADICTING_OPTIONS`; `RangeError` for numbers.
 */
export function memory(options: MemoryOptions = {}): Memory {
  checkOptions('memory()', options, ['maxEntries', 'cullFrequency', 'maxBytes', 'copies', 'name'])
  const { name, copies = 'private' } = options
  const limits = checkLimits('memory()', options)
  const frozen = checkWord('memory(): copies', copies, ['private', 'frozen']) === 'frozen'
  const make = () => new Store(limits, weighStored)
  const store = name === undefined ? make() : sharedStore('memory', name, limits, copies, make)
  return new Memory(store, name !== undefined, frozen)
}

class Memory extends InProcess {
  readonly #frozen: boolean
  readonly #weighs: boolean
  readonly lend: (value: unknown) => unknown

  constructor(store: Store, named: boolean, frozen: boolean) {
    super('memory', store, named)
    this.#frozen = frozen
    this.#weighs = store.limits.maxBytes !== Number.POSITIVE_INFINITY
    this.lend = frozen ? share : lend
  }

  admit(value: unknown, maxBytes: number): unknown {
    if (!this.#weighs && isPlain(value, maxBytes)) return value
    const admitted = admit(value, maxBytes, this.#frozen)
    if (admitted === undefined) return undefined
    if (this.#weighs) {
      latest.value = admitted.value
      latest.bytes = admitted.bytes
    }
    return admitted.value
  }
}

// Most values are stored in the turn that they were admitted in, and need not be weighed again.
const latest = { value: undefined as unknown, bytes: 0 }

function weighStored(what: Stored): number {
  if (what instanceof Entry) return TIMES + weighStored(what.value)
  if (what !== latest.value) return weigh(what)
  latest.value = undefined
  return latest.bytes
}
