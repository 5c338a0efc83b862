/**
 * The slow look at a value that the survey could not settle: finds what cannot be kept and says
 * where it is. It keeps the path and what it has seen, so that a cycle ends and a message reads
 * `value.user.tags[3] is a function`. A value that is refused is refused before anything is stored.
 */
import { types as is } from 'node:util'
import { SerializeError } from '../errors.ts'
import type { ValueType, ValueTypes } from './format.ts'
import { byteHolders } from './leaves.ts'
import { refusal, type Step, showPath } from './refusal.ts'
import { MAX_DEPTH } from './survey.ts'

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
  if (value === undefined)
    throw new SerializeError('value', 'undefined, which means "missing" and is no value')
  const look = new Look(Object.values(types))
  look.at(value)
  return look.size
}

const DONE = -1

class Look {
  /** A lower bound of the bytes. */
  size = 0
  readonly #types: ValueType[]
  readonly #path: Step[] = []
  /** Of each object, how many that are made last it lies within; DONE once all of it was looked at. */
  readonly #seen = new Map<object, number>()
  #madeLast = 0

  constructor(types: ValueType[]) {
    this.#types = types
  }

  at(thing: unknown): void {
    this.size += 1
    if (typeof thing === 'string') this.size += thing.length
    else if (typeof thing === 'function' || typeof thing === 'symbol') this.#refuse(refusal(thing))
    else if (typeof thing === 'object' && thing !== null) this.#object(thing)
  }

  #part(step: Step, thing: unknown): void {
    this.#path.push(step)
    this.at(thing)
    this.#path.pop()
  }

  #object(thing: object): void {
    const within = this.#seen.get(thing)
    if (within !== undefined) {
      if (within === DONE || within === this.#madeLast) return
      this.#refuse('a cycle through an error, an instance or an own __proto__: break it')
    }
    if (this.#path.length > MAX_DEPTH) this.#refuse(`nested more than ${MAX_DEPTH} levels deep`)
    const before = this.#madeLast
    this.#seen.set(thing, before)
    try {
      this.#parts(thing)
    } catch (cause) {
      if (cause instanceof SerializeError) throw cause
      this.#refuse(is.isProxy(thing) ? 'a Proxy that cannot be read' : 'an object that cannot be read', cause)
    }
    this.#madeLast = before
    this.#seen.set(thing, DONE)
  }

  #parts(thing: object): void {
    const prototype: object | null = Object.getPrototypeOf(thing)
    if (prototype === null || prototype === Object.prototype) {
      if (typeof (thing as { then?: unknown }).then === 'function') this.#refuse('a promise: await it')
      if (Object.hasOwn(thing, '__proto__')) this.#madeLast++
      this.#members(thing)
    } else if (prototype === Array.prototype && Array.isArray(thing)) {
      // By its keys: the holes of a sparse array are not walked.
      for (const key of Object.keys(thing)) this.#part(Number(key), thing[Number(key)])
    } else if (prototype === Map.prototype && is.isMap(thing)) {
      let place = 0
      for (const [key, item] of thing) {
        this.#part({ of: 'keys', at: place }, key)
        this.#part({ of: 'values', at: place++ }, item)
      }
    } else if (prototype === Set.prototype && is.isSet(thing)) {
      let place = 0
      for (const item of thing) this.#part({ of: 'values', at: place++ }, item)
    } else if (byteHolders.has(prototype)) {
      this.size += (thing as ArrayBufferView).byteLength
    } else if (errorPrototypes.has(prototype) && is.isNativeError(thing)) {
      this.#madeLast++
      this.#part('message', thing.message)
      if (Object.hasOwn(thing, 'cause')) this.#part('cause', thing.cause)
      if (Object.hasOwn(thing, 'errors')) this.#part('errors', (thing as AggregateError).errors)
      this.#members(thing)
    } else if (prototype !== Date.prototype && prototype !== RegExp.prototype) {
      const type = this.#types.find((candidate) => candidate.is(thing))
      if (type === undefined) this.#refuse(refusal(thing))
      this.#madeLast++
      this.at(type.to(thing))
    }
  }

  #members(thing: object): void {
    const [symbol] = Object.getOwnPropertySymbols(thing)
    if (symbol !== undefined) this.#refuse('a property named by a symbol', undefined, symbol)
    for (const key of Object.keys(thing)) {
      this.size += key.length
      this.#part(key, this.#read(thing, key))
    }
  }

  #read(thing: object, key: string): unknown {
    try {
      return (thing as Record<string, unknown>)[key]
    } catch (cause) {
      this.#refuse('a property that cannot be read', cause, key)
    }
  }

  #refuse(what: string, cause?: unknown, step?: Step): never {
    const path = showPath(step === undefined ? this.#path : [...this.#path, step])
    throw new SerializeError(path, what, cause === undefined ? undefined : { cause })
  }
}
