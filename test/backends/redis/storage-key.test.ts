import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { storageKeyOf } from '../../../src/backends/redis/storage-key.ts'
import { makeSpace } from '../../../src/core/values/space.ts'

const space = makeSpace('site', 1)
const LONG = 'x'.repeat(10_000)

describe('the key in Redis', () => {
  it('RED-01 KEY-01 is prefix:version:key, whatever is in it', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 100 }), (key) => {
        expect(storageKeyOf(space, key)).toBe(space.frame(key))
      }),
    )
    expect(storageKeyOf(space, 'x'.repeat(8_000))).toBe(space.frame('x'.repeat(8_000)))
  })

  it('A03 a long key rests by its beginning and its SHA-256, below its prefix, one for each key', () => {
    const keys = [LONG, `${LONG}x`, `${LONG}y`, `y${LONG}`]
    const rested = keys.map((key) => storageKeyOf(space, key))
    expect(new Set(rested).size).toBe(keys.length)
    for (const one of rested) {
      expect(one.length).toBeLessThan(1_200)
      expect(space.owns(one)).toBe(true)
      expect(one).toMatch(/\ufffd#[0-9a-f]{64}$/)
    }
  })

  it('A03 no other key, however it is made, rests where a long one does', () => {
    for (const fill of ['x', '\ufffd', '\ud83d\ude00', '\ud83d', 'ü']) {
      for (let shift = 0; shift < 3; shift++) {
        const rested = storageKeyOf(space, 'a'.repeat(shift) + fill.repeat(10_000))
        const forged = rested.slice('site:1:'.length)
        expect(rested.isWellFormed()).toBe(true)
        expect(storageKeyOf(space, forged)).not.toBe(rested)
      }
    }
  })

  it('A03 a prefix that is long itself is left whole, so that clear finds what it begins', () => {
    const wide = makeSpace('p'.repeat(2_000), 1)
    expect(storageKeyOf(wide, LONG)).toBe(wide.frame(LONG))
  })
})
