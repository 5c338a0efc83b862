/**
 * Every value that can be kept, as text: devalue's format, with entries of our own for what it changes or refuses.
 * Shared by the codecs, each of which keeps most values in a faster way and all others in this one. No code and no
 * constructor is ever named in the text: a name is looked up among those below and in `types`, or the entry is a miss.
 */
import { types as is } from 'node:util'
import * as devalue from 'devalue'
import { argumentError, SerializeError } from '../core/errors.ts'
import { checkOptions, isRecord, kindOf } from '../core/options.ts'
import type { ValueTypes } from '../core/values/format.ts'
import { BYTE_VIEWS, byteHolders } from '../core/values/leaves.ts'
import { errorClasses, refuse } from '../core/values/refuse.ts'

export interface RichText {
  /** Throws `SerializeError` by path; `undefined` when it would be larger than `maxBytes`. */
  encode(value: unknown, maxBytes: number): string | undefined
  /** Throws for anything that `encode` did not make. */
  decode(text: string): unknown
}

const byteViews = new Map(BYTE_VIEWS.map((View) => [View.name, View]))

/** Names that devalue or we have taken. */
const taken =
  /^(?:Object|null|Date|Set|Map|RegExp|BigInt|ArrayBuffer|URL|URLSearchParams|Temporal\..*|\w+Array|DataView|Bytes|Error|Entries|Search)$/

/**
 * Makes the text form for one cache's `types`.
 *
 * @param where whose options they are, for messages.
 */
export function richText(where: string, options: { types?: ValueTypes }): RichText {
  checkOptions(where, options, ['types'])
  const { types = {} } = options
  if (!isRecord(types)) {
    throw argumentError(
      TypeError,
      'INVALID_OPTION',
      `${where}: types must be an object of classes by name, not ${kindOf(types)}`,
    )
  }
  const reducers: Record<string, (value: unknown) => unknown> = {
    Bytes: reduceBytes,
    Error: reduceError,
    Entries: reduceEntries,
    Search: reduceSearch,
  }
  const revivers: Record<string, (stored: unknown) => unknown> = {
    Bytes: reviveBytes,
    Error: reviveError,
    Entries: reviveEntries,
    Search: reviveSearch,
  }
  for (const [name, type] of Object.entries(types)) {
    if (!/^[\w$.-]+$/.test(name) || name === '__proto__' || taken.test(name)) {
      throw argumentError(
        TypeError,
        'INVALID_TYPE_NAME',
        `types: ${JSON.stringify(name)} cannot name a class: take letters and digits, and no built-in name`,
      )
    }
    if (![type?.is, type?.to, type?.from].every((part) => typeof part === 'function')) {
      throw argumentError(
        TypeError,
        'INVALID_OPTION',
        `${where}: types: ${JSON.stringify(name)} must have three functions, is, to and from`,
      )
    }
    reducers[name] = (value) => isInstance(value) && type.is(value) && [type.to(value)]
    revivers[name] = (stored) => type.from((stored as [unknown])[0])
  }

  return {
    encode(value, maxBytes) {
      try {
        return refuse(value, types) > maxBytes ? undefined : devalue.stringify(value, reducers)
      } catch (error) {
        if (error instanceof SerializeError) throw error
        throw new SerializeError('value', 'no value that can be kept', { cause: error })
      }
    },
    decode: (text) => devalue.parse(text, revivers),
  }
}

/** An object that is neither plain nor an array: what `types` are asked about. */
function isInstance(value: unknown): boolean {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return false
  const prototype = Object.getPrototypeOf(value)
  return prototype !== null && prototype !== Object.prototype
}

// devalue would store the whole memory that a view looks at: for a small Buffer, the pool that others write to.
function reduceBytes(value: unknown): unknown {
  if (!ArrayBuffer.isView(value) || !byteHolders.has(Object.getPrototypeOf(value))) return false
  const name = Buffer.isBuffer(value) ? 'Buffer' : value.constructor.name
  return [name, Buffer.from(value.buffer, value.byteOffset, value.byteLength).toString('base64')]
}

function reviveBytes(stored: unknown): unknown {
  const [name, base64] = stored as [string, string]
  if (typeof base64 !== 'string') throw new TypeError('not bytes')
  const bytes = Buffer.from(base64, 'base64')
  if (name === 'Buffer') return bytes
  const View = byteViews.get(name)
  if (View === undefined) throw new TypeError('not a kind of bytes')
  return new View(new Uint8Array(bytes).buffer)
}

// The stack stays behind: it tells of this process, its folders and its versions.
function reduceError(value: unknown): unknown {
  if (!is.isNativeError(value) || !isErrorClass(value)) return false
  const hidden = ['message', 'cause', 'errors'].filter((key) => Object.hasOwn(value, key))
  const shown = Object.keys(value).filter((key) => !hidden.includes(key))
  const members = value as unknown as Record<string, unknown>
  const name = Object.getPrototypeOf(value).name
  return [name, hidden.map((key) => [key, members[key]]), shown.map((key) => [key, members[key]])]
}

function isErrorClass(value: Error): boolean {
  const prototype = Object.getPrototypeOf(value)
  return Object.values(errorClasses).some((native) => native.prototype === prototype)
}

type Members = [key: string, value: unknown][]

function reviveError(stored: unknown): unknown {
  const [name, hidden, shown] = stored as [string, Members, Members]
  if (!Object.hasOwn(errorClasses, name)) throw new TypeError('not a kind of error')
  const error =
    name === 'AggregateError' ? new AggregateError([]) : new errorClasses[name as PlainErrorName]()
  for (const [key, value] of hidden) define(error, key, value, false)
  for (const [key, value] of shown) define(error, key, value, true)
  define(error, 'stack', `${error.name}: ${error.message}`, false)
  return error
}

type PlainErrorName = Exclude<keyof typeof errorClasses, 'AggregateError'>

// devalue refuses an own `__proto__`, which JSON.parse makes: here it is data, like any key.
function reduceEntries(value: unknown): unknown {
  if (typeof value !== 'object' || value === null || isInstance(value) || Array.isArray(value)) return false
  if (!Object.hasOwn(value, '__proto__')) return false
  return [Object.getPrototypeOf(value) === null, Object.entries(value)]
}

function reviveEntries(stored: unknown): unknown {
  const [bare, entries] = stored as [boolean, Members]
  const object = bare ? Object.create(null) : {}
  for (const [key, value] of entries) define(object, key, value, true)
  return object
}

// A pattern halfway through its search.
function reduceSearch(value: unknown): unknown {
  return is.isRegExp(value) && value.lastIndex !== 0 && [value.source, value.flags, value.lastIndex]
}

function reviveSearch(stored: unknown): unknown {
  const [source, flags, lastIndex] = stored as [string, string, number]
  return Object.assign(new RegExp(source, flags), { lastIndex })
}

function define(object: object, key: string, value: unknown, enumerable: boolean): void {
  Object.defineProperty(object, key, { value, enumerable, writable: true, configurable: true })
}
