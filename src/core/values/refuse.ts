/**
 * The slow look at a value that the survey could not settle: finds what cannot be kept and says
 * where it is. It keeps the path and what it has seen, so that a cycle ends and a message reads
 * `value.user.tags[3] is a function`. A value that is refused is refused before anything is stored.
 */
import { types as is } from 'node:util'
import { SerializeError } from '../errors.ts'
import type { ValueTypes } from './format.ts'
import { byteHolders, MAX_DEPTH } from './survey.ts'

/** The native error classes, by name. Errors of these come back as such; a subclass of the user's is a class. */
export const errorClasses = {
  Error,
  EvalError,
  RangeError,
  ReferenceError,
  SyntaxError,
  TypeError,
  URIError,
  AggregateError,
} as const

const errorPrototypes = new Set<object>(Object.values(errorClasses).map((native) => native.prototype))

/**
 * Throws `SerializeError`, by path, for what cannot be kept: functions, symbols and symbol keys, promises,
 * streams, instances of classes that are not in `types`, what throws when read, nesting beyond `MAX_DEPTH`.
 *
 * Cycles are no fault, but for those through an error, an instance or an object with an own `__proto__`: what stands for
 * one in storage is read before it can be made, so it would come back incomplete.
 *
 * @returns a lower bound of the bytes that the value takes, each object counted once.
 */
export function refuse(value: unknown, types: ValueTypes = {}): number {
  // Of each object, how many that are made last it lies within; DONE once all of it was looked at.
  const seen = new Map<object, number>()
  let madeLast = 0
  const registered = Object.values(types)
  let size = 0

  function check(thing: unknown, path: string, depth: number): void {
    size += 1
    switch (typeof thing) {
      case 'string':
        size += thing.length
        return
      case 'function':
        throw new SerializeError(path, 'a function: store data only')
      case 'symbol':
        throw new SerializeError(path, 'a symbol: store a string instead')
      case 'object':
        break
      default:
        return
    }
    if (thing === null) return
    const before = seen.get(thing)
    if (before !== undefined) {
      if (before !== DONE && before < madeLast) {
        throw new SerializeError(path, 'a cycle through an error, an instance or an own __proto__: break it')
      }
      return
    }
    seen.set(thing, madeLast)
    if (depth > MAX_DEPTH) throw new SerializeError(path, `nested deeper than ${MAX_DEPTH} levels`)
    try {
      checkObject(thing, path, depth)
    } catch (error) {
      if (error instanceof SerializeError) throw error
      throw new SerializeError(path, unreadable(thing), { cause: error })
    }
    madeLast = seen.get(thing) ?? 0
    seen.set(thing, DONE)
  }

  function checkObject(thing: object, path: string, depth: number): void {
    const prototype: object | null = Object.getPrototypeOf(thing)
    if (prototype === null || prototype === Object.prototype) {
      if (typeof (thing as { then?: unknown }).then === 'function') throw new SerializeError(path, promise)
      if (Object.hasOwn(thing, '__proto__')) madeLast++
      checkMembers(thing, path, depth)
    } else if (prototype === Array.prototype && Array.isArray(thing)) {
      // By its keys: the holes of a sparse array are not walked.
      for (const key of Object.keys(thing))
        check(thing[key as unknown as number], `${path}[${key}]`, depth + 1)
    } else if (prototype === Map.prototype && is.isMap(thing)) {
      let n = 0
      for (const [key, item] of thing) {
        check(key, `${path}.keys()[${n++}]`, depth + 1)
        check(item, `${path}.get(${typeof key === 'string' ? JSON.stringify(key) : named(key)})`, depth + 1)
      }
    } else if (prototype === Set.prototype && is.isSet(thing)) {
      let n = 0
      for (const item of thing) check(item, `${path}.values()[${n++}]`, depth + 1)
    } else if (byteHolders.has(prototype)) {
      size += (thing as ArrayBufferView).byteLength
    } else if (errorPrototypes.has(prototype) && is.isNativeError(thing)) {
      madeLast++
      check(thing.message, `${path}.message`, depth + 1)
      if (Object.hasOwn(thing, 'cause')) check(thing.cause, `${path}.cause`, depth + 1)
      if (Object.hasOwn(thing, 'errors')) {
        check((thing as AggregateError).errors, `${path}.errors`, depth + 1)
      }
      checkMembers(thing, path, depth)
    } else if (prototype !== Date.prototype && prototype !== RegExp.prototype) {
      const type = registered.find((candidate) => candidate.is(thing))
      if (type === undefined) throw new SerializeError(path, instance(thing))
      madeLast++
      check(type.to(thing), path, depth + 1)
    }
  }

  function checkMembers(thing: object, path: string, depth: number): void {
    for (const symbol of Object.getOwnPropertySymbols(thing)) {
      throw new SerializeError(`${path}[${String(symbol)}]`, 'under a symbol: use a string as its key')
    }
    for (const key of Object.keys(thing)) {
      const at = /^[\p{ID_Start}$_][\p{ID_Continue}$]*$/u.test(key) ? `.${key}` : `[${JSON.stringify(key)}]`
      let member: unknown
      try {
        member = (thing as Record<string, unknown>)[key]
      } catch (error) {
        throw new SerializeError(path + at, 'a property that throws when read', { cause: error })
      }
      size += key.length
      check(member, path + at, depth + 1)
    }
  }

  if (value === undefined) throw new SerializeError('value', 'undefined: store null for “nothing there”')
  check(value, 'value', 0)
  return size
}

const DONE = -1

const promise = 'a promise: await it'

function unreadable(thing: object): string {
  if (is.isProxy(thing)) return 'a proxy that cannot be read (revoked?)'
  return 'an object that throws when read'
}

function instance(thing: object): string {
  const { then, pipe, pipeTo } = thing as Record<string, unknown>
  if (is.isPromise(thing) || typeof then === 'function') return promise
  if (typeof pipe === 'function' || typeof pipeTo === 'function')
    return 'a stream: read it to its end and store that'
  const name = thing.constructor?.name || 'a class'
  return `an instance of ${name}: name its class in \`types\`, or store a plain object`
}

function named(key: unknown): string {
  return typeof key === 'object' ? '…' : String(key)
}
