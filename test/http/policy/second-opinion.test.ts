/**
 * http-cache-semantics decides the same questions. Where a request and a response are well formed both have to say the same,
 * over whatever can be put together; where they differ on purpose, each difference is a case here, with the reason for ours.
 */
import fc from 'fast-check'
import CachePolicy from 'http-cache-semantics'
import { describe, expect, it } from 'vitest'
import { formatHttpDate } from '../../../src/http/policy/dates.ts'
import { lookup } from '../../../src/http/policy/lookup.ts'
import type { PageRules } from '../../../src/http/policy/page-rules.ts'
import { record } from '../../../src/http/policy/record.ts'
import { NOW } from './requests.ts'

type Headers = Record<string, string>

interface Exchange {
  /** The request that makes the page, and its response. */
  readonly asked: Headers
  readonly status: number
  readonly said: Headers
  /** The request that comes `seconds` later. */
  readonly next: Headers
  readonly seconds: number
}

// Both obey requests, keep whatever has a lifetime, and guess none.
const RULES: PageRules = { anyStatus: true, obeyRequests: true, keepToValidate: 1e6 }

let clock = NOW
class Theirs extends CachePolicy {
  override now() {
    return clock
  }
}

function ours({ asked, status, said, next, seconds }: Exchange): boolean {
  const { keep } = record({ method: 'GET', fields: asked }, { status, fields: said }, RULES, NOW)
  const page = keep && { head: keep, body: { length: 0 } }
  return lookup({ method: 'GET', fields: next }, page, RULES, NOW + seconds * 1000).do === 'hit'
}

function theirs({ asked, status, said, next, seconds }: Exchange): boolean {
  const request = (headers: Headers) => ({ method: 'GET', url: '/', headers })
  clock = NOW
  const policy = new Theirs(request(asked), { status, headers: said }, { shared: true, cacheHeuristic: 0 })
  clock = NOW + seconds * 1000
  return policy.storable() && policy.evaluateRequest(request(next)).response !== undefined
}

const exchange = (given: Partial<Exchange>): Exchange => ({
  asked: {},
  status: 200,
  said: {},
  next: {},
  seconds: 1,
  ...given,
})

const few = fc.integer({ min: 0, max: 20 })
const directives = (...members: fc.Arbitrary<string>[]) =>
  fc
    .subarray(members.map((_, i) => i))
    .chain((some) => fc.tuple(...some.map((i) => members[i]!)))
    .map((list) => list.join(', '))
const counted = (name: string) => few.map((seconds) => `${name}=${seconds}`)
const present = (headers: Record<string, string | undefined>): Headers =>
  Object.fromEntries(Object.entries(headers).filter((pair): pair is [string, string] => !!pair[1]))

const lifetimes = fc.record({ 'max-age': few, 's-maxage': few, expires: few }, { requiredKeys: [] })
const said = fc
  .record({
    lives: lifetimes,
    more: directives(
      fc.constant('public'),
      fc.constant('no-transform'),
      fc.constant('x-ext=1'),
      counted('stale-if-error'),
    ),
    swr: fc.option(few),
    refusal: fc.oneof(
      { weight: 12, arbitrary: fc.constant('') },
      { weight: 1, arbitrary: fc.constantFrom('private', 'no-store', 'no-cache') },
    ),
    age: fc.option(fc.integer({ min: 0, max: 9 }), { freq: 1 }),
    vary: fc.constantFrom(undefined, undefined, undefined, 'A', 'a, b', '*'),
  })
  .map(({ lives, more, swr, refusal, age, vary }) =>
    present({
      'cache-control': [
        lives['max-age'] === undefined ? '' : `max-age=${lives['max-age']}`,
        lives['s-maxage'] === undefined ? '' : `s-maxage=${lives['s-maxage']}`,
        // They let s-maxage, no-cache and what never was fresh be stale: see below.
        swr === null ||
        lives['s-maxage'] !== undefined ||
        refusal === 'no-cache' ||
        Object.keys(lives).length === 0
          ? ''
          : `stale-while-revalidate=${swr}`,
        more,
        refusal,
      ]
        .filter(Boolean)
        .join(', '),
      expires: lives.expires === undefined ? undefined : formatHttpDate(NOW + lives.expires * 1000),
      date: formatHttpDate(NOW),
      age: age === null ? undefined : String(age),
      vary,
      etag: '"a"',
    }),
  )
const selecting = fc
  .record({
    a: fc.constantFrom(undefined, undefined, '1', '2'),
    b: fc.constantFrom(undefined, undefined, '1'),
  })
  .map(present)
const control = directives(
  fc.constant('no-cache'),
  counted('max-age'),
  counted('min-fresh'),
  fc.constant('x=1'),
)

describe('second opinion', () => {
  it('rules 2–33: both serve the same pages', () => {
    let hits = 0
    fc.assert(
      fc.property(
        fc.record({
          asked: fc
            .record({
              fields: selecting,
              credentials: fc.constantFrom('', '', '', 'x'),
              stored: fc.constantFrom('', '', '', 'no-store'),
            })
            .map(({ fields, credentials, stored }) =>
              present({ ...fields, authorization: credentials, 'cache-control': stored }),
            ),
          status: fc.constantFrom(200, 203, 204, 300, 301, 302, 303, 307, 308, 404, 405, 410, 414, 501),
          said,
          next: fc
            .record({
              fields: selecting,
              control: fc.oneof({ weight: 3, arbitrary: fc.constant('') }, { weight: 2, arbitrary: control }),
            })
            .map(({ fields, control }) => present({ ...fields, 'cache-control': control })),
          seconds: fc.integer({ min: 0, max: 24 }).map((halves) => halves / 2),
        }),
        (given) => {
          const served = ours(given)
          if (served) hits++
          expect(served).toBe(theirs(given))
        },
      ),
      { numRuns: 5000 },
    )
    // The agreement is worth something only if there was something to agree on.
    expect(hits).toBeGreaterThan(500)
  })

  it('rules 21–28: both compute the same lifetime and age', () => {
    fc.assert(
      fc.property(said, (response) => {
        clock = NOW
        const policy = new Theirs(
          { method: 'GET', url: '/', headers: {} },
          { status: 200, headers: response },
          { cacheHeuristic: 0 },
        )
        const { keep } = record({ method: 'GET', fields: {} }, { status: 200, fields: response }, RULES, NOW)
        if (keep === undefined) return
        const born = (NOW - keep.bornAt) / 1000
        expect(born).toBe(policy.age())
        expect((keep.freshUntil! - keep.bornAt) / 1000).toBe(policy.maxAge())
      }),
      { numRuns: 2000 },
    )
  })

  const FRESH = { 'cache-control': 'max-age=60' }
  const differences: [why: string, given: Partial<Exchange>, ours: boolean][] = [
    [
      'must-revalidate forbids stale pages only (RFC 9111 §5.2.2.2); they never use one',
      { said: { 'cache-control': 'max-age=60, must-revalidate' } },
      true,
    ],
    [
      'proxy-revalidate likewise (§5.2.2.8); they give it no lifetime',
      { said: { 'cache-control': 'max-age=60, proxy-revalidate' } },
      true,
    ],
    [
      's-maxage forbids stale pages (§5.2.2.10)',
      { said: { 'cache-control': 's-maxage=1, stale-while-revalidate=60' }, seconds: 5 },
      false,
    ],
    [
      'no-cache is never used without validation, max-stale or not (§5.2.2.4)',
      { said: { 'cache-control': 'no-cache', etag: '"a"' }, next: { 'cache-control': 'max-stale' } },
      false,
    ],
    [
      'max-stale=n is up to and with n (§5.2.1.2)',
      {
        said: { 'cache-control': 'max-age=10', etag: '"a"' },
        next: { 'cache-control': 'max-stale=5' },
        seconds: 15,
      },
      true,
    ],
    [
      'a Date of the past is age (§4.2.3); they count Age alone',
      { said: { ...FRESH, date: formatHttpDate(NOW - 100_000) } },
      false,
    ],
    [
      'directive names have no letter case (§5.2)',
      { said: { 'cache-control': 'max-age=60, No-Store' } },
      false,
    ],
    ['MAX-AGE too', { said: { 'cache-control': 'MAX-AGE=60' } }, true],
    ['private="" is private', { said: { 'cache-control': 'max-age=60, private=""' } }, false],
    ['what is quoted is data (§5.2)', { said: { 'cache-control': 'ext="a, max-age=60, b"' } }, false],
    [
      'a quote that never closes could hide anything',
      { said: { 'cache-control': 'max-age=60, ext="a' } },
      false,
    ],
    ['60s is no number (§1.2.2)', { said: { 'cache-control': 'max-age=60s' } }, false],
    [
      'blanks round = are not in the grammar',
      { said: { 'cache-control': 'max-age =60, max-age = 60', expires: formatHttpDate(NOW + 60_000) } },
      false,
    ],
    [
      'of two lifetimes the smaller, not the last (§4.2.1)',
      { said: { 'cache-control': 'max-age=0, max-age=60' } },
      false,
    ],
    [
      'Expires is an exact HTTP-date (§5.3); they read whatever Date.parse does',
      { said: { expires: '2026-07-17T10:00:00Z' } },
      false,
    ],
    ['Age with a decimal point is ignored (§5.1); they cut it', { said: { ...FRESH, age: '70.5' } }, true],
    [
      'blanks round commas do not make another value (§4.1)',
      { asked: { a: '1, 2' }, said: { ...FRESH, vary: 'A' }, next: { a: '1,2' } },
      true,
    ],
    [
      'Vary with * among names never matches, and its empty members are nothing',
      { said: { ...FRESH, vary: 'A,,' }, asked: { '': 'x' } },
      true,
    ],
    [
      'Authorization: a page without public is not for it; they ask only who made the page',
      { said: FRESH, next: { authorization: 'x' } },
      false,
    ],
    [
      'Set-Cookie is not stored, public or not; they take public for consent',
      { said: { 'cache-control': 'public, max-age=60', 'set-cookie': 'a=1' } },
      false,
    ],
    [
      'must-understand with a status both know is stored; the word alone means nothing to them',
      { said: { 'cache-control': 'max-age=60, must-understand' }, status: 400 },
      true,
    ],
    [
      'Pragma counts only without Cache-Control, and as a whole word (§5.4)',
      { said: FRESH, next: { pragma: 'no-cache', 'cache-control': 'x=1' } },
      true,
    ],
    [
      'immutable gives no lifetime (RFC 8246 §2); they give it a day',
      { said: { 'cache-control': 'immutable' } },
      false,
    ],
    [
      'no-cache is never served stale either (§5.2.2.4)',
      { said: { 'cache-control': 'max-age=60, stale-while-revalidate=60, no-cache' } },
      false,
    ],
    [
      'Pragma of a response means nothing (§5.4)',
      { said: { expires: formatHttpDate(NOW + 60_000), pragma: 'no-cache' } },
      true,
    ],
    [
      'a nonce in Content-Security-Policy is one visitor’s',
      { said: { ...FRESH, 'content-security-policy': "script-src 'nonce-a'" } },
      false,
    ],
    [
      'two hosts are told apart by the key, not by the policy',
      { asked: { host: 'a' }, said: FRESH, next: { host: 'b' } },
      true,
    ],
    [
      'any final status with a lifetime is stored, where the site says so (§3)',
      { said: FRESH, status: 499 },
      true,
    ],
  ]
  it.each(differences)('they differ: %s', (_, given, served) => {
    expect(ours(exchange(given))).toBe(served)
    expect(theirs(exchange(given))).toBe(!served)
  })
})
