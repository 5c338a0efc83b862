import assert from 'node:assert'
import { describe, expect, it } from 'vitest'
import { jsonCodec } from '../../src/codecs/default.ts'
import { msgpackrCodec } from '../../src/codecs/msgpackr.ts'
import { v8Codec } from '../../src/codecs/v8.ts'
import { SerializeError } from '../../src/core/errors.ts'
import { makeFormat } from '../../src/core/values/encoding.ts'
import type { ValueType } from '../../src/core/values/format.ts'
import { quickest } from '../quickest.ts'
import { kept, refused } from './values.ts'

const codecs = { json: jsonCodec, v8: v8Codec, msgpackr: msgpackrCodec }
const AT = 1_767_225_600_000

for (const [name, make] of Object.entries(codecs)) {
  const format = makeFormat({ codec: make() })
  const roundTrip = (value: unknown) => {
    const decoded = format.decode(format.encode(value, AT)!)
    assert('value' in decoded)
    return decoded.value
  }

  describe(`the ${name} codec`, () => {
    for (const [what, value] of Object.entries(kept)) {
      it(`A23 gives back equal: ${what}`, () => {
        assert.deepStrictEqual(roundTrip(value), value)
        assert.deepStrictEqual(roundTrip({ nested: [value] }), { nested: [value] })
      })
    }

    for (const [what, [value, path, message]] of Object.entries(refused)) {
      it(`A22 refuses by path: ${what}`, () => {
        let thrown: unknown
        const encode = () => {
          try {
            format.encode(value, AT)
          } catch (error) {
            thrown = error
          }
        }
        expect(quickest(50, encode)).toBeLessThan(50)
        expect(thrown).toBeInstanceOf(SerializeError)
        expect((thrown as SerializeError).path).toBe(path)
        expect((thrown as SerializeError).message).toMatch(message)
        expect((thrown as SerializeError).code).toBe('NOT_SERIALIZABLE')
      })
    }

    it('an invalid Date stays one', () => {
      const { at } = roundTrip({ at: new Date(Number.NaN) }) as { at: Date }
      expect(at).toBeInstanceOf(Date)
      expect(at.getTime()).toBeNaN()
    })

    it('keeps nothing of an error’s stack, which tells of this process', () => {
      const bytes = Buffer.from(format.encode({ e: new Error('x') }, AT)!)
      expect(bytes.includes('codecs.test')).toBe(false)
      expect((roundTrip({ e: new RangeError('x') }) as { e: Error }).e.stack).toBe('RangeError: x')
    })

    it('keeps of a view its own bytes alone, not the memory around it', () => {
      const pool = Buffer.from('public-secret-public')
      for (const value of [{ b: pool.subarray(0, 6) }, [pool.subarray(0, 6), -0]]) {
        expect(Buffer.from(format.encode(value, AT)!).includes('secret')).toBe(false)
        expect(
          Buffer.from(format.encode(value, AT)!).includes(Buffer.from('secret').toString('base64')),
        ).toBe(false)
      }
    })

    it('A24 an own __proto__ is data: no prototype is switched', () => {
      const read = roundTrip(JSON.parse('{"a":{"__proto__":{"admin":true}}}')) as { a: object }
      expect(Object.getPrototypeOf(read.a)).toBe(Object.prototype)
      expect(Object.hasOwn(read.a, '__proto__')).toBe(true)
      expect(({} as Record<string, unknown>).admin).toBeUndefined()
    })

    it('what is decoded shares no memory with the stored bytes', () => {
      const value = { a: Buffer.from('abcd'), b: Uint8Array.of(1, 2, 3, 4), c: Float64Array.of(1, 2) }
      const bytes = Buffer.from(format.encode(value, AT)!)
      const before = Buffer.from(bytes)
      const decoded = format.decode(bytes)
      assert('value' in decoded)
      for (const view of Object.values(decoded.value as typeof value)) view.fill(0)
      expect(bytes.equals(before)).toBe(true)
      const again = format.decode(bytes)
      bytes.fill(0)
      assert('value' in again)
      assert.deepStrictEqual(again.value, value)
    })

    it('one object in two places, and 30 levels of two each, end', () => {
      const shared = { a: 1 }
      assert.deepStrictEqual(roundTrip([shared, shared]), [shared, shared])
    })

    it('a stack nearly spent is a refusal, no crash', () => {
      let value: unknown = 1
      for (let i = 0; i < 900; i++) value = { value }
      const deepest = (): number => {
        try {
          return 1 + deepest()
        } catch {
          return 1
        }
      }
      const at = (depth: number): unknown => (depth > 0 ? at(depth - 1) : format.encode(value, AT))
      const whole = deepest()
      for (const share of [0.99, 0.95, 0.9, 0.8, 0.6]) {
        try {
          expect(at(Math.floor(whole * share * 0.8))).toBeInstanceOf(Uint8Array)
        } catch (error) {
          expect(error instanceof SerializeError || error instanceof RangeError).toBe(true)
        }
      }
      expect(format.encode(value, AT)).toBeInstanceOf(Uint8Array)
    })

    describe('types', () => {
      class Money {
        readonly amount: bigint
        constructor(amount: bigint) {
          this.amount = amount
        }
      }
      const money: ValueType<Money> = {
        is: (value): value is Money => value instanceof Money,
        to: ({ amount }) => ({ amount }),
        from: (plain) => new Money((plain as Money).amount),
      }
      const typed = makeFormat({ codec: make({ types: { Money: money } }) })

      it('registered classes come back as instances, wherever they are', () => {
        const value = { price: new Money(5n), all: [new Money(1n), new Map([['m', new Money(2n)]])] }
        const decoded = typed.decode(typed.encode(value, AT)!)
        assert('value' in decoded)
        assert.deepStrictEqual(decoded.value, value)
      })

      it('an unknown type on reading is a miss', () => {
        expect(format.decode(typed.encode([new Money(1n)], AT)!)).toEqual({ reason: 'undecodable' })
      })

      it('a from that throws is a miss; a to that answers what cannot be kept is refused by path', () => {
        const bad = makeFormat({
          codec: make({
            types: {
              Money: {
                ...money,
                from() {
                  throw new Error('no')
                },
              },
            },
          }),
        })
        expect(bad.decode(typed.encode([new Money(1n)], AT)!)).toEqual({ reason: 'undecodable' })
        const worse = makeFormat({
          codec: make({ types: { Money: { ...money, to: () => ({ f: () => 1 }) } } }),
        })
        expect(() => worse.encode({ price: new Money(1n) }, AT)).toThrow(/^value\.price\.f is a function/)
      })

      it('an instance that lies within itself is refused, not stored to be missed', () => {
        class Node {
          next: unknown
        }
        const self = new Node()
        self.next = [self]
        const codec = make({
          types: {
            Node: { is: (v): v is Node => v instanceof Node, to: (v) => (v as Node).next, from: (v) => v },
          },
        })
        expect(() => makeFormat({ codec }).encode(self, AT)).toThrow(SerializeError)
      })

      it('built-in and odd names are refused when the codec is made', () => {
        for (const name of ['Date', 'Map', 'Uint8Array', 'Error', 'Bytes', 'null', '__proto__', '', 'a"b']) {
          expect(() => make({ types: Object.fromEntries([[name, money]]) })).toThrow(TypeError)
        }
      })
    })
  })
}

describe('the default codec', () => {
  it('writes plain JSON, which another program can read', () => {
    const bytes = Buffer.from(makeFormat({ codec: jsonCodec() }).encode({ a: [1, 'é'] }, AT)!)
    expect(bytes.includes('{"a":[1,"é"]}')).toBe(true)
  })

  it('a toJSON that someone gave all objects changes nothing', () => {
    const format = makeFormat({ codec: jsonCodec() })
    Object.defineProperty(Object.prototype, 'toJSON', { value: () => 'hijacked', configurable: true })
    try {
      const decoded = format.decode(format.encode({ a: [1] }, AT)!)
      assert('value' in decoded)
      assert.deepStrictEqual(decoded.value, { a: [1] })
    } finally {
      Reflect.deleteProperty(Object.prototype, 'toJSON')
    }
  })
})
