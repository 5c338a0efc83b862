import assert from 'node:assert'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { jsonCodec } from '../../src/codecs/default.ts'
import { msgpackrCodec } from '../../src/codecs/msgpackr.ts'
import { v8Codec } from '../../src/codecs/v8.ts'
import { makeFormat } from '../../src/core/values/encoding.ts'

const bytes = fc.uint8Array({ maxLength: 12 })
const anyText = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 10 }),
  fc
    .array(fc.integer({ min: 0, max: 0xffff }), { maxLength: 8 })
    .map((units) => String.fromCharCode(...units)),
)
const leaf = fc.oneof(
  anyText,
  fc.double(),
  fc.integer(),
  fc.bigInt(),
  bytes.map((made) => Buffer.from(made)),
  fc.constantFrom(/a/g, new RangeError('r'), new ArrayBuffer(2), undefined, null, -0),
)
const tree = fc.anything({
  maxDepth: 3,
  maxKeys: 5,
  values: [leaf],
  key: anyText,
  withBigInt: true,
  withDate: true,
  withMap: true,
  withSet: true,
  withTypedArray: true,
  withSparseArray: true,
  withNullPrototype: true,
})
const value = fc.oneof({ weight: 1, arbitrary: leaf }, { weight: 4, arbitrary: tree })

/** assert.deepStrictEqual finds two invalid dates unequal. */
function holdsInvalidDate(thing: unknown): boolean {
  if (thing instanceof Date) return Number.isNaN(thing.getTime())
  if (thing instanceof Map || thing instanceof Set) return [...thing].some(holdsInvalidDate)
  if (typeof thing !== 'object' || thing === null || ArrayBuffer.isView(thing)) return false
  return Object.values(thing).some(holdsInvalidDate)
}

describe('T23 values come back equal', () => {
  // 100,000 in all; the default codec takes most.
  for (const [name, codec, numRuns] of [
    ['json', jsonCodec(), 60_000],
    ['v8', v8Codec(), 20_000],
    ['msgpackr', msgpackrCodec(), 20_000],
  ] as const) {
    it(`${numRuns} random values through the ${name} codec, every second one compressed`, () => {
      const formats = [makeFormat({ codec }), makeFormat({ codec, compress: 'auto' })]
      let n = 0
      fc.assert(
        fc.property(value, (given) => {
          fc.pre(given !== undefined && !holdsInvalidDate(given))
          const format = formats[n++ % 2]!
          const decoded = format.decode(format.encode(given, n)!)
          assert('value' in decoded)
          assert.deepStrictEqual(decoded.value, given)
        }),
        { numRuns },
      )
      expect(n).toBeGreaterThanOrEqual(numRuns)
    }, 60_000)
  }
})
