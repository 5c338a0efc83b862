import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { type Fields, fieldsOf } from '../../../src/http/policy/fields.ts'
import { readPageHead } from '../../../src/http/policy/page.ts'
import type { PageRules } from '../../../src/http/policy/page-rules.ts'
import { record } from '../../../src/http/policy/record.ts'
import { MAX_LINES } from '../../../src/http/policy/storable.ts'
import { fits } from '../../../src/http/policy/vary.ts'
import { get, head, lifetimeOf, NOW, page, recorded, values } from './requests.ts'

const FRESH = { 'cache-control': 'max-age=60' }
const SITE: PageRules = { defaultTtl: 600 }

describe('whether a response is stored', () => {
  const refused: [rule: string, fields: Fields, reason: string][] = [
    ['rule 2 no-store', { 'cache-control': 'max-age=60, NO-STORE' }, 'no-store'],
    ['A54 a quote that never closes', { 'cache-control': 'max-age=60, x="' }, 'no-store'],
    ['rule 3 private', { 'cache-control': 'private, max-age=60' }, 'private'],
    ['A54 private=""', { 'cache-control': 'private="", max-age=60' }, 'private'],
    ['rule 3 no-cache', { 'cache-control': 'no-cache="x", max-age=60' }, 'no-cache'],
    ['rule 10, A51 Set-Cookie', { ...FRESH, 'set-cookie': ['a=1'] }, 'set-cookie'],
    ['PAG-08 Set-Cookie and Vary: Cookie', { ...FRESH, 'set-cookie': 'a=1', vary: 'cookie' }, 'set-cookie'],
    ['rule 11 Vary: *', { ...FRESH, vary: 'a, *' }, 'vary-star'],
    ['rule 21 max-age=0', { 'cache-control': 'max-age=0' }, 'already-stale'],
    [
      'rule 21 an unreadable max-age does not fall through to Expires',
      { 'cache-control': 'max-age=x', expires: 'Sun, 17 Jul 2026 10:00:00 GMT' },
      'already-stale',
    ],
    ['rule 21 s-maxage=0 beats max-age', { 'cache-control': 's-maxage=0, max-age=60' }, 'already-stale'],
    ['rule 25 Expires: 0', { expires: '0' }, 'already-stale'],
    [
      'rule 25 several Expires',
      { expires: ['Sun, 17 Jul 2026 10:00:00 GMT', 'Sun, 17 Jul 2026 10:00:00 GMT'] },
      'already-stale',
    ],
    ['rule 27 a huge Age', { ...FRESH, age: '99999999999999999999' }, 'already-stale'],
    [
      'A60 a nonce in Content-Security-Policy',
      { ...FRESH, 'content-security-policy': "script-src 'NONCE-abc'" },
      'csp-nonce',
    ],
    ['A84 CR LF in a value', { ...FRESH, 'x-a': 'b\r\nc: d' }, 'field-invalid'],
    ['A84 NUL in a value', { ...FRESH, 'x-a': '\0' }, 'field-invalid'],
    ['A84 a name that is none', { ...FRESH, 'x a': 'b' }, 'field-invalid'],
    ['attack 10 a huge field', { ...FRESH, 'x-a': 'a'.repeat(70_000) }, 'fields-too-large'],
    [
      'attack 10 too many lines',
      { ...FRESH, 'x-a': Array.from({ length: MAX_LINES }, () => 'a') },
      'fields-too-large',
    ],
  ]
  it.each(refused)('%s', (_, fields, reason) => {
    for (const rules of [{}, SITE]) expect(recorded(fields, rules)).toEqual({ reason, add: {} })
  })

  it('rule 5: nothing gives it a lifetime, so it is not stored', () => {
    expect(recorded({}).reason).toBe('no-lifetime')
    expect(recorded({ 'cache-control': 'public' }).reason).toBe('no-lifetime')
  })

  it.each([
    201, 202, 204, 206, 299, 301, 302, 303, 304, 307, 400, 401, 403, 404, 405, 410, 412, 413, 414, 416, 417,
    431, 500, 502, 503, 504,
  ])('A76: %i is not stored by default, with a lifetime or without', (status) => {
    for (const fields of [FRESH, {}]) {
      for (const rules of [SITE, { ttl: 60 }])
        expect(recorded(fields, rules, get(), status).keep).toBeUndefined()
    }
  })

  it('rule 6: other statuses are stored where the site lists them', () => {
    const rules = { ...SITE, statuses: [200, 301, 404] }
    expect(recorded({}, rules, get(), 404).keep?.status).toBe(404)
    expect(recorded({}, rules, get(), 301).keep?.status).toBe(301)
    expect(recorded({}, rules, get(), 500).reason).toBe('status')
  })

  it('rule 6: any final status with a lifetime of its own, where the site says so; its ttl never reaches them', () => {
    const rules = { defaultTtl: 600, anyStatus: true }
    for (const status of [201, 204, 299, 302, 404, 410, 499, 500, 503, 599]) {
      expect(recorded(FRESH, rules, get(), status).keep?.status).toBe(status)
      expect(recorded({}, rules, get(), status).reason).toBe('no-lifetime')
      expect(recorded({}, { ttl: 60, anyStatus: true }, get(), status).reason).toBe('no-lifetime')
    }
  })

  it('attack 8: an answer to a condition or a range is never stored, not even then', () => {
    const rules = { anyStatus: true }
    for (const status of [206, 304, 416, 100, 199, 600])
      expect(recorded(FRESH, rules, get(), status).keep).toBeUndefined()
    expect(recorded(FRESH, rules, get({ range: 'bytes=0-0' }), 412).reason).toBe('status')
    expect(recorded(FRESH, rules, get({ 'if-none-match': '"a"' }), 412).reason).toBe('status')
  })

  it('rule 8: must-understand with a status whose meaning is not known is not stored', () => {
    const fields = { 'cache-control': 'max-age=60, must-understand' }
    expect(recorded(fields, { anyStatus: true }, get(), 299).reason).toBe('must-understand')
    expect(recorded(fields, { anyStatus: true }, get(), 404).keep).toBeDefined()
    expect(recorded({ 'cache-control': 'max-age=60, must-understand, no-store' }).reason).toBe('no-store')
  })

  it('rule 8: where the site says so, must-understand lifts no-store for a status that is understood', () => {
    const rules = { ...SITE, anyStatus: true, mustUnderstand: true }
    const stored = (value: string, status = 200) =>
      record(get(), { status, fields: { 'cache-control': `max-age=60, ${value}` } }, rules, NOW).reason
    expect(stored('no-store, must-understand')).toBeUndefined()
    expect(stored('no-store, must-understand', 599)).toBe('no-store')
    expect(stored('no-store')).toBe('no-store')
    expect(stored('private, no-store, must-understand')).toBe('private')
    expect(stored('no-store, must-understand=1')).toBe('no-store')
    expect(stored('must-understand, x="')).toBe('private')
    expect(
      record(get(), { status: 200, fields: { 'cache-control': 'no-store, must-understand' } }, SITE, NOW)
        .reason,
    ).toBe('no-store')
  })

  it('rule 6: public lets a lifetime be guessed at for any status, where the site stores any', () => {
    const fields = { 'last-modified': 'Sun, 17 Jul 2016 00:00:00 GMT', 'cache-control': 'public' }
    const rules = { anyStatus: true, heuristic: 0.1 }
    expect(record(get(), { status: 599, fields }, rules, NOW).reason).toBeUndefined()
    expect(
      record(get(), { status: 599, fields: { ...fields, 'cache-control': 'x' } }, rules, NOW).reason,
    ).toBe('no-lifetime')
    expect(record(get(), { status: 599, fields }, { heuristic: 0.1 }, NOW).reason).toBe('status')
  })

  it('rule 1, rule 16: only GET makes entries', () => {
    expect(recorded(FRESH, {}, head()).reason).toBe('method')
    for (const method of ['POST', 'PUT', 'get', 'QUERY', 'M-SEARCH']) {
      expect(recorded(FRESH, {}, { method, fields: {} }).reason).toBe('method')
    }
  })

  it('rule 9: a request that says no-store', () => {
    expect(recorded(FRESH, {}, get({ 'cache-control': 'no-store' })).reason).toBe('request-no-store')
  })

  it.each([
    ['max-age=60', 'authorization'],
    ['max-age=60, public', undefined],
    ['s-maxage=60', undefined],
    ['max-age=60, must-revalidate', undefined],
    ['max-age=60, public="x"', 'authorization'],
    ['max-age=60, not-public', 'authorization'],
  ])('rule 4, A52: a request with Authorization and a response with %s', (control, reason) => {
    for (const rules of [SITE, { ttl: 60 }]) {
      expect(recorded({ 'cache-control': control }, rules, get({ authorization: 'Basic x' })).reason).toBe(
        reason,
      )
    }
  })

  it('rule 10: with stripSetCookie the page is stored without the cookie, but never under Vary: Cookie', () => {
    const rules = { stripSetCookie: true }
    const { keep } = recorded({ ...FRESH, 'set-cookie': ['a=1', 'b=2'] }, rules)
    expect(keep?.lines).not.toContain('set-cookie')
    expect(recorded({ ...FRESH, 'set-cookie': 'a=1', vary: 'Cookie' }, rules).reason).toBe('set-cookie')
  })

  it('A53: a request that merely carries a cookie is stored as any other', () => {
    expect(recorded(FRESH, {}, get({ cookie: 'a=1' })).keep?.vary).toEqual([])
  })

  it('A59: a credential that was read makes the page one for requests without it', () => {
    const response = { status: 200, fields: FRESH, credentialsRead: ['cookie'] }
    expect(record(get({ cookie: 'a=1' }), response, {}, NOW).reason).toBe('credentials-read')
    const { keep } = record(get(), response, {}, NOW)
    expect(keep?.vary).toEqual(['cookie'])
    expect(fits(keep!, get(), {})).toBe(true)
    expect(fits(keep!, get({ cookie: '' }), {})).toBe(false)
  })

  it('rule 12: declared with Vary: Cookie, there is one page for each value', () => {
    const response = { status: 200, fields: { ...FRESH, vary: 'Cookie' }, credentialsRead: ['cookie'] }
    const { keep } = record(get({ cookie: 'a=1' }), response, {}, NOW)
    expect(fits(keep!, get({ cookie: 'a=1' }), {})).toBe(true)
    expect(fits(keep!, get({ cookie: 'a=2' }), {})).toBe(false)
    expect(fits(keep!, get(), {})).toBe(false)
  })

  it('rule 12: declared by the site, likewise, and never while a cookie is being set', () => {
    const rules = { varyOn: ['cookie'], stripSetCookie: true }
    const response = { status: 200, fields: FRESH, credentialsRead: ['cookie'] }
    expect(record(get({ cookie: 'a=1' }), response, rules, NOW).keep?.selected).toEqual(['a=1'])
    expect(recorded({ ...FRESH, 'set-cookie': 'a=2' }, rules).reason).toBe('set-cookie')
  })

  it('A72: fields of the site select a page that no Vary names', () => {
    const rules = { varyOn: ['x-forwarded-host'] }
    const { keep } = recorded(FRESH, rules, get({ 'x-forwarded-host': 'evil' }))
    expect(fits(keep!, get(), rules)).toBe(false)
    expect(keep?.vary).toEqual(['x-forwarded-host'])
  })

  it('never throws, whatever the fields hold', () => {
    const value = fc.oneof(fc.string({ unit: 'binary' }), fc.array(fc.string()), fc.nat())
    const name = fc.constantFrom(
      'cache-control',
      'vary',
      'expires',
      'date',
      'age',
      'etag',
      'connection',
      'set-cookie',
      '__proto__',
      'last-modified',
    )
    fc.assert(
      fc.property(
        fc.dictionary(name, value),
        fc.dictionary(name, value),
        fc.integer(),
        (asked, fields, status) => {
          const { keep } = record(
            { method: 'GET', fields: asked },
            { status, fields },
            { defaultTtl: 9, anyStatus: true, heuristic: 0.1, keepToValidate: 9 },
            NOW,
          )
          if (keep !== undefined) expect(readPageHead(JSON.parse(JSON.stringify(keep)))).toEqual(keep)
        },
      ),
    )
  })
})

describe('how long', () => {
  const soon = 'Sun, 17 Jul 2016 10:00:30 GMT'
  it.each([
    ['rule 21 s-maxage goes first', { 'cache-control': 'max-age=10, s-maxage=20', expires: soon }, {}, 20],
    ['rule 21 then max-age', { 'cache-control': 'max-age=10', expires: soon }, {}, 10],
    ['rule 21 then Expires less Date', { expires: soon }, {}, 30],
    [
      'rule 26 Expires less Date, not less now',
      { expires: soon, date: 'Sun, 17 Jul 2016 10:00:20 GMT' },
      {},
      10,
    ],
    ['PAG-12 then the default of the site', {}, { defaultTtl: 600 }, 600],
    [
      'PAG-12 the ttl of the route goes before all',
      { 'cache-control': 's-maxage=1, max-age=0', expires: '0' },
      { ttl: 60, defaultTtl: 9 },
      60,
    ],
    ['PAG-27 even before a max-age that cannot be read', { 'cache-control': 'max-age=x' }, { ttl: 60 }, 60],
    ['null has no end', {}, { ttl: null }, Infinity],
    [
      'rule 29 a tenth of the time since Last-Modified',
      { 'last-modified': 'Sun, 17 Jul 2016 09:00:00 GMT' },
      { heuristic: 0.1, defaultTtl: 9 },
      360,
    ],
    [
      'rule 29 capped at a day',
      { 'last-modified': 'Sun, 17 Jul 2011 09:00:00 GMT' },
      { heuristic: 0.1 },
      86_400,
    ],
    ['fractions of seconds are kept', {}, { ttl: 0.5 }, 0.5],
  ] satisfies [string, Fields, PageRules, number][])('%s', (_, fields, rules, seconds) => {
    expect(lifetimeOf(page(fields, rules).head)).toBe(seconds)
  })

  it('a ttl never beats no-store, private or no-cache', () => {
    for (const word of ['no-store', 'private', 'no-cache']) {
      expect(recorded({ 'cache-control': word }, { ttl: 60 }).reason).toBe(word)
      expect(recorded({ 'cache-control': word }, { ttl: null }).reason).toBe(word)
    }
  })

  it.each([0, -1])('PAG-15: a ttl of %i stores nothing and says max-age=0', (ttl) => {
    expect(recorded({}, { ttl })).toEqual({
      reason: 'already-stale',
      add: { expires: 'Sun, 17 Jul 2016 10:00:00 GMT', 'cache-control': 'max-age=0' },
    })
    expect(recorded(FRESH, { ttl, anyStatus: true }, get(), 404).keep).toBeUndefined()
  })

  it.each([
    [
      'rule 26 the larger of Age and the apparent age',
      { age: '30', date: 'Sun, 17 Jul 2016 09:59:50 GMT' },
      30,
    ],
    ['rule 26 the apparent age where Age is less', { age: '5', date: 'Sun, 17 Jul 2016 09:59:50 GMT' }, 10],
    ['rule 26 a Date ahead of us is no age', { date: 'Sun, 17 Jul 2016 10:00:50 GMT' }, 0],
    ['rule 27 the first member', { age: '7, 50' }, 7],
    ['rule 27 the first line', { age: ['7', '50'] }, 7],
    ['rule 27 a decimal is ignored', { age: '7.5' }, 0],
    ['rule 27 a negative is ignored', { age: '-7' }, 0],
    ['rule 27 text is ignored', { age: '7x' }, 0],
  ])('%s', (_, fields, age) => {
    const { head } = page({ ...FRESH, ...fields })
    expect((NOW - head.bornAt) / 1000).toBe(age)
    expect(head.freshUntil).toBe(NOW + (60 - age) * 1000)
  })

  it('rule 26: the time the handler took counts', () => {
    const { keep } = record(
      get(),
      { status: 200, fields: { ...FRESH, age: '2' }, requestedAt: NOW - 1500 },
      {},
      NOW,
    )
    expect(NOW - keep!.bornAt).toBe(3500)
  })

  it('rule 28: a lifetime of two seconds lasts two, though its Date was cut to the second', () => {
    const now = NOW + 900
    const { head } = page(
      { 'cache-control': 'max-age=2', date: 'Sun, 17 Jul 2016 10:00:00 GMT' },
      {},
      get(),
      now,
    )
    expect(head.freshUntil).toBe(now + 2000)
  })

  it('RFC 5861: stale windows begin where freshness ends; what forbids stale closes them', () => {
    const { head } = page({ 'cache-control': 'max-age=10, stale-while-revalidate=5, stale-if-error=7' })
    expect([head.freshUntil, head.staleUntil, head.errorUntil, head.keepUntil]).toEqual(
      [10, 15, 17, 17].map((s) => NOW + s * 1000),
    )
    for (const word of ['must-revalidate', 'proxy-revalidate', 's-maxage=10']) {
      const strict = page(
        { 'cache-control': `max-age=10, stale-while-revalidate=5, ${word}` },
        { staleIfError: 9 },
      ).head
      expect(strict.keepUntil).toBe(NOW + 10_000)
    }
  })

  it('the site may give stale windows where the response gives none', () => {
    const rules = { staleWhileRevalidate: 5, staleIfError: 7 }
    expect(page(FRESH, rules).head.staleUntil).toBe(NOW + 65_000)
    expect(page({ 'cache-control': 'max-age=60, stale-while-revalidate=0' }, rules).head.staleUntil).toBe(
      NOW + 60_000,
    )
  })

  it('rule 40: a page with a validator may be kept to be validated, a no-cache one too', () => {
    const rules = { keepToValidate: 100 }
    const { head } = page({ etag: '"a"', 'cache-control': 'no-cache, max-age=60' }, rules)
    expect([head.freshUntil, head.keepUntil, head.mayBeStale]).toEqual([NOW, NOW + 100_000, false])
    expect(page({ etag: '"a"' }, rules).head.freshUntil).toBe(NOW)
    expect(recorded({ etag: '"a"' }, { ...rules, anyStatus: true }, get(), 302).reason).toBe('no-lifetime')
    expect(recorded({ 'cache-control': 'no-cache' }, rules).reason).toBe('no-cache')
    expect(recorded({}, rules).reason).toBe('no-lifetime')
  })
})

describe('what is stored and what is added', () => {
  it('PAG-19: cachePage(2) at ten o’clock', () => {
    const { add, keep } = recorded({ 'content-type': 'text/html' }, { ttl: 2 })
    expect(add).toEqual({ expires: 'Sun, 17 Jul 2016 10:00:02 GMT', 'cache-control': 'max-age=2' })
    expect(keep?.lines).toEqual([
      'content-type',
      'text/html',
      'expires',
      'Sun, 17 Jul 2016 10:00:02 GMT',
      'cache-control',
      'max-age=2',
      'date',
      'Sun, 17 Jul 2016 10:00:00 GMT',
    ])
  })

  it('rule 31: freshness the handler gave is left as it is, even under a longer ttl', () => {
    for (const fields of [
      { 'cache-control': 'max-age=1' },
      { 'cache-control': 's-maxage=1' },
      { expires: 'Sun, 17 Jul 2016 10:00:01 GMT' },
    ]) {
      expect(recorded(fields, { ttl: 60 }).add).toEqual({})
    }
  })

  it('what the handler said besides stays when max-age is added', () => {
    expect(recorded({ 'cache-control': 'public' }, SITE).add['cache-control']).toBe('public, max-age=600')
  })

  it('PAG-07: a 304 gets Expires and max-age and is not stored', () => {
    expect(recorded({}, SITE, get({ 'if-none-match': '"a"' }), 304)).toEqual({
      reason: 'status',
      add: { expires: 'Sun, 17 Jul 2016 10:10:00 GMT', 'cache-control': 'max-age=600' },
    })
    expect(recorded({ 'set-cookie': 'a' }, SITE, get(), 304).add).toEqual({})
  })

  it('rule 13: fields of the connection are not stored, nor those that Connection names; all others are', () => {
    const { keep } = recorded({
      ...FRESH,
      connection: 'close, X-Hop',
      'x-hop': '1',
      'keep-alive': '1',
      'proxy-connection': '1',
      te: '1',
      trailer: 'x',
      'transfer-encoding': 'chunked',
      upgrade: 'h2c',
      'proxy-authenticate': 'x',
      'proxy-authentication-info': 'x',
      'proxy-authorization': 'x',
      age: '1',
      'x-unknown': ['1', '2'],
      'content-length': 5,
    })
    expect(keep?.lines).toEqual([
      'cache-control',
      'max-age=60',
      'x-unknown',
      '1',
      'x-unknown',
      '2',
      'content-length',
      '5',
      'date',
      'Sun, 17 Jul 2016 10:00:00 GMT',
    ])
  })

  it('rule 26: a Date that is there is stored as it came', () => {
    const date = 'Sun, 17 Jul 2016 09:59:59 GMT'
    expect(values(page({ ...FRESH, date }).head.lines, 'date')).toEqual([date])
  })

  it('fields come from pairs, lines of one name in order', () => {
    expect(
      fieldsOf([
        ['A', '1'],
        ['b', '2'],
        ['a', '3'],
        ['A', '4'],
      ]),
    ).toEqual({ a: ['1', '3', '4'], b: '2' })
    expect(Object.keys(fieldsOf([['__proto__', 'x']]))).toEqual(['__proto__'])
  })
})

describe('A84: a head that comes out of a store', () => {
  const { head: sound } = page({ ...FRESH, vary: 'A', etag: '"x"' })

  it('is read back as it was', () => {
    expect(readPageHead(JSON.parse(JSON.stringify(sound)))).toEqual(sound)
  })

  it.each([
    [null],
    ['text'],
    [{}],
    [{ ...sound, status: 42 }],
    [{ ...sound, status: '200' }],
    [{ ...sound, lines: ['a'] }],
    [{ ...sound, lines: ['a', 'b\r\nset-cookie: c'] }],
    [{ ...sound, lines: ['a b', 'c'] }],
    [{ ...sound, lines: 'ab' }],
    [{ ...sound, selected: [] }],
    [{ ...sound, selected: [undefined] }],
    [{ ...sound, freshUntil: 'soon' }],
    [{ ...sound, bornAt: undefined }],
    [{ ...sound, mayBeStale: 1 }],
  ])('is a miss where it is not one: %o', (value) => {
    expect(readPageHead(value)).toBeUndefined()
  })
})
