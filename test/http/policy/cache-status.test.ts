import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { cacheStatus, forwardFor } from '../../../src/http/policy/cache-status.ts'

describe('Cache-Status (RFC 9211)', () => {
  it.each([
    ['a hit', { hit: true, ttl: 376 }, 'ours; hit; ttl=376'],
    ['a stale hit', { hit: true, ttl: -412 }, 'ours; hit; ttl=-412'],
    [
      'a miss that was stored',
      { fwd: 'uri-miss', stored: true, ttl: 60 },
      'ours; fwd=uri-miss; ttl=60; stored',
    ],
    ['a collapsed miss', { fwd: 'uri-miss', collapsed: true }, 'ours; fwd=uri-miss; collapsed'],
    ['a page that still held', { fwd: 'stale', fwdStatus: 304 }, 'ours; fwd=stale; fwd-status=304'],
    ['a hit excludes fwd', { hit: true, fwd: 'miss' }, 'ours; hit'],
    ['a reason', { fwd: 'bypass', detail: 'request-body' }, 'ours; fwd=bypass; detail=request-body'],
    ['a key', { hit: true, key: '0:http:1:a/"\\é\r\n' }, 'ours; hit; key="0:http:1:a/\\"\\\\???"'],
    ['whole seconds', { hit: true, ttl: 1.9 }, 'ours; hit; ttl=1'],
    ['no minus nought, no number too long', { hit: true, ttl: -0.5 }, 'ours; hit; ttl=0'],
  ] as const)('rule 51: %s', (_, status, expected) => {
    expect(cacheStatus(undefined, 'ours', status)).toBe(expected)
  })

  it('is put behind what is there, never in its place', () => {
    expect(cacheStatus('origin; hit', 'ours', { fwd: 'miss' })).toBe('origin; hit, ours; fwd=miss')
  })

  it('a name that is no token is a string', () => {
    expect(cacheStatus(undefined, 'our "cache"', { hit: true })).toBe('"our \\"cache\\""; hit')
    expect(cacheStatus(undefined, '9', { hit: true })).toBe('"9"; hit')
  })

  it('attack 9: whatever stands in key and detail, nothing else gets into the field', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), fc.string({ unit: 'binary' }), (key, detail) => {
        const value = cacheStatus(undefined, 'ours', { hit: true, key, detail })
        expect(value).toMatch(
          /^ours; hit; key="(?:[\x20\x21\x23-\x5b\x5d-\x7e]|\\["\\])*"; detail=(?:[A-Za-z*][!#$%&'*+.^_`|~0-9A-Za-z:/-]*|"(?:[\x20\x21\x23-\x5b\x5d-\x7e]|\\["\\])*")$/,
        )
      }),
    )
  })

  it('has a word for each of our reasons', () => {
    expect(
      ['method', 'request-body', 'host-invalid', 'cookie'].map((reason) => forwardFor(reason as never)),
    ).toEqual(['method', 'bypass', 'bypass', 'bypass'])
    expect(forwardFor('vary-miss')).toBe('vary-miss')
    expect(forwardFor('authorization')).toBe('miss')
  })
})
