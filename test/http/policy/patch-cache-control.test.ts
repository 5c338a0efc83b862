import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  type CacheControlChanges,
  getMaxAge,
  NEVER_CACHE,
  patchCacheControl,
} from '../../../src/http/policy/patch-cache-control.ts'
import { freshnessFields, neverCacheFields } from '../../../src/http/policy/response-fields.ts'
import { NOW } from './requests.ts'

const cases: [
  rule: string,
  existing: string | undefined,
  changes: CacheControlChanges,
  expected: string | undefined,
][] = [
  [
    'HDR-01 what is there keeps its place, what is new goes to the end',
    'a=1, max-age=9, b',
    { sMaxAge: 3, a: 2 },
    'a=2, max-age=9, b, s-maxage=3',
  ],
  [
    'HDR-02 names come out in lower case',
    'Max-Age=9, PRIVATE',
    { Must_Revalidate: true },
    'max-age=9, private, must-revalidate',
  ],
  [
    'HDR-02 camelCase and snake_case both become hyphens',
    undefined,
    { staleWhileRevalidate: 1, stale_if_error: 2, s_maxage: 3 },
    'stale-while-revalidate=1, stale-if-error=2, s-maxage=3',
  ],
  ['HDR-03 true is the bare name', undefined, { noTransform: true }, 'no-transform'],
  [
    'HDR-03 false, null and undefined are dropped',
    undefined,
    { private: false, public: null, x: undefined, a: 1 },
    'a=1',
  ],
  ['HDR-03 false takes an existing one away', 'public, max-age=3', { public: false }, 'max-age=3'],
  ['HDR-03 undefined leaves an existing one', 'public', { public: undefined }, 'public'],
  ['HDR-04 the smaller max-age wins (existing)', 'max-age=5', { maxAge: 10 }, 'max-age=5'],
  ['HDR-04 the smaller max-age wins (new)', 'max-age=50', { max_age: 10 }, 'max-age=10'],
  ['HDR-04 spelled as in the header it overrides', 'max-age=5', { 'max-age': 10 }, 'max-age=10'],
  ['HDR-04 s-maxage overrides', 's-maxage=5', { sMaxAge: 10 }, 's-maxage=10'],
  ['HDR-04 an existing one that cannot be read is ignored', 'max-age=x', { maxAge: 10 }, 'max-age=10'],
  ['HDR-04 an existing one in quotes is read', 'max-age="3"', { maxAge: 10 }, 'max-age=3'],
  ['HDR-05 public removes private', 'private, a', { public: true }, 'a, public'],
  ['HDR-05 public removes a qualified private', 'private="X"', { public: true }, 'public'],
  ['HDR-05 private removes public', 'public', { private: true }, 'private'],
  ['HDR-05 both at once write both', undefined, { public: true, private: true }, 'public, private'],
  ['HDR-05 public: false does not remove private', 'private', { public: false }, 'private'],
  ['HDR-06 no-cache field names add up', 'no-cache=X-A', { noCache: 'X-B' }, 'no-cache=X-A, no-cache=X-B'],
  ['HDR-06 a list of field names', undefined, { noCache: ['X-A', 'X-B'] }, 'no-cache=X-A, no-cache=X-B'],
  ['HDR-06 the same name once', 'no-cache=X-A', { noCache: 'x-a' }, 'no-cache=X-A'],
  ['HDR-06 true makes one bare no-cache', 'no-cache=A, no-cache=B', { noCache: true }, 'no-cache'],
  ['HDR-06 a bare one stays bare', 'no-cache', { noCache: 'X-A' }, 'no-cache'],
  ['HDR-06 an empty argument is bare, not nothing', 'no-cache=""', { a: true }, 'no-cache, a'],
  ['HDR-07 blanks round = and commas, empty members', ' a = 1 ,, b ,', { c: true }, 'a=1, b, c'],
  [
    'HDR-07 commas inside quotes are data',
    'no-cache="A, B", ext="x, max-age=1"',
    { maxAge: 9 },
    'no-cache=A, no-cache=B, ext="x, max-age=1", max-age=9',
  ],
  [
    'a quote that never closes swallows nothing of what is added',
    'private="a, max-age=9',
    { maxAge: 5 },
    'private=a, max-age=5, no-store',
  ],
  ['HDR-08 of repeated ones the last counts', 'a=1, a=2', {}, 'a=2'],
  ['HDR-09 nothing to say leaves the header unset', undefined, {}, undefined],
  ['HDR-09 nothing left leaves it unset', 'public', { public: false }, undefined],
  [
    'HDR-15 unknown directives pass through',
    'custom=456, immutable',
    { 'stale-while-revalidate': 30 },
    'custom=456, immutable, stale-while-revalidate=30',
  ],
  [
    'durations are accepted for seconds',
    undefined,
    { maxAge: '1h', sMaxAge: '2m', staleIfError: '1500ms', minFresh: '7d' },
    'max-age=3600, s-maxage=120, stale-if-error=1, min-fresh=604800',
  ],
  ['seconds are whole and never negative', undefined, { maxAge: 1.9, sMaxAge: -5 }, 'max-age=1, s-maxage=0'],
  [
    'a value that is no token is quoted',
    undefined,
    { private: ['Set-Cookie', 'X-A'], ext: 'a "b" c' },
    'private="Set-Cookie, X-A", ext="a \\"b\\" c"',
  ],
  [
    'HDR-12 never cache, on a bare response',
    undefined,
    NEVER_CACHE,
    'max-age=0, no-cache, no-store, must-revalidate, private',
  ],
  [
    'HDR-12 never cache, over public and max-age',
    'public, max-age=60',
    NEVER_CACHE,
    'max-age=0, no-cache, no-store, must-revalidate, private',
  ],
]

describe('patching Cache-Control', () => {
  it.each(cases)('%s', (_, existing, changes, expected) => {
    expect(patchCacheControl(existing, changes)).toBe(expected)
  })

  it('is idempotent: patching twice is patching once', () => {
    const member = fc.constantFrom(
      'public',
      'private="A"',
      'max-age=5',
      'no-cache',
      'no-cache=X',
      'ext="a, b"',
      'a=1',
      ' , ',
      'x = y',
      'max-age',
      '"',
    )
    const changes = fc.record(
      {
        maxAge: fc.nat(),
        public: fc.boolean(),
        private: fc.boolean(),
        noCache: fc.constantFrom<string | true>('X', 'Y', true),
        staleIfError: fc.nat(),
        ext: fc.string().filter((text) => /^[\x20-\x7e]*$/.test(text)),
      },
      { requiredKeys: [] },
    )
    fc.assert(
      fc.property(fc.array(member), changes, (existing, change) => {
        const once = patchCacheControl(existing.join(', '), change)
        expect(patchCacheControl(once, change)).toBe(once)
      }),
    )
  })

  it('never throws for what a response already has', () => {
    fc.assert(
      fc.property(
        fc.string({ unit: 'binary' }),
        (existing) => void patchCacheControl(existing, { maxAge: 1 }),
      ),
    )
  })

  it.each([
    [{ maxAge: Number.NaN }],
    [{ maxAge: Infinity }],
    [{ maxAge: 'soon' }],
    [{ sMaxAge: '-1' }],
    [{ ext: 'a\r\nSet-Cookie: b' }],
    [{ 'a b': true }],
    [{ noCache: 'X A' }],
    [{ noCache: [] as string[], 'x\ny': 1 }],
  ])('attack 9: what cannot be written is a TypeError with a code: %o', (changes: CacheControlChanges) => {
    expect(() => patchCacheControl(undefined, changes)).toThrowError(
      expect.objectContaining({ name: 'TypeError', code: 'INVALID_DIRECTIVE' }),
    )
  })
})

describe('HDR-10 getMaxAge', () => {
  it.each([
    ['max-age=60', 60],
    ['Max-Age=60', 60],
    ['private, max-age= 60 ', 60],
    ['max-age=1, max-age=2', 2],
    ['max-age=-5', -5],
    ['max-age', 1],
    ['max-age="60"', undefined],
    ['max-age=1.5', undefined],
    ['max-age =60', undefined],
    ['s-maxage=60', undefined],
    ['', undefined],
    [undefined, undefined],
  ])('%s → %s', (existing, seconds) => {
    expect(getMaxAge(existing)).toBe(seconds)
  })
})

describe('freshness fields', () => {
  it('HDR-11 sets Expires and max-age; less than 0 is 0', () => {
    expect(freshnessFields({}, 2, NOW)).toEqual({
      expires: 'Sun, 17 Jul 2016 10:00:02 GMT',
      'cache-control': 'max-age=2',
    })
    expect(freshnessFields({}, -2, NOW)).toEqual({
      expires: 'Sun, 17 Jul 2016 10:00:00 GMT',
      'cache-control': 'max-age=0',
    })
  })

  it('HDR-11 an Expires that is there stays, and the smaller max-age wins', () => {
    expect(freshnessFields({ expires: '0', 'cache-control': 'public, max-age=1' }, 9, NOW)).toEqual({
      'cache-control': 'public, max-age=1',
    })
  })

  it('a page without end says a year', () => {
    expect(freshnessFields({}, Infinity, NOW)['cache-control']).toBe('max-age=31536000')
  })

  it('HDR-12 never cache sets Expires to now where there is none', () => {
    expect(neverCacheFields({}, NOW)).toEqual({
      expires: 'Sun, 17 Jul 2016 10:00:00 GMT',
      'cache-control': 'max-age=0, no-cache, no-store, must-revalidate, private',
    })
    expect(neverCacheFields({ expires: 'x' }, NOW).expires).toBeUndefined()
  })
})
