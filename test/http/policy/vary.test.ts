import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { hasVary, patchVary } from '../../../src/http/policy/patch-vary.ts'
import {
  acceptChoices,
  fits,
  MAX_VARY_NAMES,
  newer,
  unionOfNames,
  variantKey,
  varyNames,
} from '../../../src/http/policy/vary.ts'
import { get, NOW, page, recorded } from './requests.ts'

const FRESH = { 'cache-control': 'max-age=60' }
const on = (names: string, request = get()) => page({ ...FRESH, vary: names }, {}, request).head

describe('patching Vary', () => {
  it.each([
    [
      'VRY-01 appends what is not there, in order and as spelled',
      'Cookie,  Accept-Encoding',
      ['accept-ENCODING', 'X-A'],
      'Cookie, Accept-Encoding, X-A',
    ],
    ['VRY-01 strips blanks and tabs', '\tCookie , A', [' B\t'], 'Cookie, A, B'],
    ['VRY-02 * before or after makes it *', 'Cookie, *', ['A'], '*'],
    ['VRY-02 a new * makes it *', 'Cookie', ['*'], '*'],
    ['VRY-03 duplicates stay', 'A, a', ['B', 'b'], 'A, a, B, b'],
    ['VRY-04 nothing leaves it unset', undefined, [], undefined],
  ])('%s', (_, existing, names, expected) => {
    expect(patchVary(existing, names)).toBe(expected)
  })

  it('is idempotent', () => {
    const name = fc.constantFrom('A', 'a', 'Cookie', '*', 'X-B')
    fc.assert(
      fc.property(fc.array(name), fc.array(name), (existing, names) => {
        const once = patchVary(existing.join(','), names)
        expect(patchVary(once, names)).toBe(once)
      }),
    )
  })

  it('refuses a name that would split the header', () => {
    expect(() => patchVary('A', ['B\r\nX: y'])).toThrowError(
      expect.objectContaining({ code: 'INVALID_FIELD_NAME' }),
    )
  })

  it('VRY-05 hasVary: in any letter case and padding; * names only itself', () => {
    expect(hasVary('Accept-Encoding, \tCOOKIE ', 'cookie')).toBe(true)
    expect(hasVary('*', 'cookie')).toBe(false)
    expect(hasVary(' * ', '*')).toBe(true)
    expect(hasVary('Cookies', 'cookie')).toBe(false)
    expect(hasVary(undefined, 'cookie')).toBe(false)
  })
})

describe('which requests a page is for', () => {
  it.each([['*'], [' * '], ['Accept, *'], ['*, Accept'], [',,*,'], ['\t*']])(
    'rule 11, A55: Vary %s is never stored',
    (vary) => {
      expect(recorded({ ...FRESH, vary }).reason).toBe('vary-star')
      expect(recorded({ ...FRESH, vary: ['Accept', vary] }).reason).toBe('vary-star')
    },
  )

  it('rule 17: order and case of names do not matter, empty members are skipped', () => {
    expect(on('B, ,a').vary).toEqual(['a', 'b'])
    expect(on('A,b,B').vary).toEqual(['a', 'b'])
  })

  it('rule 17, A56: absent matches only absent, empty only empty', () => {
    expect(fits(on('X-User'), get(), {})).toBe(true)
    expect(fits(on('X-User'), get({ 'x-user': '' }), {})).toBe(false)
    expect(fits(on('X-User', get({ 'x-user': '' })), get(), {})).toBe(false)
    expect(fits(on('X-User', get({ 'x-user': '' })), get({ 'x-user': '' }), {})).toBe(true)
  })

  it('every named field has to have the same value, and no other field', () => {
    const head = on('A, B', get({ a: '1', b: '2' }))
    expect(fits(head, get({ a: '1', b: '2', c: '3' }), {})).toBe(true)
    expect(fits(head, get({ a: '1', b: '3' }), {})).toBe(false)
    expect(fits(head, get({ a: '1' }), {})).toBe(false)
  })

  it('rule 18: lines are joined and blanks round commas dropped, but not where a comma is a character', () => {
    expect(fits(on('Accept', get({ accept: 'a, b' })), get({ accept: ['a', 'b'] }), {})).toBe(true)
    expect(fits(on('Foo', get({ foo: '1 ,\t2' })), get({ foo: '1,2' }), {})).toBe(true)
    expect(fits(on('Foo', get({ foo: '2,1' })), get({ foo: '1,2' }), {})).toBe(false)
    expect(fits(on('Foo', get({ foo: '"1, 2"' })), get({ foo: '"1,2"' }), {})).toBe(false)
    expect(fits(on('User-Agent', get({ 'user-agent': 'a, b' })), get({ 'user-agent': 'a,b' }), {})).toBe(
      false,
    )
  })

  it('names like those of an object are fields like any other', () => {
    for (const name of ['constructor', '__proto__', 'tostring']) {
      const request = get(Object.fromEntries([[name, 'x']]))
      expect(fits(on(name), get(), {})).toBe(true)
      expect(fits(on(name), request, {})).toBe(false)
      expect(fits(on(name, request), request, {})).toBe(true)
    }
  })

  it('attack 11: too many names, or what is no name, is not stored', () => {
    const names = Array.from({ length: MAX_VARY_NAMES + 1 }, (_, i) => `x-${i}`)
    expect(recorded({ ...FRESH, vary: names.join(',') }).reason).toBe('vary-too-many')
    expect(recorded({ ...FRESH, vary: 'a b' }).reason).toBe('vary-invalid')
    expect(recorded({ ...FRESH, vary: ':locale' }).reason).toBe('vary-invalid')
  })

  it('PGK-05, PGK-06: language and zone select; the language stands for Accept-Language', () => {
    const request = { ...get({ 'accept-language': 'de' }), locale: 'de', timeZone: 'Europe/Berlin' }
    const { head } = page({ ...FRESH, vary: 'Accept-Language' }, {}, request)
    expect(head.vary).toEqual([':locale', ':zone'])
    expect(fits(head, { ...request, fields: { 'accept-language': 'de-AT' } }, {})).toBe(true)
    expect(fits(head, { ...request, locale: 'en' }, {})).toBe(false)
    expect(fits(head, { ...request, timeZone: 'UTC' }, {})).toBe(false)
    expect(fits(head, get({ 'accept-language': 'de' }), {})).toBe(false)
  })

  it('rule 19: of two that fit the newer Date is served', () => {
    const old = page({ ...FRESH, date: 'Sun, 17 Jul 2016 09:59:50 GMT' }).head
    const young = page({ ...FRESH, date: 'Sun, 17 Jul 2016 09:59:58 GMT' }, {}, get(), NOW - 1000).head
    expect(newer(old, young)).toBe(young)
    expect(newer(young, old)).toBe(young)
  })

  it('PGK-09: a union of names is sorted and has each name once', () => {
    expect(unionOfNames(['b', 'a'], ['c', 'a'])).toEqual(['a', 'b', 'c'])
    expect(varyNames({})).toEqual([])
  })

  it('rule 17: a value cannot reach into the next', () => {
    const keyOf = (names: string[], fields: Record<string, string>) =>
      variantKey(names, { method: 'GET', fields }, {})
    expect(keyOf(['a'], { a: '1b=-' })).not.toBe(keyOf(['a', 'b'], { a: '1' }))
    expect(keyOf(['a', 'b'], { a: '1', b: '2' })).not.toBe(keyOf(['a', 'b'], { a: '1b=2' }))
    expect(keyOf(['a', 'b'], { b: '2' })).not.toBe(keyOf(['a-b'], { 'a-b': '2' }))
  })

  it('rule 17: no two lists of names and values make the same variant key', () => {
    const value = fc.option(fc.stringMatching(/^[-=:0-9ab, ]{0,6}$/), { nil: undefined })
    const fields = fc.dictionary(fc.constantFrom('a', 'b', 'a-b', 'b-'), value)
    const names = fc.uniqueArray(fc.constantFrom('a', 'b', 'a-b', 'b-'))
    const meaning = (list: string[], f: Record<string, string | undefined>) =>
      JSON.stringify(
        list.map((name) => [
          name,
          f[name] === undefined
            ? null
            : f[name]
                .split(',')
                .map((v) => v.replace(/^ +| +$/g, ''))
                .join(','),
        ]),
      )
    fc.assert(
      fc.property(names, fields, names, fields, (n1, f1, n2, f2) => {
        const same =
          variantKey(n1, { method: 'GET', fields: f1 }, {}) ===
          variantKey(n2, { method: 'GET', fields: f2 }, {})
        expect(same).toBe(meaning(n1, f1) === meaning(n2, f2))
      }),
      { numRuns: 2000 },
    )
  })
})

describe('rule 18: a configured list of choices', () => {
  const encoding = acceptChoices(['br', 'gzip'])
  const language = acceptChoices(['en', 'fr'])

  it.each([
    ['gzip, deflate, br', 'br, gzip;q=1.0', false],
    ['gzip, deflate, br', 'gzip,br', true],
    ['GZIP', 'gzip;q=1', true],
    ['gzip;q=0', 'gzip', false],
    ['gzip;q=0', '', false],
    ['br;q=0.5, gzip', 'gzip, br;q=0.1', true],
    ['br;q=0.5, gzip', 'gzip, br', false],
    ['zstd', '', true],
    ['*', '', false],
  ])('Accept-Encoding %s and %s: same wish %s', (a, b, same) => {
    expect(encoding(a) === encoding(b)).toBe(same)
  })

  it('Accept-Language keeps ranges that bear on a choice and drops the others', () => {
    expect(language('en-GB, en;q=0.9, de;q=0.8, fr;q=0.7')).toBe('en-gb>en>fr')
    expect(language('de, pt')).toBe('')
  })

  it('A81: what cannot be read is not normalised', () => {
    expect(encoding('gzip;q=2')).toBe('gzip;q=2')
  })

  it('is used on both sides of a page', () => {
    const rules = { normalise: { 'accept-encoding': encoding } }
    const { head } = page(
      { ...FRESH, vary: 'Accept-Encoding' },
      rules,
      get({ 'accept-encoding': 'gzip, deflate' }),
    )
    expect(fits(head, get({ 'accept-encoding': 'gzip,zstd' }), rules)).toBe(true)
    expect(fits(head, get({ 'accept-encoding': 'br' }), rules)).toBe(false)
    expect(fits(head, get(), rules)).toBe(false)
  })
})
