/**
 * Arguments as text, and back: what a key is made of, and what travels through a queue. One text for one value: the type is part
 * of it (`1`, `"1"` and `1n` differ), members of objects, Maps and Sets are sorted (their order is no difference), everything is
 * bracketed or quoted (no two lists of arguments run together). What is no plain data is refused, never turned into some text.
 */
import { isProxy } from 'node:util/types'
import { argumentError } from '../core/errors.ts'
import { kindOf } from '../core/options.ts'
import { BYTE_VIEWS } from '../core/values/leaves.ts'
import { refusal, type Step, showPath } from '../core/values/refusal.ts'

/** Deeper than any arguments. */
const DEPTH = 100

/** What holds bytes has a name in the text, … */
const byteNames = new Map<object, string>(
  [Buffer, ArrayBuffer, ...BYTE_VIEWS].map(({ prototype, name }) => [prototype, name]),
)

/** … and is made again by that name. */
const byteMakers = new Map<string, (bytes: Buffer) => object>([
  [Buffer.name, (bytes) => bytes],
  [ArrayBuffer.name, owned],
  ...BYTE_VIEWS.map((View) => [View.name, (bytes: Buffer) => new View(owned(bytes))] as const),
])

/**
 * The text of a list of arguments: equal for equal arguments, different for any others.
 *
 * @param where whose arguments they are, for the message.
 * @throws TypeError `INVALID_ARGUMENTS`, saying where in the arguments it is and never what, for functions, symbols, promises,
 *   instances of classes, Proxies, cycles.
 */
export function writeArguments(where: string, args: readonly unknown[]): string {
  if (!Array.isArray(args)) {
    throw argumentError(TypeError, 'INVALID_ARGUMENTS', `the arguments must be a list, not ${kindOf(args)}`)
  }
  const writer = new Writer(where)
  return `[${args.map((argument, place) => writer.part(place, argument)).join()}]`
}

class Writer {
  readonly #where: string
  readonly #path: Step[] = []
  readonly #within = new Set<object>()

  constructor(where: string) {
    this.#where = where
  }

  part(step: Step, value: unknown): string {
    // Most arguments: no path is needed for what is never refused.
    switch (typeof value) {
      case 'string':
        return JSON.stringify(value)
      case 'number':
        return Object.is(value, -0) ? '-0' : String(value)
      case 'bigint':
        return `${value}n`
      case 'boolean':
      case 'undefined':
        return String(value)
    }
    if (value === null) return 'null'
    this.#path.push(step)
    const text = typeof value === 'object' ? this.#object(value) : this.#refuse(refusal(value))
    this.#path.pop()
    return text
  }

  #object(value: object): string {
    if (isProxy(value)) this.#refuse('a Proxy: give the plain object behind it')
    if (this.#within.has(value)) this.#refuse('a cycle')
    if (this.#path.length > DEPTH) this.#refuse(`nested more than ${DEPTH} levels deep`)
    this.#within.add(value)
    const text = this.#branch(value)
    this.#within.delete(value)
    return text
  }

  #branch(value: object): string {
    const prototype: object | null = Object.getPrototypeOf(value)
    if (Array.isArray(value) && prototype === Array.prototype) return this.#list(value)
    if (prototype === Object.prototype) return `{${this.#members(value)}}`
    if (prototype === null) return `~{${this.#members(value)}}`
    if (prototype === Date.prototype) return `Date(${(value as Date).getTime()})`
    if (prototype === Map.prototype) return `Map{${this.#pairs(value as Map<unknown, unknown>)}}`
    if (prototype === Set.prototype) return `Set{${this.#items(value as Set<unknown>)}}`
    if (prototype === RegExp.prototype) {
      const { source, flags, lastIndex } = value as RegExp
      return `RegExp(${JSON.stringify(source)},${JSON.stringify(flags)},${lastIndex})`
    }
    const name = byteNames.get(prototype)
    return name === undefined ? this.#refuse(refusal(value)) : `${name}(${base64(value)})`
  }

  #list(list: unknown[]): string {
    if (Object.keys(list).length > list.length) this.#refuse('an array with named properties')
    const items: string[] = []
    for (let i = 0; i < list.length; i++) items.push(i in list ? this.part(i, list[i]) : 'hole')
    return `[${items.join()}]`
  }

  #members(value: object): string {
    if (Object.getOwnPropertySymbols(value).length > 0)
      this.#refuse('an object with a property named by a symbol')
    const names = Object.keys(value).sort()
    return names
      .map((name) => `${JSON.stringify(name)}:${this.part(name, (value as Record<string, unknown>)[name])}`)
      .join()
  }

  #pairs(map: Map<unknown, unknown>): string {
    let at = 0
    return [...map]
      .map(([key, item]) => {
        const place = at++
        return `${this.part({ of: 'keys', at: place }, key)}:${this.part({ of: 'values', at: place }, item)}`
      })
      .sort()
      .join()
  }

  #items(set: Set<unknown>): string {
    let at = 0
    return [...set]
      .map((item) => this.part({ of: 'values', at: at++ }, item))
      .sort()
      .join()
  }

  #refuse(what: string): never {
    const path = showPath(this.#path).replace(/^value/, 'arguments')
    throw argumentError(
      TypeError,
      'INVALID_ARGUMENTS',
      `${this.#where}: ${path} is ${what}; a job with a key rule of its own takes it, in process`,
    )
  }
}

function base64(value: object): string {
  const bytes = ArrayBuffer.isView(value)
    ? Buffer.from(value.buffer, value.byteOffset, value.byteLength)
    : Buffer.from(value as ArrayBuffer)
  return bytes.toString('base64')
}

function owned(bytes: Buffer): ArrayBuffer {
  return new Uint8Array(bytes).buffer
}

/**
 * The arguments that `writeArguments` wrote. Members of objects, Maps and Sets come back in the order of the text.
 *
 * @throws SyntaxError for any other text.
 */
export function readArguments(text: string): unknown[] {
  const args = typeof text === 'string' ? tryToRead(text) : undefined
  if (args !== undefined) return args
  throw argumentError(SyntaxError, 'INVALID_ARGUMENTS', 'this is no text that writeArguments() wrote')
}

function tryToRead(text: string): unknown[] | undefined {
  try {
    const reader = new ArgumentReader(text)
    const args = reader.value()
    return Array.isArray(args) && reader.atEnd ? args : undefined
  } catch {
    return undefined
  }
}

const WORDS = new Map<string, unknown>([
  ['null', null],
  ['undefined', undefined],
  ['true', true],
  ['false', false],
  ['NaN', Number.NaN],
  ['Infinity', Number.POSITIVE_INFINITY],
  ['-Infinity', Number.NEGATIVE_INFINITY],
])

class ArgumentReader {
  readonly #text: string
  #at = 0

  constructor(text: string) {
    this.#text = text
  }

  get atEnd(): boolean {
    return this.#at === this.#text.length
  }

  value(depth = 0): unknown {
    if (depth > DEPTH + 1) throw new SyntaxError('nested too deep')
    if (this.#took('[')) return this.#list(depth)
    if (this.#took('{')) return this.#members({}, depth)
    if (this.#took('~{')) return this.#members(Object.create(null), depth)
    if (this.#took('Map{')) return new Map(this.#until('}', () => this.#pair(depth)))
    if (this.#took('Set{')) return new Set(this.#until('}', () => this.value(depth + 1)))
    if (this.#text[this.#at] === '"') return this.#string()
    const word = this.#match(/-?[\w.+-]+/y)
    if (WORDS.has(word)) return WORDS.get(word)
    if (/^-?\d+n$/.test(word)) return BigInt(word.slice(0, -1))
    if (/^-?[\d.]/.test(word)) return Number(word)
    return this.#made(word)
  }

  /** `Date(0)`, `RegExp("a","g",0)`, `Buffer(YQ==)`. */
  #made(name: string): unknown {
    this.#take('(')
    if (name === 'Date') return this.#closed(new Date(Number(this.#match(/[\w.+-]+/y))))
    if (name === 'RegExp') {
      const [source, flags, lastIndex] = this.#until(')', () => this.value())
      return Object.assign(new RegExp(String(source), String(flags)), { lastIndex: Number(lastIndex) })
    }
    const make = byteMakers.get(name)
    if (make === undefined) throw new SyntaxError('an unknown word')
    const bytes = Buffer.from(this.#match(/[A-Za-z0-9+/=]*/y), 'base64')
    return this.#closed(make(bytes))
  }

  #closed<T>(value: T): T {
    this.#take(')')
    return value
  }

  #list(depth: number): unknown[] {
    const list: unknown[] = []
    this.#until(']', () => {
      if (this.#took('hole')) list.length++
      else list.push(this.value(depth + 1))
    })
    return list
  }

  #members(object: Record<string, unknown>, depth: number): object {
    this.#until('}', () => {
      const name = this.#string()
      this.#take(':')
      // Defined, not assigned: a member may be named __proto__.
      Object.defineProperty(object, name, {
        value: this.value(depth + 1),
        enumerable: true,
        writable: true,
        configurable: true,
      })
    })
    return object
  }

  #pair(depth: number): [unknown, unknown] {
    const key = this.value(depth + 1)
    this.#take(':')
    return [key, this.value(depth + 1)]
  }

  #until<T>(end: string, item: () => T): T[] {
    const items: T[] = []
    while (!this.#took(end)) {
      if (items.length > 0) this.#take(',')
      items.push(item())
    }
    return items
  }

  #string(): string {
    return JSON.parse(this.#match(/"(?:[^"\\]|\\.)*"/y))
  }

  #took(what: string): boolean {
    if (!this.#text.startsWith(what, this.#at)) return false
    this.#at += what.length
    return true
  }

  #take(what: string): void {
    if (!this.#took(what)) throw new SyntaxError(`expected ${what}`)
  }

  #match(pattern: RegExp): string {
    pattern.lastIndex = this.#at
    const found = pattern.exec(this.#text)
    if (found === null) throw new SyntaxError('an unknown character')
    this.#at += found[0].length
    return found[0]
  }
}
