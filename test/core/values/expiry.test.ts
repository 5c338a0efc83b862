import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { durationToMs, freshness, instant, ttlToMs } from '../../../src/core/values/expiry.ts'

describe('ttl', () => {
  it('a number is seconds, a string carries its unit, null is never', () => {
    const cases: [unknown, number][] = [
      [30, 30_000],
      [0.5, 500],
      [0, 0],
      [-1, -1_000],
      ['500ms', 500],
      ['30s', 30_000],
      ['15m', 900_000],
      ['1.5h', 5_400_000],
      ['7d', 604_800_000],
      ['0s', 0],
      [null, Number.POSITIVE_INFINITY],
    ]
    for (const [ttl, ms] of cases) expect(ttlToMs('ttl', ttl), String(ttl)).toBe(ms)
  })

  it('TMO-07 TMO-08 F26 anything else is refused, by its name and without its value', () => {
    for (const ttl of [
      '30',
      '-5s',
      '5 s',
      's',
      '',
      '1e3s',
      '0x5s',
      '５s',
      'Infinitys',
      '5S',
      `${'9'.repeat(400)}d`,
    ]) {
      expect(() => ttlToMs('set(): ttl', ttl), ttl).toThrow(
        expect.objectContaining({
          name: 'TypeError',
          code: 'INVALID_TTL',
          message: expect.stringMatching(/^set\(\): ttl/),
        }),
      )
    }
    for (const ttl of [true, {}, [], [5], undefined, Symbol('s'), 5n, () => 5, Number.NaN]) {
      expect(() => ttlToMs('ttl', ttl)).toThrow(TypeError)
    }
    expect(() => ttlToMs('ttl', Number.POSITIVE_INFINITY)).toThrow(/null is the word for never/)
    expect(() => ttlToMs('ttl', Number.NEGATIVE_INFINITY)).toThrow(RangeError)
  })

  it('a length of time is never below zero, and never null', () => {
    expect(durationToMs('staleFor', 0)).toBe(0)
    for (const wrong of [-1, null, undefined, Number.NaN, Number.POSITIVE_INFINITY]) {
      expect(() => durationToMs('staleFor', wrong)).toThrow(/staleFor/)
    }
  })
})

describe('instants', () => {
  it('beyond what a Date can say an end is never', () => {
    expect(instant(1_000, 500)).toBe(1_500)
    expect(instant(0, 1e300)).toBe(Number.POSITIVE_INFINITY)
    expect(instant(0, 8.64e15)).toBe(8.64e15)
    expect(instant(1, Number.POSITIVE_INFINITY)).toBe(Number.POSITIVE_INFINITY)
  })

  it('CB-33 TMO-11 F69 at the instant itself it is over', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 0, max: 1e12 }),
        fc.integer({ min: 0, max: 1e9 }),
        (staleAt, staleFor) => {
          expect(freshness(staleAt - 1, staleAt, staleFor)).toBe('fresh')
          expect(freshness(staleAt, staleAt, staleFor)).toBe(staleFor > 0 ? 'stale' : 'expired')
          expect(freshness(staleAt + staleFor, staleAt, staleFor)).toBe('expired')
          if (staleFor > 0) expect(freshness(staleAt + staleFor - 1, staleAt, staleFor)).toBe('stale')
        },
      ),
      { numRuns: 10_000 },
    )
  })
})
