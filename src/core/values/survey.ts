/**
 * The safety walk: one cheap look at a whole value before it is serialised, so that the fastest
 * serialiser that keeps it is taken, and nothing is changed in silence. It stands in front of every write, so it makes no object,
 * keeps no path and no list of what it saw: what it cannot settle at once is ASK, and `refuse` looks again, slowly.
 */
import { byteHolders } from './leaves.ts'

/** Strings, finite numbers, booleans, null, dense arrays and plain objects: JSON keeps it. */
export const PLAIN = 0
/** Also undefined, NaN, ±Infinity, bigint, Date, Map, Set, RegExp and bytes: binary formats keep it too. */
export const RICH = 1
/** Also −0, holes, errors, objects without a prototype, an own `__proto__`: only some formats keep it. */
export const ODD = 2
/** To be looked at by `refuse`: a cycle, an instance of a class, too deep, or not to be kept at all. */
export const ASK = 3
/** Larger than it may be, in any format. */
export const LARGE = 4

export type Sort = typeof PLAIN | typeof RICH | typeof ODD | typeof ASK | typeof LARGE

/** How many objects may lie within each other. Serialisers are recursive: deeper, one of them overflows the stack. */
export const MAX_DEPTH = 1_000

const { isArray } = Array
const { getPrototypeOf, getOwnPropertySymbols } = Object
const objectPrototype = Object.prototype
const arrayPrototype = Array.prototype

// To ask an object for symbol keys takes as long as to look at ten members. The records of a list are alike, so of
// each list the first few are asked; a symbol key that only a later one has is left out, as by JSON.
const FIRST_OF_A_LIST = 2

// Beyond this a bigint's length is worth knowing before its digits are made.
const HUGE = 1n << 65_536n
const MINUS_HUGE = -HUGE

// What is left of the bytes allowed. Every value takes at least one byte in any format, a string at
// least its length, so this also ends the walk of a small graph that unfolds without end.
let left = 0

let surrogatesAreOdd = false

/**
 * What kind of value this is: the worst of its parts.
 *
 * @param maxBytes more than this in any format is LARGE, known without serialising it.
 * @param utf8 the format carries text as UTF-8, which changes lone surrogates: then they are ODD.
 */
export function survey(value: unknown, maxBytes: number, utf8 = false): Sort {
  left = maxBytes
  surrogatesAreOdd = utf8
  try {
    return value === undefined ? ASK : lookAt(value, 0, false)
  } catch {
    return ASK // a getter that throws, a revoked proxy, a stack nearly spent
  }
}

function lookAt(value: unknown, depth: number, alike: boolean): Sort {
  switch (typeof value) {
    case 'object':
      if (value === null) return PLAIN
      return isArray(value) ? lookInArray(value, depth, alike) : lookInObject(value, depth, alike)
    case 'string':
      left -= value.length
      return left < 0 ? LARGE : surrogatesAreOdd && !value.isWellFormed() ? ODD : PLAIN
    case 'number':
      return value - value !== 0 ? RICH : value === 0 && 1 / value < 0 ? ODD : PLAIN
    case 'boolean':
      return PLAIN
    case 'undefined':
      return RICH
    case 'bigint':
      if (value >= HUGE || value <= MINUS_HUGE) left -= value.toString(16).length >> 1
      return left < 0 ? LARGE : RICH
    default:
      return ASK
  }
}

// The two loops repeat the common cases of `lookAt` in place: a call for each number would cost more than the look.

function lookInArray(array: unknown[], depth: number, alike: boolean): Sort {
  if (depth > MAX_DEPTH || getPrototypeOf(array) !== arrayPrototype) return ASK
  const length = array.length
  left -= length
  if (left < 0) return LARGE
  let worst: Sort = PLAIN
  for (let i = 0; i < length; i++) {
    const item = array[i]
    if (typeof item === 'string') {
      left -= item.length
      if (surrogatesAreOdd && !item.isWellFormed()) worst = ODD
    } else if ((typeof item === 'number' && item !== 0 && item - item === 0) || item === null) {
      // a number like most
    } else {
      const sort: Sort =
        item === undefined && !(i in array) ? ODD : lookAt(item, depth + 1, alike || i >= FIRST_OF_A_LIST)
      if (sort > worst) {
        if (sort >= ASK) return sort
        worst = sort
      }
    }
  }
  return left < 0 ? LARGE : worst
}

function lookInObject(object: object, depth: number, alike: boolean): Sort {
  if (depth > MAX_DEPTH) return ASK
  let worst: Sort = PLAIN
  const prototype = getPrototypeOf(object)
  if (prototype !== objectPrototype) {
    if (prototype !== null) return lookInBuiltIn(object, prototype, depth)
    worst = ODD
  }
  if (!alike && getOwnPropertySymbols(object).length !== 0) return ASK
  left -= 2
  const members = object as Record<string, unknown>
  for (const key in members) {
    if (key === '__proto__' || (surrogatesAreOdd && !key.isWellFormed())) worst = ODD
    const item = members[key]
    if (typeof item === 'string') {
      left -= item.length
      if (surrogatesAreOdd && !item.isWellFormed()) worst = ODD
    } else if ((typeof item === 'number' && item !== 0 && item - item === 0) || item === null) {
      // a number like most
    } else if (typeof item !== 'boolean') {
      const sort = lookAt(item, depth + 1, alike)
      if (sort > worst) {
        if (sort >= ASK) return sort
        worst = sort
      }
    }
  }
  return left < 0 ? LARGE : worst
}

/** Instances of built-in classes, by their exact prototype: a subclass would come back as its parent. */
function lookInBuiltIn(object: object, prototype: object, depth: number): Sort {
  if (prototype === Date.prototype) return RICH
  if (prototype === RegExp.prototype) return (object as RegExp).lastIndex === 0 ? RICH : ODD
  if (prototype === Map.prototype) return lookInMap(object as Map<unknown, unknown>, depth)
  if (prototype === Set.prototype) return lookInSet(object as Set<unknown>, depth)
  if (!byteHolders.has(prototype)) return ASK
  left -= (object as ArrayBuffer | ArrayBufferView).byteLength
  return left < 0 ? LARGE : RICH
}

function lookInMap(map: Map<unknown, unknown>, depth: number): Sort {
  if (depth > MAX_DEPTH) return ASK
  left -= 2 * map.size
  if (left < 0) return LARGE
  let worst: Sort = RICH
  for (const [key, item] of map) {
    let sort = lookAt(key, depth + 1, false)
    if (sort < ASK) {
      const ofItem = lookAt(item, depth + 1, false)
      if (ofItem > sort) sort = ofItem
    }
    if (sort > worst) {
      if (sort >= ASK) return sort
      worst = sort
    }
  }
  return worst
}

function lookInSet(set: Set<unknown>, depth: number): Sort {
  if (depth > MAX_DEPTH) return ASK
  left -= set.size
  if (left < 0) return LARGE
  let worst: Sort = RICH
  for (const item of set) {
    const sort = lookAt(item, depth + 1, false)
    if (sort > worst) {
      if (sort >= ASK) return sort
      worst = sort
    }
  }
  return worst
}
