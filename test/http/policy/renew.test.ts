import { describe, expect, it } from 'vitest'
import type { Fields } from '../../../src/http/policy/fields.ts'
import type { PageRules } from '../../../src/http/policy/page-rules.ts'
import { renew } from '../../../src/http/policy/renew.ts'
import { conditionsFor, contradicts } from '../../../src/http/policy/validators.ts'
import { get, NOW, page, values } from './requests.ts'

const LATER = NOW + 100_000
const MODIFIED = 'Sun, 17 Jul 2016 09:00:00 GMT'
const stored = page({
  'cache-control': 'max-age=60',
  etag: '"v1"',
  'last-modified': MODIFIED,
  'content-type': 'text/html',
  'content-length': '5',
  'x-a': ['1', '2'],
  'x-b': 'old',
})
const confirm = (fields: Fields, of = stored, rules: PageRules = {}) =>
  renew(of.head, get(), { status: 304, fields }, rules, LATER)

describe('asking the handler whether a stale page still holds (rule 40)', () => {
  it('sends every tag of the URL, and the Last-Modified of the page to be renewed', () => {
    const other = page({ 'cache-control': 'max-age=60', etag: 'W/"v0"' })
    expect(conditionsFor([stored.head, other.head, stored.head])).toEqual({
      'if-none-match': '"v1", W/"v0"',
      'if-modified-since': MODIFIED,
    })
    expect(conditionsFor([other.head])).toEqual({ 'if-none-match': 'W/"v0"' })
  })

  it('cannot ask about a page without validators, or with unreadable ones', () => {
    expect(conditionsFor([])).toBeUndefined()
    expect(conditionsFor([page({ 'cache-control': 'max-age=60' }).head])).toBeUndefined()
    expect(
      conditionsFor([page({ 'cache-control': 'max-age=60', etag: 'v1', 'last-modified': 'x' }).head]),
    ).toBeUndefined()
  })
})

describe('a 304 from the handler (rule 41)', () => {
  it('replaces the fields it has, keeps the others, and starts freshness anew', () => {
    const renewal = confirm({ etag: '"v1"', 'x-b': 'new', 'cache-control': 'max-age=9' })
    const { keep, lines } = renewal!
    expect(values(lines, 'x-b')).toEqual(['new'])
    expect(values(lines, 'x-a')).toEqual(['1', '2'])
    expect(values(lines, 'date')).toEqual(['Sun, 17 Jul 2016 10:01:40 GMT'])
    expect(lines).toBe(keep?.lines)
    expect([keep?.bornAt, keep?.freshUntil]).toEqual([LATER, LATER + 9000])
  })

  it('attack 18: what describes the stored bytes, and the connection, stays out', () => {
    const { lines } = confirm({
      'content-length': '0',
      'content-encoding': 'gzip',
      'content-type': 'x/y',
      'content-range': 'bytes 0-1/2',
      connection: 'x-b',
      'x-b': 'hop',
    })!
    expect(values(lines, 'content-length')).toEqual(['5'])
    expect(values(lines, 'content-encoding')).toEqual([])
    expect(values(lines, 'content-type')).toEqual(['text/html'])
    expect(values(lines, 'x-b')).toEqual(['old'])
    expect(values(lines, 'connection')).toEqual([])
  })

  it.each([
    ['the same strong tag', { etag: '"v1"' }, true],
    ['another tag', { etag: '"v2"' }, false],
    ['the same tag, weak', { etag: 'W/"v1"' }, true],
    ['no validator: the page that was asked about', {}, true],
    ['the same date', { 'last-modified': MODIFIED }, true],
    ['another date', { 'last-modified': 'Sun, 17 Jul 2016 09:00:01 GMT' }, false],
  ])('is about the page with %s', (_, fields, about) => {
    expect(confirm(fields) !== undefined).toBe(about)
  })

  it('a weak page is not confirmed by a strong tag, nor an untagged one by any', () => {
    const weak = page({ 'cache-control': 'max-age=60', etag: 'W/"v1"' })
    expect(confirm({ etag: '"v1"' }, weak)).toBeUndefined()
    expect(confirm({ etag: '"v1"' }, page({ 'cache-control': 'max-age=60' }))).toBeUndefined()
  })

  it('rule 34: one that forbids storing answers this client and nobody after it', () => {
    for (const [fields, reason] of [
      [{ 'cache-control': 'no-store' }, 'no-store'],
      [{ 'cache-control': 'private' }, 'private'],
      [{ 'set-cookie': 'a=1' }, 'set-cookie'],
      [{ vary: '*' }, 'vary-star'],
    ] as const) {
      const renewal = confirm(fields)!
      expect([renewal.keep, renewal.reason]).toEqual([undefined, reason])
      expect(values(renewal.lines, 'x-a')).toEqual(['1', '2'])
    }
  })

  it('renews freshness that was added here, so that no Expires of the past goes out', () => {
    const ours = page({ etag: '"v1"' }, { ttl: 60 })
    const { keep } = confirm({ etag: '"v1"' }, ours, { ttl: 60 })!
    expect(keep?.freshUntil).toBe(LATER + 60_000)
    expect(values(keep!.lines, 'expires')).toEqual([])
    expect(values(keep!.lines, 'cache-control')).toEqual(['max-age=60'])
  })

  it('is judged by the Vary of the page where it has none of its own', () => {
    const varied = page({ 'cache-control': 'max-age=60', vary: 'A', etag: '"v1"' })
    expect(confirm({}, varied)!.keep?.vary).toEqual(['a'])
    expect(confirm({ vary: 'B' }, varied)!.keep?.vary).toEqual(['b'])
  })
})

describe('a HEAD that the handler answered (rule 42)', () => {
  it.each([
    [{ etag: '"v1"', 'content-length': '5' }, false],
    [{ etag: '"v2"' }, true],
    [{ 'content-length': '6' }, true],
    [{ 'last-modified': 'Sun, 17 Jul 2016 09:00:01 GMT' }, true],
    [{}, false],
  ])('%o contradicts the page: %s', (fields, contradicted) => {
    expect(contradicts(fields, stored, LATER)).toBe(contradicted)
  })
})
