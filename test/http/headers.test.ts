import { IncomingMessage, ServerResponse } from 'node:http'
import { Socket } from 'node:net'
import { describe, expect, it } from 'vitest'
import * as forFetch from '../../src/http/adapters/fetch.ts'
import * as forNode from '../../src/http/adapters/node.ts'
import { ConditionalExchange } from '../../src/http/conditional.ts'
import {
  addNeverCacheHeaders,
  getMaxAge,
  hasVaryHeader,
  patchCacheControl,
  patchResponseHeaders,
  patchVaryHeaders,
} from '../../src/http/headers.ts'
import { purgedUrls } from '../../src/http/purge.ts'

const node = () => new ServerResponse(new IncomingMessage(new Socket()))

describe.each([
  [
    'a Node response',
    () => {
      const r = node()
      return { target: r, get: (n: string) => r.getHeader(n) }
    },
  ],
  [
    'Fetch headers',
    () => {
      const h = new Headers()
      return { target: h, get: (n: string) => h.get(n) ?? undefined }
    },
  ],
  [
    'a Fetch response',
    () => {
      const r = new Response()
      return { target: r, get: (n: string) => r.headers.get(n) ?? undefined }
    },
  ],
  [
    'a context',
    () => {
      const res = node()
      return { target: { res }, get: (n: string) => res.getHeader(n) }
    },
  ],
])('on %s', (_, make) => {
  it('HDR-01 HDR-04 directives merge in place, and the smaller max-age wins', () => {
    const { target, get } = make()
    patchCacheControl(target, { maxAge: '1h', private: true })
    patchCacheControl(target, { maxAge: 60, public: true })
    expect(get('cache-control')).toBe('max-age=60, public')
    expect(getMaxAge(target)).toBe(60)
  })

  it('HDR-09 nothing to say leaves the header unset', () => {
    const { target, get } = make()
    patchCacheControl(target, {})
    patchVaryHeaders(target, [])
    expect([get('cache-control'), get('vary')]).toEqual([undefined, undefined])
  })

  it('VRY-01 VRY-05 names are added once, in any letter case', () => {
    const { target, get } = make()
    patchVaryHeaders(target, ['Cookie'])
    patchVaryHeaders(target, ['cookie', 'Accept-Language'])
    expect(get('vary')).toBe('Cookie, Accept-Language')
    expect(hasVaryHeader(target, 'COOKIE')).toBe(true)
  })

  it('HDR-11 HDR-12 lifetimes, and none', () => {
    const lasting = make()
    patchResponseHeaders(lasting.target)
    expect(lasting.get('cache-control')).toBe('max-age=600')
    expect(lasting.get('expires')).toMatch(/^\w{3}, \d\d \w{3} \d{4} \d\d:\d\d:\d\d GMT$/)
    const never = make()
    addNeverCacheHeaders(never.target)
    expect(never.get('cache-control')).toBe('max-age=0, no-cache, no-store, must-revalidate, private')
  })
})

it('what is no response is refused, with a code', () => {
  expect(() => getMaxAge({} as Headers)).toThrow(expect.objectContaining({ code: 'INVALID_RESPONSE' }))
})

describe('conditional GET alone', () => {
  const hi = Buffer.from('hi')
  const verdict = (request: Record<string, string>, fields = {}, status = 200, method = 'GET') =>
    new ConditionalExchange(method, request).head(status, fields, hi)

  it('CND-02 a whole body without an ETag gets one', () => {
    expect(verdict({})).toEqual({ do: 'send', set: { etag: '"49f68a5c8493ec2c0bf489821c21fc3b"' } })
    expect(verdict({}, { 'cache-control': 'No-Store' })).toEqual({ do: 'send', set: {} })
    expect(verdict({}, { etag: '"a"' })).toEqual({ do: 'send', set: {} })
  })

  it('CND-01 CND-03 only GET, and only 2xx', () => {
    expect(verdict({ 'if-none-match': '*' }, {}, 200, 'HEAD').do).toBe('send')
    expect(verdict({ 'if-none-match': '*' }, {}, 301).do).toBe('send')
  })

  it('CND-04 CND-07 in the order of RFC 9110', () => {
    expect(verdict({ 'if-none-match': 'W/"a"' }, { etag: '"a"' }).do).toBe('not-modified')
    expect(verdict({ 'if-match': '"b"' }, { etag: '"a"' }).do).toBe('replace')
    expect(verdict({ 'if-match': 'W/"a"' }, { etag: 'W/"a"' }).do).toBe('replace')
    expect(verdict({ 'if-match': '"a"', 'if-none-match': '"a"' }, { etag: '"a"' }).do).toBe('not-modified')
    const date = 'Sun, 17 Jul 2016 10:00:00 GMT'
    expect(verdict({ 'if-modified-since': date }, { 'last-modified': date }).do).toBe('not-modified')
    const earlier = 'Sun, 17 Jul 2016 09:59:59 GMT'
    expect(verdict({ 'if-modified-since': earlier }, { 'last-modified': date }).do).toBe('send')
    expect(verdict({ 'if-unmodified-since': earlier }, { 'last-modified': date }).do).toBe('replace')
  })
})

it('HDR-14 a header middleware says so when it is given what is no request', async () => {
  const fault = expect.objectContaining({ name: 'TypeError', code: 'INVALID_REQUEST' })
  const inFetch = forFetch.cacheControl({ maxAge: 1 })
  expect(() => Reflect.apply(inFetch, undefined, ['nope'])).toThrow(fault)
  await expect(
    Reflect.apply(
      inFetch(() => new Response()),
      undefined,
      ['nope'],
    ),
  ).rejects.toThrow(fault)
  expect(() => Reflect.apply(forNode.neverCache(), undefined, ['nope'])).toThrow(fault)
})

describe('purge', () => {
  it('means the URL as it is written, as browsers ask for it, and with the port that goes without saying', () => {
    expect(purgedUrls('https://A.test/é?b')).toEqual(
      expect.arrayContaining([
        { scheme: 'https', host: 'a.test', target: '/%C3%A9?b' },
        { scheme: 'https', host: 'a.test:443', target: '/%C3%A9?b' },
      ]),
    )
  })

  it('refuses what has no host', () => {
    expect(() => purgedUrls('/about')).toThrow(expect.objectContaining({ code: 'INVALID_URL' }))
  })
})
