import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { Fields } from '../../../src/http/policy/fields.ts'
import { ageInSeconds, mayServeOnError, remaining } from '../../../src/http/policy/freshness.ts'
import { answer, type Lookup, lookup } from '../../../src/http/policy/lookup.ts'
import type { PageRules } from '../../../src/http/policy/page-rules.ts'
import { refreshFields } from '../../../src/http/policy/refresh-request.ts'
import { bypassReason } from '../../../src/http/policy/storable.ts'
import { quickest } from '../../quickest.ts'
import { get, head, NOW, page, values } from './requests.ts'

const MINUTE = page({ 'cache-control': 'max-age=60', etag: '"v1"', 'content-length': '5' })
const at = (seconds: number) => NOW + seconds * 1000
const outcome = (found: Lookup) =>
  found.do === 'hit' ? `hit ${found.status}` : found.do === 'miss' ? found.why : found.status

describe('what passes the cache by', () => {
  it.each([
    ['rule 1, A85 POST', { method: 'POST', fields: {} }, '/', 'method'],
    ['A85 a method in lower case', { method: 'get', fields: {} }, '/', 'method'],
    ['A85 OPTIONS', { method: 'OPTIONS', fields: {} }, '/', 'method'],
    ['A85 QUERY', { method: 'QUERY', fields: {} }, '/', 'method'],
    ['A73 a GET with a body', get({ 'content-length': '3' }), '/', 'request-body'],
    ['A73 a GET with chunks', get({ 'transfer-encoding': 'chunked' }), '/', 'request-body'],
    ['A73 a length of 0 is no body', get({ 'content-length': '0' }), '/', undefined],
    ['A73 X-HTTP-Method-Override', get({ 'x-http-method-override': 'DELETE' }), '/', 'method-override'],
    ['A73 X-HTTP-Method', get({ 'x-http-method': 'DELETE' }), '/', 'method-override'],
    ['A73 _method', get(), '/?a=1&_method=DELETE', 'method-override'],
    ['A73 _method, encoded', get(), '/?%5Fme%74hod=DELETE', 'method-override'],
    ['A73 _method, as a list', get(), '/?_method[]=DELETE', 'method-override'],
    ['A73 _method, as a list, encoded', get(), '/?_method%5B%5D=DELETE', 'method-override'],
    ['A73 _method, bare', get(), '/?_METHOD', 'method-override'],
    ['A73 a name that only ends so', get(), '/?x_method=1&%zz', undefined],
    ['A73 in the path it is no parameter', get(), '/_method=1', undefined],
    ['rule 38 If-Match', get({ 'if-match': '%%' }), '/', 'precondition'],
    ['rule 38 If-Unmodified-Since', get({ 'if-unmodified-since': 'x' }), '/', 'precondition'],
    ['A53 a cookie does not, by default', get({ cookie: 'a=1' }), '/', undefined],
    ['HEAD does not', head(), '/', undefined],
  ])('%s', (_, request, target, reason) => {
    expect(bypassReason(request, target, {})).toBe(reason)
  })

  it('A53: bypassOnCookie is the strict rule', () => {
    expect(bypassReason(get({ cookie: '' }), '/', { bypassOnCookie: true })).toBe('cookie')
    expect(bypassReason(get(), '/', { bypassOnCookie: true })).toBeUndefined()
  })
})

describe('what a stored page leads to', () => {
  const swr = page({ 'cache-control': 'max-age=60, stale-while-revalidate=30, stale-if-error=90' })
  const strict = page({ 'cache-control': 'max-age=60, must-revalidate, stale-if-error=90' })
  const obey = { obeyRequests: true }
  const cases: [
    rule: string,
    stored: typeof MINUTE | undefined,
    fields: Fields,
    seconds: number,
    rules: PageRules,
    expected: unknown,
  ][] = [
    ['nothing stored', undefined, {}, 0, {}, 'uri-miss'],
    ['fresh', MINUTE, {}, 59.999, {}, 'hit 200'],
    ['rule 28 at the end of its lifetime it is over', MINUTE, {}, 60, {}, 'stale'],
    ['rule 28 1.5 s into a lifetime of 2', page({ 'cache-control': 'max-age=2' }), {}, 1.5, {}, 'hit 200'],
    ['rule 30 a clock set back', MINUTE, {}, -5, {}, 'stale'],
    ['rule 30 two clocks that differ a little', MINUTE, {}, -0.5, {}, 'hit 200'],
    [
      'rule 17 another value of a Vary field',
      page({ 'cache-control': 'max-age=60', vary: 'A' }),
      { a: '1' },
      0,
      {},
      'vary-miss',
    ],
    ['A52, PAG-17 Authorization', MINUTE, { authorization: 'x' }, 0, {}, 'authorization'],
    [
      'rule 4 Authorization and public',
      page({ 'cache-control': 'public, max-age=60' }),
      { authorization: 'x' },
      0,
      {},
      'hit 200',
    ],
    ['rule 34 stale while it is made anew', swr, {}, 89.999, {}, 'hit 200'],
    ['rule 34 after the window', swr, {}, 90, {}, 'stale'],
    ['rule 33 must-revalidate', strict, {}, 61, {}, 'stale'],
    ['rule 36 only-if-cached with nothing', undefined, { 'cache-control': 'only-if-cached' }, 0, {}, 504],
    ['rule 36 only-if-cached, stale', MINUTE, { 'cache-control': 'only-if-cached' }, 60, {}, 504],
    ['rule 36 only-if-cached, fresh', MINUTE, { 'cache-control': 'only-if-cached' }, 1, {}, 'hit 200'],
    ['rule 36 min-fresh that is there', MINUTE, { 'cache-control': 'min-fresh=10' }, 50, {}, 'hit 200'],
    ['rule 36 min-fresh that is not', MINUTE, { 'cache-control': 'min-fresh=10' }, 51, {}, 'request'],
    ['rule 36 min-fresh shuts the stale window', swr, { 'cache-control': 'min-fresh=1' }, 70, {}, 'stale'],
    ['rule 9 no-store is about storing', MINUTE, { 'cache-control': 'no-store' }, 1, {}, 'hit 200'],
    ['A77 no-cache is advice', MINUTE, { 'cache-control': 'no-cache' }, 1, {}, 'hit 200'],
    ['A77 max-age=0 is advice', MINUTE, { 'cache-control': 'max-age=0' }, 1, {}, 'hit 200'],
    ['A77 Pragma is advice', MINUTE, { pragma: 'no-cache' }, 1, {}, 'hit 200'],
    ['rule 36 no-cache, obeyed', MINUTE, { 'cache-control': 'no-cache' }, 1, obey, 'request'],
    ['rule 36 Pragma, obeyed', MINUTE, { pragma: 'no-cache' }, 1, obey, 'request'],
    ['rule 36 max-age, obeyed', MINUTE, { 'cache-control': 'max-age=5' }, 5.5, obey, 'request'],
    ['rule 36 max-age, young enough', MINUTE, { 'cache-control': 'max-age=5' }, 5, obey, 'hit 200'],
    ['rule 33 max-stale, obeyed', MINUTE, { 'cache-control': 'max-stale=10' }, 70, obey, 'hit 200'],
    ['rule 33 max-stale, too stale', MINUTE, { 'cache-control': 'max-stale=10' }, 71, obey, 'stale'],
    ['rule 33 max-stale without a limit', MINUTE, { 'cache-control': 'max-stale' }, 1e6, obey, 'hit 200'],
    ['rule 33 max-stale on must-revalidate', strict, { 'cache-control': 'max-stale' }, 70, obey, 'stale'],
    ['rule 33 max-stale is advice too', MINUTE, { 'cache-control': 'max-stale' }, 70, {}, 'stale'],
    [
      'a page without end',
      page({}, { ttl: null }),
      { 'cache-control': 'min-fresh=99999' },
      1e9,
      {},
      'hit 200',
    ],
  ]
  it.each(cases)('%s', (_, stored, fields, seconds, rules, expected) => {
    expect(outcome(lookup(get(fields), stored, rules, at(seconds)))).toBe(expected)
  })

  it('rule 34: only a stale hit asks for a refresh', () => {
    expect(lookup(get(), swr, {}, at(59))).toMatchObject({ do: 'hit', refresh: false })
    expect(lookup(get(), swr, {}, at(61))).toMatchObject({ do: 'hit', refresh: true, age: 61 })
  })

  it('rule 35: a stale page stands in for a failing handler while the window lasts, and for nothing else', () => {
    expect(lookup(get(), swr, {}, at(91))).toMatchObject({ do: 'miss', onError: true })
    expect(lookup(get(), swr, {}, at(150))).toMatchObject({ do: 'miss', onError: false })
    expect(lookup(get(), strict, {}, at(61))).toMatchObject({ do: 'miss', onError: false })
    for (const [status, may] of [
      [undefined, true],
      [500, true],
      [502, true],
      [503, true],
      [504, true],
      [501, false],
      [404, false],
      [505, false],
    ] as const) {
      expect(mayServeOnError(swr.head, at(91), status)).toBe(may)
    }
  })

  it('rule 31: Age counts from where the response was made, in whole seconds; a clock set back gives no negative one', () => {
    const old = page({ 'cache-control': 'max-age=600', age: '100' })
    expect(lookup(get(), old, {}, at(1.9))).toMatchObject({ age: 101 })
    expect(ageInSeconds(MINUTE.head, at(-100))).toBe(0)
    expect(remaining(MINUTE.head, at(70))).toBe(-10)
  })

  it('rule 16: HEAD is answered from a stored GET, with its fields and no body', () => {
    expect(lookup(head(), MINUTE, {}, at(1))).toMatchObject({
      do: 'hit',
      status: 200,
      lines: MINUTE.head.lines,
      body: false,
    })
    expect(lookup(get(), MINUTE, {}, at(1))).toMatchObject({ body: true })
  })

  it('a plain hit hands out the stored lines themselves', () => {
    const found = lookup(get(), MINUTE, {}, at(1))
    expect(found.do === 'hit' && found.lines === MINUTE.head.lines).toBe(true)
  })

  it('never throws, whatever the request holds', () => {
    const value = fc.oneof(fc.string({ unit: 'binary' }), fc.array(fc.string()))
    const name = fc.constantFrom(
      'cache-control',
      'pragma',
      'range',
      'if-range',
      'if-none-match',
      'if-modified-since',
      'authorization',
      'a',
    )
    fc.assert(
      fc.property(fc.dictionary(name, value), fc.integer({ min: -9, max: 99 }), (fields, seconds) => {
        lookup(get(fields), MINUTE, { obeyRequests: true }, at(seconds))
        bypassReason(get(fields), '/?%', {})
      }),
    )
  })
})

describe('a client that has the page already', () => {
  const dated = page({
    'cache-control': 'max-age=60',
    'last-modified': 'Sun, 17 Jul 2016 09:00:00 GMT',
    date: 'Sun, 17 Jul 2016 10:00:00 GMT',
  })
  const weak = page({ 'cache-control': 'max-age=60', etag: 'W/"v1"' })
  const untagged = page({ 'cache-control': 'max-age=60' })
  it.each([
    ['CND-04 the same tag', MINUTE, { 'if-none-match': '"v1"' }, 304],
    ['rule 38 in a list', MINUTE, { 'if-none-match': '"a,b", W/"c","v1"' }, 304],
    ['rule 38 weakly', MINUTE, { 'if-none-match': 'W/"v1"' }, 304],
    ['CND-07 a weakened tag', weak, { 'if-none-match': '"v1"' }, 304],
    ['rule 38 *', MINUTE, { 'if-none-match': '*' }, 304],
    ['A80 * where the page has no tag', untagged, { 'if-none-match': '*' }, 304],
    ['another tag', MINUTE, { 'if-none-match': '"v2"' }, 200],
    ['CND-05 an unquoted tag is none', MINUTE, { 'if-none-match': 'v1' }, 200],
    ['a tag inside another', MINUTE, { 'if-none-match': '"xv1"' }, 200],
    [
      'rule 38 If-None-Match goes first',
      dated,
      { 'if-none-match': '"x"', 'if-modified-since': 'Sun, 17 Jul 2016 10:00:00 GMT' },
      200,
    ],
    [
      'CND-04 equal dates are unmodified',
      dated,
      { 'if-modified-since': 'Sun, 17 Jul 2016 09:00:00 GMT' },
      304,
    ],
    ['modified since', dated, { 'if-modified-since': 'Sun, 17 Jul 2016 08:59:59 GMT' }, 200],
    ['A80 a date in the future', dated, { 'if-modified-since': 'Sun, 17 Jul 2026 09:00:00 GMT' }, 304],
    ['rule 38 an inexact date is ignored', dated, { 'if-modified-since': '2016-07-17T10:00:00Z' }, 200],
    [
      'rule 38 Date where there is no Last-Modified',
      untagged,
      { 'if-modified-since': 'Sun, 17 Jul 2016 10:00:00 GMT' },
      304,
    ],
  ])('%s', (_, stored, fields, status) => {
    for (const request of [get(fields), head(fields)]) {
      expect(answer(request, stored, at(1))).toMatchObject({
        status,
        body: status === 200 && request.method === 'GET',
      })
    }
  })

  it('CND-06: a 304 keeps what tells which page it is and how long, and nothing of the body', () => {
    const stored = page({
      'cache-control': 'max-age=60',
      etag: '"a"',
      vary: 'A',
      expires: 'x',
      'content-location': '/a',
      'content-type': 'b',
      'content-language': 'c',
      'content-length': '5',
      'last-modified': 'd',
      'x-a': 'e',
    })
    const { lines } = answer(get({ 'if-none-match': '"a"' }), stored, at(1))
    expect(lines.filter((_, i) => i % 2 === 0).sort()).toEqual([
      'cache-control',
      'content-location',
      'date',
      'etag',
      'expires',
      'last-modified',
      'vary',
    ])
  })

  it('CND-03: a page that is no 200 never becomes a 304', () => {
    const gone = { ...MINUTE, head: { ...MINUTE.head, status: 404 } }
    expect(answer(get({ 'if-none-match': '*' }), gone, at(1)).status).toBe(404)
  })

  it('attack 12: ten thousand tags, and a quote never closed, cost linear time', () => {
    const ask = () => {
      answer(get({ 'if-none-match': '"a",'.repeat(10_000) }), MINUTE, at(1))
      answer(get({ 'if-none-match': `${'W/'.repeat(50_000)}"` }), MINUTE, at(1))
    }
    expect(quickest(200, ask)).toBeLessThan(200)
  })
})

describe('rule 47, A79: a part of a stored page', () => {
  const ten = page(
    {
      'cache-control': 'max-age=60',
      etag: '"v1"',
      'content-length': '10',
      'last-modified': 'Sun, 17 Jul 2016 09:00:00 GMT',
    },
    {},
    get(),
    NOW,
    10,
  )
  const part = (fields: Fields, stored = ten) => answer(get(fields), stored, at(1))
  it.each([
    ['bytes=0-0', 'bytes 0-0/10'],
    ['bytes=2-', 'bytes 2-9/10'],
    ['bytes=2-99', 'bytes 2-9/10'],
    ['bytes=-3', 'bytes 7-9/10'],
    ['bytes=-99', 'bytes 0-9/10'],
    ['Bytes=0-4', 'bytes 0-4/10'],
  ])('%s is %s', (range, contentRange) => {
    const hit = part({ range })
    expect(hit).toMatchObject({ status: 206, contentRange, body: true })
    expect(values(hit.lines, 'content-length')).toEqual([])
    expect(values(hit.lines, 'etag')).toEqual(['"v1"'])
  })

  it.each([['bytes=10-'], ['bytes=99-100'], ['bytes=-0']])(
    '%s is 416, without the lifetime of the page',
    (range) => {
      expect(part({ range })).toMatchObject({
        status: 416,
        contentRange: 'bytes */10',
        body: false,
        lines: [],
      })
    },
  )

  it.each([
    ['bytes=0-1,3-4'],
    ['bytes=4-2'],
    ['bytes=-'],
    ['bytes=a-b'],
    ['lines=0-1'],
    ['0-1'],
    ['bytes 0-1'],
    [''],
  ])('%s gets the whole page', (range) => {
    expect(part({ range })).toMatchObject({ status: 200, range: undefined, body: true })
  })

  it.each([
    ['"v1"', 206],
    ['"v2"', 200],
    ['W/"v1"', 200],
    ['Sun, 17 Jul 2016 09:00:00 GMT', 206],
    ['Sun, 17 Jul 2016 09:00:01 GMT', 200],
    ['x', 200],
  ])('If-Range %s gives %i: only a strong match cuts', (condition, status) => {
    expect(part({ range: 'bytes=0-1', 'if-range': condition }).status).toBe(status)
  })

  it('an empty page has no part, HEAD has none, and 304 goes first', () => {
    expect(part({ range: 'bytes=0-' }, { ...ten, body: { length: 0 } }).status).toBe(416)
    expect(answer(head({ range: 'bytes=0-1' }), ten, at(1)).status).toBe(200)
    expect(part({ range: 'bytes=0-1', 'if-none-match': '"v1"' }).status).toBe(304)
  })
})

describe('attack 14: a refresh behind a visitor’s back', () => {
  it('carries what selects the page and nothing of the visitor', () => {
    const asked = get({
      accept: 'text/html',
      cookie: 'a=1',
      authorization: 'x',
      'x-forwarded-proto': 'https',
      'if-none-match': '"a"',
      referer: 'r',
    })
    const stored = page({ 'cache-control': 'public, max-age=1', vary: 'Accept' }, {}, asked)
    expect(refreshFields(stored.head, asked)).toEqual({
      host: 'example.com',
      'x-forwarded-proto': 'https',
      accept: 'text/html',
    })
  })

  it('is not made for a page that only one credential selects', () => {
    const asked = get({ cookie: 'a=1' })
    expect(
      refreshFields(page({ 'cache-control': 'max-age=1', vary: 'Cookie' }, {}, asked).head, asked),
    ).toBeUndefined()
    expect(refreshFields(page({ 'cache-control': 'max-age=1', vary: 'Cookie' }).head, get())).toEqual({
      host: 'example.com',
    })
  })
})
