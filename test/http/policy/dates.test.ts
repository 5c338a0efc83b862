import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { formatHttpDate, parseHttpDate } from '../../../src/http/policy/dates.ts'
import { NOW } from './requests.ts'

const NOVEMBER = Date.UTC(1994, 10, 6, 8, 49, 37)

describe('rule 25: an HTTP-date, to the letter', () => {
  it.each([
    ['Sun, 06 Nov 1994 08:49:37 GMT'],
    ['Sunday, 06-Nov-94 08:49:37 GMT'],
    ['Sun Nov  6 08:49:37 1994'],
    ['sun, 06 NOV 1994 08:49:37 gmt'],
  ])('%s is one', (text) => {
    expect(parseHttpDate(text, NOW)).toBe(NOVEMBER)
  })

  it.each([
    ['0'],
    ['-1'],
    [''],
    ['Sun, 06 Nov 94 08:49:37 GMT'],
    ['Sun, 6 Nov 1994 08:49:37 GMT'],
    ['Sun, 06 Nov 1994 8:49:37 GMT'],
    ['Sun,  06 Nov 1994 08:49:37 GMT'],
    ['Sun 06 Nov 1994 08:49:37 GMT'],
    ['Sun, 06 Nov 1994 08:49:37 UTC'],
    ['Sun, 06 Nov 1994 08:49:37 +0000'],
    ['Sun, 06 Nov 1994 08:49:37 AEST'],
    ['Sun, 06 Nov 1994 08:49:37'],
    ['Sun, 06-Nov-1994 08:49:37 GMT'],
    ['Sun, 06 Nov 1994 08.49.37 GMT'],
    ['Sun, 06 Nov 1994 08:49 GMT'],
    ['Sun, 06 November 1994 08:49:37 GMT'],
    ['Sun, 31 Feb 1994 08:49:37 GMT'],
    ['Sun, 00 Nov 1994 08:49:37 GMT'],
    ['Sun, 06 Nov 1994 24:00:00 GMT'],
    ['Sun, 06 Nov 1994 08:60:00 GMT'],
    ['1994-11-06T08:49:37Z'],
    ['Sun, 06 Nov 1994 08:49:37 GMT, Sun, 06 Nov 1994 08:49:37 GMT'],
    ['Sun Nov 6 08:49:37 1994'],
    ['784111777'],
    ['Sun, 06 Nov 1994 08:49:37 GMT '],
    ['x'.repeat(65_536)],
  ])('%s is none', (text) => {
    expect(parseHttpDate(text, NOW)).toBeUndefined()
  })

  it('two digits more than 50 years ahead are in the past (RFC 9110 §5.6.7)', () => {
    expect(parseHttpDate('Sunday, 06-Nov-66 08:49:37 GMT', NOW)).toBe(Date.UTC(2066, 10, 6, 8, 49, 37))
    expect(parseHttpDate('Sunday, 06-Nov-67 08:49:37 GMT', NOW)).toBe(Date.UTC(1967, 10, 6, 8, 49, 37))
  })

  it('HDR-16 is written as Sun, 17 Jul 2016 10:00:02 GMT, and read back', () => {
    expect(formatHttpDate(NOW + 2000)).toBe('Sun, 17 Jul 2016 10:00:02 GMT')
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 253_402_300_799 }), (second) => {
        expect(parseHttpDate(formatHttpDate(second * 1000), NOW)).toBe(second * 1000)
      }),
    )
  })

  it('an instant beyond what HTTP can write is the last one it can', () => {
    expect(formatHttpDate(Infinity)).toBe('Fri, 31 Dec 9999 23:59:59 GMT')
  })
})
