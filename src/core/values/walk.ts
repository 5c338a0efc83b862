/**
 * The one walk over a value that a store in the process is given: it checks that all of it can be
 * kept unchanged, copies it and weighs it.
 *
 * No code of the caller runs on the way: getters and proxies are refused, `toJSON` is not asked. So it
 * cannot be led astray, and what it refuses it refuses before anything has changed.
 */
import { isNativeError, isProxy } from 'node:util/types'
import { SerializeError } from '../errors.ts'
import type { ValueType, ValueTypes } from './format.ts'
import { byteLengthOf, copyLeaf } from './leaves.ts'
import { refusal, type Step, showPath } from './refusal.ts'
import * as weight from './weight.ts'

/** Deeper than any data; far from the end of the stack. */
const DEPTH = 1000

/** Thrown when the limit is passed. */
export const TOO_LARGE = Symbol('too large')

type Fields = Record<string, unknown>

const NO_TYPES: readonly ValueType[] = []

export class Walk {
  bytes = 0
  /** Has it cycles, branches reached twice, gaps, errors or instances? Then a copy must be made with as much care as this one. */
  tangled = false
  /** Holds it what cannot be frozen? */
  changeable = false
  readonly #limit: number
  readonly #path: Step[] = []
  /** The copies of all that has branches of its own. What has none may be copied twice. */
  #met: Map<object, object> | undefined

  readonly #types: readonly ValueType[]

  /** @param types classes whose instances may be kept. */
  constructor(limit: number, types?: ValueTypes) {
    this.#limit = limit
    this.#types = types === undefined ? NO_TYPES : Object.values(types)
  }

  /** The copy of a whole value. */
  take(value: unknown): unknown {
    if (value === undefined) this.#refuse('undefined, which means "missing" and is no value')
    if (typeof value === 'object' && value !== null) return this.#branch(value)
    this.#bare(value)
    return value
  }

  /** The copy of a part of `owner`. */
  #part(owner: object, copy: object, step: Step, value: unknown): unknown {
    if (typeof value !== 'object' || value === null) {
      this.#bare(value, step)
      return value
    }
    this.#met ??= new Map()
    this.#met.set(owner, copy)
    this.#path.push(step)
    const part = this.#branch(value)
    this.#path.pop()
    return part
  }

  /** Checks and weighs what is no object, and needs no copy. */
  #bare(value: unknown, step?: Step): void {
    switch (typeof value) {
      case 'string':
        // Before its characters are looked at: they may be half a billion.
        if (this.bytes + value.length > this.#limit) throw TOO_LARGE
        this.#add(weight.weighString(value))
        break
      case 'number':
        this.bytes += weight.weighNumber(value)
        break
      case 'bigint':
        this.#add(weight.weighBigint(value))
        break
      case 'function':
      case 'symbol':
        this.#refuse(refusal(value), step)
    }
  }

  #branch(value: object): object {
    if (isProxy(value)) this.#refuse('a Proxy: give the plain object behind it')
    if (this.#path.length > DEPTH) this.#refuse(`nested more than ${DEPTH} levels deep`)
    const met = this.#met?.get(value)
    if (met !== undefined) {
      this.tangled = true
      return met
    }
    const prototype = Object.getPrototypeOf(value)
    // The prototype of arrays is an array itself, in every realm; that of a subclass is not.
    if (Array.isArray(value)) return Array.isArray(prototype) ? this.#array(value) : this.#leaf(value)
    if (prototype === Map.prototype) return this.#map(value as Map<unknown, unknown>)
    if (prototype === Set.prototype) return this.#set(value as Set<unknown>)
    if (prototype === null || isObjectPrototype(prototype)) return this.#record(value as Fields, prototype)
    const type = this.#types.find(({ is }) => is(value))
    if (type !== undefined) return this.#instance(value, type)
    return isNativeError(value) ? this.#error(value) : this.#leaf(value)
  }

  /** An instance of a registered class: taken apart, and made again of copies. */
  #instance(source: object, { to, from }: ValueType): object {
    this.tangled = true
    this.changeable = true
    this.#path.push('to()')
    const copy = from(this.take(to(source)))
    this.#path.pop()
    if (typeof copy === 'object' && copy !== null) return copy
    return this.#refuse('an instance that its from() did not make again')
  }

  #record(source: Fields, prototype: object | null): Fields {
    const names = Object.keys(source)
    this.#add(weight.weighRecord(names))
    this.#checkVisible(source, names.length)
    let branches = false
    for (const name of names) {
      const { value, get, set } = Object.getOwnPropertyDescriptor(source, name)!
      if (get !== undefined || set !== undefined) this.#refuse('a getter or setter', name)
      if (typeof value === 'object') branches ||= value !== null
      else this.#bare(value, name)
    }
    const copy: Fields = prototype === null ? { __proto__: null, ...source } : { ...source }
    if (!branches) return copy
    // A property named __proto__ is the copy's own by now, so that assigning to it is safe.
    for (const name in copy) {
      const value = copy[name]
      if (typeof value === 'object' && value !== null) copy[name] = this.#part(source, copy, name, value)
    }
    return copy
  }

  /** Refuses properties that a plain copy would leave behind. */
  #checkVisible(source: object, enumerable: number): void {
    if (Object.getOwnPropertyNames(source).length !== enumerable) {
      const hidden = Object.getOwnPropertyNames(source).find(
        (name) => !Object.prototype.propertyIsEnumerable.call(source, name),
      )
      this.#refuse('a property that is not enumerable', hidden)
    }
    const symbols = Object.getOwnPropertySymbols(source)
    if (symbols.length > 0) this.#refuse('a property named by a symbol', symbols[0])
  }

  #array(source: unknown[]): unknown[] {
    this.#add(weight.weighArray(source.length))
    // Where the names are as many as the items, they are the items'.
    if (Object.keys(source).length !== source.length) return this.#sparse(source)
    if (Object.getOwnPropertySymbols(source).length > 0)
      this.#refuse('an array with a property named by a symbol')
    const copy = Array.prototype.slice.call(source) as unknown[]
    for (let i = 0; i < copy.length; i++) {
      const value = copy[i]
      if (typeof value === 'object' && value !== null) copy[i] = this.#part(source, copy, i, value)
      else this.#bare(value, i)
    }
    return copy
  }

  /** An array with gaps; or with names, which are refused. */
  #sparse(source: unknown[]): unknown[] {
    this.tangled = true
    const copy: unknown[] = []
    copy.length = source.length
    for (const name of Reflect.ownKeys(source)) {
      if (name === 'length') continue
      const index = Number(typeof name === 'symbol' ? Number.NaN : name)
      if (!(index < source.length) || String(index) !== name)
        this.#refuse('a named property of an array', name)
      const property = Object.getOwnPropertyDescriptor(source, name)!
      if (!('value' in property)) this.#refuse('a getter or setter', index)
      copy[index] = this.#part(source, copy, index, property.value)
    }
    return copy
  }

  #map(source: Map<unknown, unknown>): Map<unknown, unknown> {
    this.#builtin(source, weight.weighCollection(source.size, 2))
    const copy = new Map<unknown, unknown>()
    let at = 0
    for (const [key, value] of source) {
      const place = at++
      copy.set(
        this.#part(source, copy, { of: 'keys', at: place }, key),
        this.#part(source, copy, { of: 'values', at: place }, value),
      )
    }
    return copy
  }

  #set(source: Set<unknown>): Set<unknown> {
    this.#builtin(source, weight.weighCollection(source.size, 1))
    const copy = new Set<unknown>()
    let at = 0
    for (const value of source) copy.add(this.#part(source, copy, { of: 'values', at: at++ }, value))
    return copy
  }

  /** An error of the language itself, with its message, stack, cause and whatever was put on it. */
  #error(source: Error): Error {
    const make = ERRORS.get(Object.getPrototypeOf(source))
    if (make === undefined) this.#refuse(refusal(source))
    this.#add(weight.WEIGHT_OF_BUILTIN)
    this.changeable = true
    this.tangled = true
    const copy = make()
    for (const name of Reflect.ownKeys(source)) {
      if (typeof name === 'symbol') this.#refuse('a property named by a symbol', name)
      const property = Object.getOwnPropertyDescriptor(source, name)!
      // The stack is the engine's own; some versions keep it behind a getter.
      const value = name === 'stack' ? source.stack : property.value
      if (name !== 'stack' && !('value' in property)) this.#refuse('a getter or setter', name)
      Object.defineProperty(copy, name, {
        value: this.#part(source, copy, name, value),
        enumerable: property.enumerable ?? false,
        writable: true,
        configurable: true,
      })
    }
    return copy
  }

  #leaf(source: object): object {
    const bytes = byteLengthOf(source)
    // Before it is copied: it may be gigabytes.
    this.#add(bytes === undefined ? weight.WEIGHT_OF_BUILTIN : weight.weighBytes(bytes))
    const copy = copyLeaf(source)
    if (copy === undefined) this.#refuse(refusal(source))
    this.changeable = true
    if (!ArrayBuffer.isView(source)) this.#checkBareness(source)
    return copy
  }

  #builtin(source: object, weight: number): void {
    this.#add(weight)
    this.changeable = true
    this.#checkBareness(source)
  }

  /** What was put on a built-in would be lost. */
  #checkBareness(source: object): void {
    for (const name of Reflect.ownKeys(source)) {
      if (name !== 'lastIndex') this.#refuse('a property of a built-in object', name)
    }
  }

  #add(bytes: number): void {
    this.bytes += bytes
    if (this.bytes > this.#limit) throw TOO_LARGE
  }

  #refuse(what: string, step?: Step): never {
    throw new SerializeError(showPath(step === undefined ? this.#path : [...this.#path, step]), what)
  }
}

/** That of this realm, or of another (a vm context): data made there is as plain as ours. */
function isObjectPrototype(prototype: object): boolean {
  return (
    prototype === Object.prototype ||
    (Object.getPrototypeOf(prototype) === null && Object.hasOwn(prototype, 'isPrototypeOf'))
  )
}

// Made without a stack of their own: theirs is copied.
function unstacked(make: () => Error): () => Error {
  return () => {
    const limit = Error.stackTraceLimit
    Error.stackTraceLimit = 0
    const error = make()
    Error.stackTraceLimit = limit
    return error
  }
}

const ERRORS = new Map<unknown, () => Error>([
  [Error.prototype, unstacked(() => new Error())],
  [EvalError.prototype, unstacked(() => new EvalError())],
  [RangeError.prototype, unstacked(() => new RangeError())],
  [ReferenceError.prototype, unstacked(() => new ReferenceError())],
  [SyntaxError.prototype, unstacked(() => new SyntaxError())],
  [TypeError.prototype, unstacked(() => new TypeError())],
  [URIError.prototype, unstacked(() => new URIError())],
  [AggregateError.prototype, unstacked(() => new AggregateError([]))],
])
