import fc from 'fast-check'
import { expect, it } from 'vitest'
import { claimedKey, claimKey, slotOf } from '../../../src/backends/redis/slot.ts'
import { makeSpace } from '../../../src/core/values/space.ts'

// By the Cluster specification's own words: the checksum of "123456789" is 0x31c3.
it.each([
  ['123456789', 0x31c3 % 16_384],
  ['foo', 12_182],
  ['{foo}bar', 12_182],
  ['bar{foo}', 12_182],
  ['', 0],
])('the slot of %j is %i', (key, slot) => {
  expect(slotOf(key)).toBe(slot)
})

it('a pair of braces with nothing between counts for nothing, and only the first pair counts', () => {
  expect(slotOf('{}foo')).not.toBe(slotOf('foo'))
  expect(slotOf('{foo}{bar}')).toBe(slotOf('foo'))
  expect(slotOf('a{{b}}c')).toBe(slotOf('{b'))
})

const braces = fc.string({
  unit: fc.constantFrom('{', '}', 'a', 'é', '\ufffd', '😀', '\ud800'),
  maxLength: 12,
})
const space = makeSpace('shop{', 1)
const keys = fc.oneof(braces, fc.string({ unit: 'binary', minLength: 1, maxLength: 40 })).map(space.frame)

it('a claim lives in the slot of its key, whatever braces the key has, and begins as the key does', () => {
  fc.assert(
    fc.property(keys, (key) => {
      expect(slotOf(claimKey(key))).toBe(slotOf(key))
      expect(claimKey(key).startsWith(key)).toBe(true)
    }),
    { numRuns: 2_000 },
  )
})

it('a claim is read back, and no storage key is ever taken for one', () => {
  fc.assert(
    fc.property(keys, (key) => {
      expect(claimedKey(claimKey(key))).toBe(key)
      expect(claimedKey(key)).toBeUndefined()
      expect(claimedKey(space.frame(claimKey(key)))).toBeUndefined()
    }),
    { numRuns: 2_000 },
  )
})
