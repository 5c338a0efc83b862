/**
 * Wrong arguments, everywhere: each verb, each argument, on every backend. A coded TypeError or RangeError comes as a rejection,
 * before the backend is asked anything; it names no value; what was stored stays.
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { Backend } from '../../src/core/backend.ts'
import { type Cache, createCaches, dummy, file, memory, object } from '../../src/index.ts'

/** Stands in every wrong argument that can hold text; no message may repeat it. */
const SECRET = 'hunter2'
const directory = mkdtempSync(join(tmpdir(), 'warm-hostile-'))
afterAll(() => rmSync(directory, { recursive: true, force: true }))

const BACKENDS: Record<string, () => Backend> = {
  memory: () => memory(),
  object: () => object(),
  dummy: () => dummy(),
  file: () => file({ directory }),
  'file, synchronous': () => file({ directory, reads: 'sync' }),
}

class Named {
  secret = SECRET
}
const revoked = () => {
  const { proxy, revoke } = Proxy.revocable({}, {})
  revoke()
  return proxy
}
/** Answers with a trap's error to whoever looks. */
const trap = () =>
  new Proxy(
    {},
    {
      get() {
        throw new Error(SECRET)
      },
      ownKeys() {
        throw new Error(SECRET)
      },
      getPrototypeOf() {
        throw new Error(SECRET)
      },
      has() {
        throw new Error(SECRET)
      },
    },
  )

/** Never a key, a number, a ttl nor options. */
const WRONG: [what: string, make: () => unknown][] = [
  ['true', () => true],
  ['false', () => false],
  ['a symbol', () => Symbol(SECRET)],
  ['a bigint', () => 5n],
  ['NaN', () => Number.NaN],
  ['-Infinity', () => Number.NEGATIVE_INFINITY],
  ['a list', () => [SECRET]],
  ['an empty list', () => []],
  ['a function', () => () => SECRET],
  ['a class', () => Named],
  ['an instance', () => new Named()],
  ['a Date', () => new Date(0)],
  ['a RegExp', () => /hunter2/],
  ['a Map', () => new Map([[SECRET, SECRET]])],
  ['a Set', () => new Set([SECRET])],
  ['a WeakMap', () => new WeakMap()],
  ['bytes', () => Buffer.from(SECRET)],
  ['a buffer', () => new ArrayBuffer(8)],
  ['a promise', () => Promise.resolve(SECRET)],
  ['an Error', () => new Error(SECRET)],
  ['a boxed string', () => Object(SECRET)],
  ['a boxed number', () => Object(5)],
  ['a boxed symbol', () => Object(Symbol(SECRET))],
  ['a proxy that throws', trap],
  ['a revoked proxy', revoked],
  ['an unknown option', () => ({ password: SECRET })],
  ['an unknown option named toString', () => ({ toString: () => SECRET })],
  ['an own __proto__', () => JSON.parse('{"__proto__":{"ttl":5}}')],
  ['a getter', () => Object.defineProperty({}, 'password', { get: () => SECRET, enumerable: true })],
  ['a thenable', () => Object.fromEntries([['then', () => {}]])],
  ['an async generator', () => (async function* () {})()],
]

/** Keys besides those: what is no string, or an empty one. */
const WRONG_KEYS: typeof WRONG = [
  ...WRONG,
  ['undefined', () => undefined],
  ['null', () => null],
  ['an empty string', () => ''],
  ['a number', () => 5],
  ['an object', () => ({})],
]

const WRONG_TTLS: typeof WRONG = [
  ...WRONG,
  ['Infinity', () => Number.POSITIVE_INFINITY],
  ['a bare number in text', () => '30'],
  ['an empty text', () => ''],
  ['a malformed duration', () => '5 hunter2'],
  ['a negative duration', () => '-5m'],
  ['another unit', () => '5y'],
]

const WRONG_OPTIONS: typeof WRONG = [
  ...WRONG,
  ['null', () => null],
  ['a number', () => 5],
  ['text', () => SECRET],
  ['a version in text', () => ({ version: '1' })],
  ['a version below 0', () => ({ version: -1 })],
  ['a fractional version', () => ({ version: 1.5 })],
  ['a version that is no number', () => ({ version: Number.NaN })],
]

const WRONG_STEPS: typeof WRONG = [
  ...WRONG,
  ['null', () => null],
  ['text', () => '5'],
  ['a fraction', () => 1.5],
  ['Infinity', () => Number.POSITIVE_INFINITY],
  ['too much', () => 2 ** 53],
]

const WRONG_LISTS = [
  ...WRONG.filter(([what]) => !/list|Set|empty/.test(what)),
  ['undefined', () => undefined],
  ['null', () => null],
  ['a number', () => 5],
  ['a list with an empty key', () => ['held', '']],
  ['a list with a number', () => ['held', 5]],
  ['a list with a hole', () => new Array(3)],
  ['a Set with an object', () => new Set([{}])],
] satisfies typeof WRONG

/** An object is entries, whatever its names. */
const WRONG_ENTRIES = WRONG_LISTS.filter(
  ([what]) => !/instance|Map|option|__proto__|getter|thenable/.test(what),
)

/** Not values that can be kept. */
const WRONG_VALUES: typeof WRONG = [
  ['undefined', () => undefined],
  ['a function', () => () => SECRET],
  ['a class', () => Named],
  ['an instance', () => new Named()],
  ['a symbol', () => Symbol(SECRET)],
  ['a WeakMap', () => new WeakMap()],
  ['a promise', () => Promise.resolve(SECRET)],
  ['a proxy that throws', trap],
  ['a revoked proxy', revoked],
  ['a function inside', () => ({ hunter: [() => SECRET] })],
  ['an instance inside', () => new Map([['k', new Named()]])],
]

type Call = (cache: Cache, wrong: never) => Promise<unknown>

/** Verb and argument → what is wrong there, and the call. */
const CALLS: [title: string, wrongs: typeof WRONG, call: Call][] = [
  ['get(key)', WRONG_KEYS, (cache, key) => cache.get(key)],
  ['set(key)', WRONG_KEYS, (cache, key) => cache.set(key, 1)],
  ['add(key)', WRONG_KEYS, (cache, key) => cache.add(key, 1)],
  ['getOrSet(key)', WRONG_KEYS, (cache, key) => cache.getOrSet(key, () => 1)],
  ['has(key)', WRONG_KEYS, (cache, key) => cache.has(key)],
  ['delete(key)', WRONG_KEYS, (cache, key) => cache.delete(key)],
  ['touch(key)', WRONG_KEYS, (cache, key) => cache.touch(key)],
  ['incr(key)', WRONG_KEYS, (cache, key) => cache.incr(key)],
  ['decr(key)', WRONG_KEYS, (cache, key) => cache.decr(key)],
  ['incrVersion(key)', WRONG_KEYS, (cache, key) => cache.incrVersion(key)],
  ['decrVersion(key)', WRONG_KEYS, (cache, key) => cache.decrVersion(key)],
  ['inspect(key)', WRONG_KEYS, (cache, key) => cache.inspect(key)],
  ['expire(key)', WRONG_KEYS, (cache, key) => cache.expire(key)],
  ['getMany(keys)', WRONG_LISTS, (cache, keys) => cache.getMany(keys)],
  ['deleteMany(keys)', WRONG_LISTS, (cache, keys) => cache.deleteMany(keys)],
  ['setMany(entries)', WRONG_ENTRIES, (cache, entries) => cache.setMany(entries)],
  ['set(ttl)', WRONG_TTLS, (cache, ttl) => cache.set('held', 2, ttl)],
  ['set({ ttl })', WRONG_TTLS, (cache, ttl) => cache.set('held', 2, { ttl })],
  ['add(ttl)', WRONG_TTLS, (cache, ttl) => cache.add('new', 2, ttl)],
  ['touch(ttl)', WRONG_TTLS, (cache, ttl) => cache.touch('held', ttl)],
  ['setMany(ttl)', WRONG_TTLS, (cache, ttl) => cache.setMany({ held: 2 }, ttl)],
  ['getOrSet(ttl)', WRONG_TTLS, (cache, ttl) => cache.getOrSet('new', () => 2, ttl)],
  ['set({ staleFor })', WRONG_TTLS, (cache, staleFor) => cache.set('held', 2, { staleFor })],
  ['get(options)', WRONG_OPTIONS, (cache, options) => cache.get('held', options)],
  ['getMany(options)', WRONG_OPTIONS, (cache, options) => cache.getMany(['held'], options)],
  ['has(options)', WRONG_OPTIONS, (cache, options) => cache.has('held', options)],
  ['delete(options)', WRONG_OPTIONS, (cache, options) => cache.delete('held', options)],
  ['deleteMany(options)', WRONG_OPTIONS, (cache, options) => cache.deleteMany(['held'], options)],
  ['inspect(options)', WRONG_OPTIONS, (cache, options) => cache.inspect('held', options)],
  ['expire(options)', WRONG_OPTIONS, (cache, options) => cache.expire('held', options)],
  ['incr(options)', WRONG_OPTIONS, (cache, options) => cache.incr('held', 1, options)],
  ['incrVersion(options)', WRONG_OPTIONS, (cache, options) => cache.incrVersion('held', 1, options)],
  ['clear(options)', WRONG_OPTIONS, (cache, options) => cache.clear(options)],
  ['incr(by)', WRONG_STEPS, (cache, by) => cache.incr('held', by)],
  ['decr(by)', WRONG_STEPS, (cache, by) => cache.decr('held', by)],
  ['incrVersion(by)', WRONG_STEPS, (cache, by) => cache.incrVersion('held', by)],
  ['decrVersion(by)', WRONG_STEPS, (cache, by) => cache.decrVersion('held', by)],
  ['set(value)', WRONG_VALUES, (cache, value) => cache.set('held', value)],
  ['add(value)', WRONG_VALUES, (cache, value) => cache.add('new', value)],
  ['setMany(value)', WRONG_VALUES, (cache, value) => cache.setMany({ held: 2, new: value })],
]

const unhandled: unknown[] = []
const note = (reason: unknown) => unhandled.push(reason)
beforeEach(() => {
  process.on('unhandledRejection', note)
})
afterEach(() => {
  process.off('unhandledRejection', note)
  expect(unhandled.splice(0)).toEqual([])
})

/** The backend, telling whether any verb got as far as it. */
function watched(backend: Backend): { backend: Backend; asked: string[] } {
  const asked: string[] = []
  const proxy = new Proxy(backend, {
    get(target, name) {
      const member = Reflect.get(target, name)
      if (typeof member !== 'function') return member
      return (...args: unknown[]) => {
        if (!['open', 'close', 'admit', 'lend'].includes(String(name))) asked.push(String(name))
        return member.apply(target, args)
      }
    },
  })
  return { backend: proxy, asked }
}

/** What is wrong about the outcome of a call with a wrong argument. */
function faultOf(outcome: { value: unknown } | { error: unknown }, asked: string[]): string | undefined {
  if ('value' in outcome) return 'was taken'
  const { error } = outcome
  if (!(error instanceof Error) || !('code' in error)) return `no coded error: ${error}`
  if (!/^[A-Z_]+$/.test(String(error.code))) return `the code is ${error.code}: ${error.message}`
  for (const never of [SECRET, directory]) {
    if (error.message.includes(never)) return `said what it must not: ${error.message}`
  }
  return asked.length > 0 ? `the backend was asked: ${asked}` : undefined
}

describe.each(Object.entries(BACKENDS))('A04 A11 A21 A22 wrong arguments on %s', (name, make) => {
  it.each(CALLS)('%s', async (title, wrongs, call) => {
    const { backend, asked } = watched(make())
    const caches = createCaches({ default: { backend, keyPrefix: 'hostile' } })
    const cache = caches.default
    await cache.set('held', 1)
    // What `object` is given it keeps as it is, and dummy keeps nothing: there is no value that they refuse.
    const refuses = title.includes('value') && (name === 'object' || name === 'dummy')
    const faults: string[] = []
    for (const [what, wrong] of wrongs) {
      asked.length = 0
      let answer: Promise<unknown>
      try {
        answer = call(cache, wrong() as never)
      } catch (error) {
        throw new Error(`${title}, ${what}: thrown in the caller's turn`, { cause: error })
      }
      const outcome = await answer.then(
        (value) => ({ value }),
        (error: unknown) => ({ error }),
      )
      if (refuses && what !== 'undefined' && what !== 'a promise') continue
      const fault = faultOf(outcome, asked)
      if (fault) faults.push(`${what}: ${fault}`)
    }
    if (faults.length > 0) expect.fail(faults.join('; '))
    if (name !== 'dummy' && !refuses) expect(await cache.get('held')).toBe(1)
    await caches.close()
  })
})

it.each<[verb: string, call: (cache: Cache) => Promise<unknown>]>([
  ['get', (cache) => cache.get('a b')],
  ['getMany', (cache) => cache.getMany(['fine', 'a b'])],
  ['getOrSet', (cache) => cache.getOrSet('a b', () => 1)],
  ['has', (cache) => cache.has('a b')],
  ['inspect', (cache) => cache.inspect('a b')],
  ['set', (cache) => cache.set('a b', 1)],
  ['delete', (cache) => cache.delete('a b')],
  ['deleteMany', (cache) => cache.deleteMany(['fine', 'a b'])],
  ['incr', (cache) => cache.incr('a b')],
])('VAL-08 a key that is refused never reaches the backend: %s', async (_verb, call) => {
  const asked: string[] = []
  const inner = memory()
  const backend = new Proxy(inner, {
    get(target, name) {
      const member: unknown = Reflect.get(target, name)
      if (typeof member !== 'function') return member
      return (...args: unknown[]) => {
        asked.push(String(name))
        return Reflect.apply(member, target, args)
      }
    },
  })
  const refused: string[] = []
  const keys = (storageKey: string) => {
    refused.push(storageKey)
    if (storageKey.includes(' ')) throw new RangeError('no spaces here')
  }
  const caches = createCaches({
    default: { backend, keys: 'strict' },
    judged: { backend, keyPrefix: 'judged', keys },
  })
  await caches.default.has('opened')
  await caches.judged.has('opened')
  asked.length = 0
  refused.length = 0
  await expect(call(caches.default)).rejects.toMatchObject({ code: 'INVALID_KEY' })
  await expect(call(caches.judged)).rejects.toThrow('no spaces here')
  expect(asked).toEqual([])
  expect(refused.filter((key) => key.endsWith('a b'))).toEqual(['judged:1:a b'])
  await caches.close()
})
