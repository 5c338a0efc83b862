/** Arguments as text: one for one value, and back. */
import { isDeepStrictEqual } from 'node:util'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { readArguments, writeArguments } from '../../src/refresh/index.ts'

const write = (...args: unknown[]) => writeArguments('job "a"', args)

const anything = fc.anything({
  withBigInt: true,
  withDate: true,
  withMap: true,
  withSet: true,
  withTypedArray: true,
  withNullPrototype: true,
  withSparseArray: true,
  withUnicodeString: true,
  maxDepth: 3,
})

describe('arguments as text', () => {
  it('CB-47 CB-48 equal lists have one text, and different lists two', () => {
    const lists = fc.array(anything, { maxLength: 3 })
    fc.assert(
      fc.property(lists, lists, (one, two) => {
        expect(write(...one) === write(...two)).toBe(isDeepStrictEqual(one, two))
      }),
      { numRuns: 1_000 },
    )
  })

  it('CB-82 what is read back is equal, and is written the same', () => {
    fc.assert(
      fc.property(fc.array(anything, { maxLength: 3 }), (args) => {
        const text = write(...args)
        const back = readArguments(text)
        expect(isDeepStrictEqual(back, args)).toBe(true)
        expect(write(...back)).toBe(text)
      }),
      { numRuns: 1_000 },
    )
  })

  it('CB-47 CB-48 tells apart what looks alike, and not what is alike', () => {
    const different = [
      ['a:b', 'c'],
      ['a', 'b:c'],
      [1],
      ['1'],
      [1n],
      [Buffer.from('1')],
      [new Uint8Array([49])],
      [null],
      ['null'],
      [undefined],
      [],
      [[]],
      [0],
      [-0],
      [Number.NaN],
      [{}],
      [{ a: undefined }],
      [new Map()],
      [new Set()],
      [new Date(0)],
      [new Date(0).toISOString()],
      [/a/],
      [/a/g],
      [true],
      ['a', 'b'],
      [['a', 'b']],
      ['["a","b"]'],
    ]
    expect(new Set(different.map((args) => write(...args))).size).toBe(different.length)
    expect(write({ a: 1, b: [2] })).toBe(write({ b: [2], a: 1 }))
    expect(
      write(
        new Map([
          ['a', 1],
          ['b', 2],
        ]),
      ),
    ).toBe(
      write(
        new Map([
          ['b', 2],
          ['a', 1],
        ]),
      ),
    )
    expect(write(new Set([1, 2]))).toBe(write(new Set([2, 1])))
  })

  it('refuses what has no text of its own, by its place', () => {
    const cycle: Record<string, unknown> = {}
    cycle.self = cycle
    class User {
      id = 42
    }
    const refused: [unknown, string][] = [
      [() => 1, 'arguments[0] is a function'],
      [Symbol('secret'), 'arguments[0] is a symbol'],
      [{ user: new User() }, 'arguments[0].user is an instance of User'],
      [[Promise.resolve(1)], 'arguments[0][0] is a promise'],
      [cycle, 'arguments[0].self is a cycle'],
      [new Proxy({}, {}), 'arguments[0] is a Proxy'],
      [new Map([[{}, new Error('secret')]]), 'arguments[0].values()[0] is an instance of Error'],
      [Object.assign([1], { name: 1 }), 'arguments[0] is an array with named'],
      [{ [Symbol('secret')]: 1 }, 'arguments[0] is an object with a property named by a symbol'],
    ]
    for (const [thing, says] of refused) {
      let error: unknown
      try {
        write(thing)
      } catch (thrown) {
        error = thrown
      }
      expect(error).toMatchObject({ code: 'INVALID_ARGUMENTS', message: expect.stringContaining(says) })
      expect(String(error)).not.toContain('secret')
    }
    let deep: unknown = 1
    for (let i = 0; i < 200; i++) deep = [deep]
    expect(() => write(deep)).toThrow('deep')
  })

  it('one object in two places is no cycle', () => {
    const both = { a: 1 }
    expect(readArguments(write(both, [both]))).toEqual([{ a: 1 }, [{ a: 1 }]])
  })

  it('an own __proto__ is data', () => {
    const hostile = JSON.parse('{"__proto__":{"admin":true}}')
    const [back] = readArguments(write(hostile))
    expect(Object.keys(back as object)).toEqual(['__proto__'])
    expect(Object.getPrototypeOf(back)).toBe(Object.prototype)
  })

  it('any other text is a SyntaxError, and never runs away', () => {
    for (const text of [
      '',
      '[',
      '{}',
      '[1',
      '[1]]',
      '[1,]x',
      '[a]',
      '["a]',
      '[Date(]',
      '[eval(1)]',
      '[constructor()]',
      '['.repeat(100_000),
    ]) {
      expect(() => readArguments(text), text.slice(0, 20)).toThrow(SyntaxError)
    }
    fc.assert(
      fc.property(fc.string({ unit: fc.constantFrom(...'[]{}(),:"1n-~abMSetDp') }), (text) => {
        try {
          readArguments(text)
        } catch (error) {
          expect(error).toBeInstanceOf(SyntaxError)
        }
      }),
      { numRuns: 1_000 },
    )
  })
})
