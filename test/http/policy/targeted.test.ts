import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { responseControl } from '../../../src/http/policy/cache-control.ts'
import { parseDictionary } from '../../../src/http/policy/structured-dictionary.ts'
import { quickest } from '../../quickest.ts'
import { get, lifetimeOf, page, recorded } from './requests.ts'

const TARGETS = { targets: ['page-cache-control', 'cdn-cache-control'] }
const maxAge = (line: string | string[]) =>
  responseControl({ 'cdn-cache-control': line, 'cache-control': 'max-age=1' }, TARGETS.targets).maxAge

describe('targeted fields (RFC 9213)', () => {
  it('are not obeyed unless asked', () => {
    expect(lifetimeOf(page({ 'cdn-cache-control': 'max-age=60', 'cache-control': 'max-age=1' }).head)).toBe(1)
  })

  it.each([
    ['max-age=60', 60],
    ['max-age=60, no-store=?0', 60],
    ['max-age=60;a;b=1;c="x", foo', 60],
    ['  max-age=60 ', 60],
    ['foo=(1 "a";x=1 b), max-age=60', 60],
    ['foo=:aGk=:, bar=@1, baz=1.5, qux=%"f%c3%bc", max-age=60', 60],
    ['max-age=1, max-age=60', 60],
    [['max-age=60', 'foo'], 60],
    ['max-age=-5', 0],
    ['max-age=99999999999', 2 ** 31],
  ])('%s takes the place of Cache-Control', (line, seconds) => {
    expect(maxAge(line)).toBe(seconds)
  })

  it.each([
    [''],
    ['MAX-AGE=60'],
    ['max-age=60,'],
    ['max-age=60 foo'],
    ['max-age =60'],
    ['max-age= 60'],
    ['max-age=60, =1'],
    ['max-age=60, foo="a'],
    ['max-age=60, foo=(1'],
    ['max-age=60, foo=(1"a")'],
    ['max-age=60;'],
    ['max-age=60;A=1'],
    ['max-age=60, foo=&'],
    ['max-age=1234567890123456'],
    ['max-age=60\u00e9'],
  ])('%s is malformed or empty: as if it were not there', (line) => {
    expect(maxAge(line)).toBe(1)
  })

  it.each([['max-age="60"'], ['max-age=6.0'], ['max-age'], ['max-age=a']])(
    '%s is of the wrong type: that member is ignored, and Cache-Control stays replaced',
    (line) => {
      expect(maxAge(line)).toBeUndefined()
    },
  )

  it('the first that says something counts, wholly, and Expires is not looked at', () => {
    const fields = { expires: 'Sun, 17 Jul 2016 10:00:30 GMT', 'cache-control': 'no-store' }
    expect(
      lifetimeOf(
        page({ ...fields, 'page-cache-control': '', 'cdn-cache-control': 'max-age=9' }, TARGETS).head,
      ),
    ).toBe(9)
    expect(recorded({ ...fields, 'page-cache-control': 'foo' }, TARGETS).reason).toBe('no-lifetime')
    expect(
      recorded({ 'cache-control': 'max-age=60', 'cdn-cache-control': 'private="x"' }, TARGETS).reason,
    ).toBe('private')
    expect(recorded({ 'cache-control': 'max-age=60', 'cdn-cache-control': 'no-store' }, TARGETS).reason).toBe(
      'no-store',
    )
  })

  it('what others are told is left as the handler said it', () => {
    const rules = { ...TARGETS, ttl: 60 }
    expect(recorded({ 'cache-control': 'max-age=1', 'cdn-cache-control': 'foo' }, rules).add).toEqual({})
    expect(recorded({ 'cdn-cache-control': 'max-age=9' }, rules).add['cache-control']).toBe('max-age=60')
  })

  it('rule 4 holds for them too', () => {
    const asked = get({ authorization: 'x' })
    expect(recorded({ 'cdn-cache-control': 'max-age=9' }, TARGETS, asked).reason).toBe('authorization')
    expect(recorded({ 'cdn-cache-control': 'max-age=9, public' }, TARGETS, asked).keep).toBeDefined()
  })

  it('attack 12: never throws, in time linear in the text', () => {
    fc.assert(fc.property(fc.string({ unit: 'binary' }), (text) => void parseDictionary(text)))
    const parse = () => {
      for (const text of [',', 'a,', 'a=(', 'a;', ' ', '"', 'a="\\"', 'a=:', '1', 'a=%"%']) {
        parseDictionary(text.repeat(65_536 / text.length))
        parseDictionary(`a="${text.repeat(65_536 / text.length)}`)
      }
    }
    expect(quickest(500, parse)).toBeLessThan(500)
  })
})
