import { Readable } from 'node:stream'
import { inspect, isDeepStrictEqual } from 'node:util'
import { runInNewContext } from 'node:vm'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { SerializeError } from '../../../src/core/errors.ts'
import { admit, lend, share, weigh } from '../../../src/core/values/copy.ts'
import { quickest } from '../../quickest.ts'

const all = Number.POSITIVE_INFINITY

function copied(value: unknown): unknown {
  return lend(admit(value, all, false)?.value)
}

function refusalOf(value: unknown): SerializeError {
  try {
    admit(value, all, false)
  } catch (error) {
    if (error instanceof SerializeError) return error
    throw error
  }
  throw new Error('was not refused')
}

/** The objects in a value that can be changed. */
function objectsIn(value: unknown, found = new Set<object>()): Set<object> {
  if (typeof value !== 'object' || value === null || found.has(value)) return found
  found.add(value)
  if (value instanceof Map || value instanceof Set) for (const part of value) objectsIn(part, found)
  if (value instanceof ArrayBuffer) return found
  if (ArrayBuffer.isView(value)) return found.add(value.buffer)
  for (const name of Reflect.ownKeys(value)) objectsIn((value as Record<PropertyKey, unknown>)[name], found)
  return found
}

const bytes = fc.uint8Array({ maxLength: 20 })
const { value: anyValue } = fc.letrec((tie) => ({
  value: fc.oneof(
    { depthSize: 'small' },
    fc.constantFrom(null, undefined, true, Number.NaN, -0, Number.POSITIVE_INFINITY, 2 ** 53, 'é', '€', ''),
    fc.string({ unit: 'grapheme' }),
    fc.double(),
    fc.bigInt(),
    fc.date({ noInvalidDate: true }),
    bytes,
    bytes.map((all) => Buffer.from(all)),
    bytes.map((all) => all.buffer.slice(0)),
    bytes.map((all) => new Float32Array(all).subarray(1)),
    bytes.map((all) => new DataView(all.buffer)),
    fc.constantFrom(/a+/giu, new Error('e', { cause: { deep: [1] } }), new TypeError('t')),
    fc.array(tie('value')),
    fc.array(tie('value')).map((items) => Object.assign([], { [items.length + 3]: items, length: 50 })),
    fc.dictionary(
      fc.oneof(fc.string(), fc.constantFrom('__proto__', 'constructor', 'toJSON', '0')),
      tie('value'),
    ),
    fc.array(fc.tuple(tie('value'), tie('value'))).map((pairs) => new Map(pairs)),
    fc.array(tie('value')).map((items) => new Set(items)),
  ),
}))

describe('what comes back', () => {
  it('A23 is equal to what went in, and shares nothing that can be changed', () => {
    fc.assert(
      fc.property(
        anyValue.filter((value) => value !== undefined),
        fc.boolean(),
        (value, frozen) => {
          const before = inspect(value, { depth: null })
          const admitted = admit(value, all, frozen)
          const copy = (frozen ? share : lend)(admitted?.value)
          expect(isDeepStrictEqual(copy, value)).toBe(true)
          expect(inspect(copy, { depth: null })).toBe(before)
          expect(inspect(value, { depth: null })).toBe(before)
          const own = objectsIn(value)
          const master = objectsIn(admitted?.value)
          for (const part of objectsIn(copy)) {
            expect(own.has(part)).toBe(false)
            // What is shared with other readers cannot be changed.
            if (master.has(part)) expect(frozen && Object.isFrozen(part)).toBe(true)
          }
          // Symbols of arrays and such aside, the caller's own are as free as they were.
          for (const part of own) expect(Object.isExtensible(part)).toBe(true)
          expect(weigh(admitted?.value)).toBe(admitted?.bytes)
        },
      ),
      { numRuns: 3000 },
    )
  })

  it('A24 an own __proto__ is kept as data and changes no prototype', () => {
    const value: unknown = JSON.parse('{"a":{"__proto__":{"x":{"y":1}},"b":[{"__proto__":2}]}}')
    const copy = copied(value) as { a: object }
    expect(JSON.stringify(copy)).toBe(JSON.stringify(value))
    expect(Object.getPrototypeOf(copy.a)).toBe(Object.prototype)
    expect('x' in copy.a).toBe(false)
    expect('x' in {}).toBe(false)
  })

  it('an object without a prototype has none, and one of another realm is plain', () => {
    const bare = Object.assign(Object.create(null), { a: { b: 1 } })
    expect(Object.getPrototypeOf(copied(bare))).toBe(null)
    const foreign: unknown = runInNewContext('({ list: [{ a: 1 }] })')
    expect(copied(foreign)).toStrictEqual({ list: [{ a: 1 }] })
  })

  it('cycles are kept, and what is reached twice does not multiply', () => {
    const loop: Record<string, unknown> = { list: [] }
    loop.self = loop
    ;(loop.list as unknown[]).push(loop)
    const copy = copied(loop) as typeof loop
    expect(copy.self).toBe(copy)
    expect((copy.list as unknown[])[0]).toBe(copy)
    expect(copy).not.toBe(copied(loop))
    const map = new Map<unknown, unknown>()
    map.set('me', map)
    const other = copied(map) as typeof map
    expect(other.get('me')).toBe(other)
    let laugh: unknown = [['ha']]
    for (let i = 0; i < 100; i++) laugh = [laugh, laugh]
    expect(isDeepStrictEqual((copied(laugh) as unknown[]).length, 2)).toBe(true)
  })

  it('an error has its name, message, stack, cause and what was put on it', () => {
    const error = Object.assign(new RangeError('no', { cause: new Error('why') }), { code: 'E_NO' })
    const copy = copied(error) as typeof error
    expect(copy).not.toBe(error)
    expect(copy).toBeInstanceOf(RangeError)
    expect([copy.message, copy.stack, copy.code, Object.keys(copy)]).toEqual([
      error.message,
      error.stack,
      'E_NO',
      ['code'],
    ])
    expect((copy.cause as Error).message).toBe('why')
    const many = copied(new AggregateError([new Error('a')], 'm')) as AggregateError
    expect((many.errors as Error[])[0]?.message).toBe('a')
  })

  it('an invalid date stays one', () => {
    // Apart from the property above: Node 20 does not find two of them equal.
    expect(Number.isNaN((copied(new Date(Number.NaN)) as Date).getTime())).toBe(true)
  })

  it('a Buffer is a Buffer of its own, of the viewed part alone, not in the pool', () => {
    const whole = Buffer.from('abcdef')
    const copy = copied(whole.subarray(2, 4)) as Buffer
    expect(Buffer.isBuffer(copy)).toBe(true)
    expect(copy.toString()).toBe('cd')
    expect(copy.buffer.byteLength).toBe(2)
  })
})

describe('what is refused', () => {
  class Money {}
  const hidden = Object.defineProperty({}, 'h', { value: 1 })
  const { proxy, revoke } = Proxy.revocable({}, {})
  revoke()

  it.each([
    [{ user: { tags: [1, 2, 3, () => 1] } }, 'value.user.tags[3]', 'a function'],
    [{ a: Symbol('s') }, 'value.a', 'a symbol'],
    [{ a: { 'b-c': Promise.resolve(1) } }, 'value.a["b-c"]', 'a promise: await it'],
    [[new (class Later extends Promise<number> {})(() => {})], 'value[0]', 'a promise: await it'],
    [{ w: new WeakMap() }, 'value.w', 'a WeakMap'],
    [{ s: Readable.from([]) }, 'value.s', 'a stream'],
    [{ s: new ReadableStream() }, 'value.s', 'a stream'],
    [{ m: new Money() }, 'value.m', 'an instance of Money'],
    [new Money(), 'value', 'an instance of Money'],
    [new (class Sub extends Map {})(), 'value', 'an instance of Sub'],
    [new (class Sub extends Error {})(), 'value', 'an instance of Sub'],
    [new (class Sub extends Array {})(), 'value', 'an instance of Sub'],
    [new Number(1), 'value', 'an instance of Number'],
    [new URL('http://a/'), 'value', 'an instance of URL'],
    [
      {
        get a() {
          throw new Error('mine')
        },
      },
      'value.a',
      'a getter',
    ],
    [
      {
        b: {
          get a() {
            return 1
          },
        },
      },
      'value.b.a',
      'a getter',
    ],
    [{ set a(_: number) {} }, 'value.a', 'a getter or setter'],
    [{ p: new Proxy({}, {}) }, 'value.p', 'a Proxy'],
    [[proxy], 'value[0]', 'a Proxy'],
    [{ [Symbol.for('s')]: 1 }, 'value[Symbol(s)]', 'named by a symbol'],
    [{ o: hidden }, 'value.o.h', 'not enumerable'],
    [Object.assign([1], { extra: 1 }), 'value.extra', 'named property of an array'],
    [Object.assign(new Date(), { extra: 1 }), 'value.extra', 'property of a built-in'],
    [
      new Map<unknown, unknown>([
        [1, 1],
        [() => 1, 2],
      ]),
      'value.keys()[1]',
      'a function',
    ],
    [new Map([['k', { f() {} }]]), 'value.values()[0].f', 'a function'],
    [new Set([[() => 1]]), 'value.values()[0][0]', 'a function'],
    [undefined, 'value', 'undefined'],
    [() => 1, 'value', 'a function'],
  ])('A21 A22 by its path: %#', (value, path, what) => {
    const error = refusalOf(value)
    expect(error.path).toBe(path)
    expect(error.message).toContain(what)
    expect(error.code).toBe('NOT_SERIALIZABLE')
  })

  it('A21 what is too deep, in no time and with a path that can be read', () => {
    let deep: unknown = 1
    for (let i = 0; i < 100_000; i++) deep = i % 2 ? { next: deep } : [deep]
    expect(quickest(50, () => refusalOf(deep))).toBeLessThan(50)
    const error = refusalOf(deep)
    expect(error.message).toContain('nested')
    expect(error.path.length).toBeLessThan(300)
    let deepish: unknown = 1
    for (let i = 0; i < 1000; i++) deepish = { next: deepish }
    expect(isDeepStrictEqual(copied(deepish), deepish)).toBe(true)
  })

  it('no code of the value runs', () => {
    let ran = 0
    const value = { toJSON: undefined, list: [Object.assign(new Date(0))] }
    Object.defineProperty(value.list[0], Symbol.toPrimitive, { value: () => ran++ })
    expect(() => copied(value)).toThrow(SerializeError)
    const ownKeys = () => {
      ran++
      return []
    }
    expect(() => copied(new Proxy({}, { ownKeys }))).toThrow(SerializeError)
    expect(ran).toBe(0)
  })
})

describe('sizes', () => {
  const inTime = (value: unknown) => {
    expect(quickest(50, () => admit(value, 1e6, false))).toBeLessThan(50)
    return admit(value, 1e6, false)
  }

  it('A25 what is far too large is told at once', () => {
    const sparse: unknown[] = []
    sparse.length = 1_000_000_000
    sparse[999_999_999] = 1
    for (const huge of [
      sparse,
      'a'.repeat(500_000_000),
      ['€'.repeat(100_000_000)],
      new Uint8Array(1e9),
      Array(3e7),
      { a: Buffer.alloc(1e8) },
    ]) {
      expect(inTime(huge)).toBeUndefined()
    }
  })

  it('a huge array with gaps is kept, where there is room, without counting them', () => {
    const sparse: unknown[] = []
    sparse[4_000_000_000] = { last: true }
    const copy = copied(sparse) as unknown[]
    expect(copy.length).toBe(4_000_000_001)
    expect(copy[4_000_000_000]).toEqual({ last: true })
    expect(Object.keys(copy)).toEqual(['4000000000'])
  })

  it('text in Latin-1 weighs a byte a character, all other text two', () => {
    const of = (text: string) => admit(text, all, false)?.bytes
    expect([of('a'.repeat(1000)), of('é'.repeat(1000)), of('€'.repeat(1000)), of('€'.repeat(10))]).toEqual([
      1016, 1016, 2016, 40,
    ])
  })
})

describe('frozen', () => {
  it('the master is deeply frozen and shared, the caller’s own never', () => {
    const value = { list: [{ a: 1 }] }
    const master = admit(value, all, true)?.value
    expect(share(master)).toBe(master)
    expect(() => ((master as typeof value).list[0]!.a = 2)).toThrow(TypeError)
    value.list[0]!.a = 3
    expect(master).toEqual({ list: [{ a: 1 }] })
  })

  it('a cycle is shared too', () => {
    const loop: { self?: unknown } = {}
    loop.self = loop
    const master = admit(loop, all, true)?.value as typeof loop
    expect(share(master)).toBe(master)
    expect(master.self).toBe(master)
  })

  it.each([
    [new Map()],
    [new Set()],
    [new Date(0)],
    [Buffer.from('a')],
    [/a/],
    [new Error('e')],
    [new ArrayBuffer(1)],
  ])('what cannot be frozen is copied: %o', (part) => {
    const value = { deep: [part] }
    const master = admit(value, all, true)?.value
    const [one, other] = [share(master), share(master)]
    expect(one).toStrictEqual(value)
    expect(one).not.toBe(other)
    expect((one as typeof value).deep[0]).not.toBe((other as typeof value).deep[0])
  })
})
