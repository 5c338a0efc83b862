/**
 * Private copies. `admit` makes the master of a value that a store in the process is given: checked,
 * copied and weighed in one walk. `lend` gives readers copies of the master, quickly, since nothing in it
 * need be checked again; `share` gives them the master itself, frozen, wherever it can be.
 */
import { copyLeaf } from './leaves.ts'
import { TOO_LARGE, Walk } from './walk.ts'
import { mostOfString } from './weight.ts'

/** What `admit` answers. */
export interface Admitted {
  /** What rests, and what `lend` (or, if it was frozen, `share`) takes. */
  readonly value: unknown
  readonly bytes: number
}

/** Surely kept as it is and surely no larger: nothing to check, to copy or to weigh. */
export function isPlain(value: unknown, maxBytes: number): boolean {
  switch (typeof value) {
    case 'number':
    case 'boolean':
      return true
    case 'string':
      return mostOfString(value) <= maxBytes
    default:
      return value === null
  }
}

/**
 * Checks, copies and weighs a value. The value itself stays as it is.
 *
 * @param maxBytes what is larger answers `undefined`, before much of it is copied.
 * @param frozen freezes the master, to be shared; one that holds what cannot be frozen is copied all the same.
 * @throws {SerializeError} naming the place of what cannot be kept.
 */
export function admit(value: unknown, maxBytes: number, frozen: boolean): Admitted | undefined {
  const walk = new Walk(maxBytes)
  try {
    const root = walk.take(value)
    return { value: finish(root, walk, frozen), bytes: walk.bytes }
  } catch (error) {
    if (error === TOO_LARGE) return undefined
    throw error
  }
}

function finish(root: unknown, walk: Walk, frozen: boolean): unknown {
  if (typeof root !== 'object' || root === null) return root
  if (frozen && !walk.changeable) return freeze(root)
  return frozen || walk.tangled ? new Master(root, walk.tangled) : root
}

/** What a master weighs, for who did not see it admitted. */
export function weigh(master: unknown): number {
  const walk = new Walk(Number.POSITIVE_INFINITY)
  walk.take(master instanceof Master ? master.root : master)
  return walk.bytes
}

/** The reader's own copy of a master that is not frozen. */
export function lend(master: unknown): unknown {
  if (typeof master !== 'object' || master === null) return master
  return master instanceof Master ? master.copy() : copyBranch(master)
}

/** What a reader may have of a master that was admitted to be frozen. */
export function share(master: unknown): unknown {
  return master instanceof Master ? master.copy() : master
}

/** A master that can be neither copied branch by branch nor shared. */
class Master {
  readonly root: object
  readonly #tangled: boolean

  constructor(root: object, tangled: boolean) {
    this.root = root
    this.#tangled = tangled
  }

  copy(): unknown {
    return this.#tangled ? new Walk(Number.POSITIVE_INFINITY).take(this.root) : copyBranch(this.root)
  }
}

type Fields = Record<string, unknown>

// A spread and a slice are what the engine copies fastest: like-shaped objects in one step each. What they copied by
// reference is then replaced. A property named __proto__ is the copy's own by then, so that assigning is safe.
function copyBranch(source: object): object {
  const prototype = Object.getPrototypeOf(source)
  if (prototype === Object.prototype) return copyFields(source as Fields, { ...source })
  if (Array.isArray(source)) return copyItems(source)
  if (prototype === null) return copyFields(source as Fields, { __proto__: null, ...source })
  if (source instanceof Map) {
    const copy = new Map()
    for (const [key, value] of source) copy.set(lend(key), lend(value))
    return copy
  }
  if (source instanceof Set) {
    const copy = new Set()
    for (const value of source) copy.add(lend(value))
    return copy
  }
  return copyLeaf(source)!
}

function copyFields(source: Fields, copy: Fields): Fields {
  for (const name in source) {
    const value = source[name]
    if (typeof value === 'object' && value !== null) copy[name] = copyBranch(value)
  }
  return copy
}

function copyItems(source: readonly unknown[]): unknown[] {
  const copy = source.slice()
  for (let i = 0; i < copy.length; i++) {
    const value = copy[i]
    if (typeof value === 'object' && value !== null) copy[i] = copyBranch(value)
  }
  return copy
}

function freeze(root: object): object {
  // Frozen before its branches, so that a cycle ends where it began.
  Object.freeze(root)
  for (const branch of Object.values(root)) {
    if (typeof branch === 'object' && branch !== null && !Object.isFrozen(branch)) freeze(branch)
  }
  return root
}
