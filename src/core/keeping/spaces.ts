/**
 * One table of keys for each prefix and version, so that no storage key is ever joined. Keys that a
 * key function made lie in the table that the plain recipe would have used, where they read back as
 * such; all others in one table under their storage keys. An empty table is dropped: a million
 * versions leave nothing behind.
 */
import type { Space } from '../backend.ts'
import { readBack } from '../values/space.ts'
import { Slots } from './slots.ts'

/** The slots of one prefix and version, by key. */
export class Table {
  readonly slots: Slots
  /** `undefined`: the keys are whole storage keys of some other make. */
  readonly prefix: string | undefined
  readonly version: number
  /** Its number among the tables that are kept; 0 while it is not. */
  id = 0

  constructor(prefix: string | undefined, version: number, slots: Slots) {
    this.slots = slots
    this.prefix = prefix
    this.version = version
  }

  get name(): string {
    return nameOf(this.prefix, this.version)
  }

  /** Is the key one of this space's, in whatever version? */
  owned(space: Space, key: string): boolean {
    if (this.prefix === undefined) return space.owns(key)
    return space.plain ? this.prefix === space.prefix : space.owns(`${this.prefix}:${this.version}:${key}`)
  }
}

/** Spaces to know by heart; the tables of others are found by name. */
const MOST_KNOWN = 1000

export class Spaces {
  /** The key under which `find` looked in the table that it answered. */
  key = ''
  readonly #named = new Map<string, Table>()
  readonly #numbered: (Table | undefined)[] = [undefined]
  readonly #unused: number[] = []
  #known = new WeakMap<Space, Table>()
  #learned = 0
  // Most caches have one space: the last one is found by a single comparison.
  #lastSpace: Space | undefined
  #lastTable: Table
  readonly #maxEntries: number

  constructor(maxEntries: number) {
    this.#maxEntries = maxEntries
    this.#lastTable = this.#table(undefined, 0)
  }

  /** The table a key belongs to, kept or not, and in `key` its key there. */
  find(space: Space, key: string): Table {
    this.key = key
    if (space === this.#lastSpace) return this.#lastTable
    return space.plain ? this.#plain(space) : this.#framed(space.frame(key))
  }

  /** The table with this number. */
  at(id: number): Table {
    return this.#numbered[id]!
  }

  tables(): Iterable<Table> {
    return this.#named.values()
  }

  /** Keeps a table that is about to get its first key. */
  keep(table: Table): void {
    table.id = this.#unused.pop() ?? this.#numbered.length
    this.#numbered[table.id] = table
    this.#named.set(table.name, table)
    this.#lastSpace = undefined
  }

  /** Lets go of a table that is empty; the one in use may stay, so that a lone key that comes and goes costs nothing. */
  drop(table: Table): void {
    if (table === this.#lastTable && this.#lastSpace !== undefined) return
    this.#named.delete(table.name)
    this.#numbered[table.id] = undefined
    this.#unused.push(table.id)
    table.id = 0
  }

  clear(): void {
    for (const table of this.#named.values()) {
      table.slots.clear()
      table.id = 0
    }
    this.#named.clear()
    this.#numbered.length = 1
    this.#unused.length = 0
    this.#lastSpace = undefined
  }

  #plain(space: Space): Table {
    let table = this.#known.get(space)
    if (table === undefined || table.id === 0) {
      table = this.#table(space.prefix, space.version)
      // A WeakMap forgets, but never shrinks.
      if (++this.#learned > MOST_KNOWN) {
        this.#known = new WeakMap()
        this.#learned = 0
      }
      this.#known.set(space, table)
    }
    this.#leave()
    this.#lastSpace = space
    this.#lastTable = table
    return table
  }

  /** Forgets the table in use; an empty one is dropped. */
  #leave(): void {
    this.#lastSpace = undefined
    const last = this.#lastTable
    if (last.id !== 0 && last.slots.size === 0) this.drop(last)
  }

  #framed(storageKey: string): Table {
    const read = readBack(storageKey)
    this.key = read?.key ?? storageKey
    return read ? this.#table(read.prefix, read.version) : this.#table(undefined, 0)
  }

  #table(prefix: string | undefined, version: number): Table {
    return this.#named.get(nameOf(prefix, version)) ?? new Table(prefix, version, new Slots(this.#maxEntries))
  }
}

function nameOf(prefix: string | undefined, version: number): string {
  return prefix === undefined ? '' : `${version}:${prefix}`
}
