import { describe, expect, it } from 'vitest'
import { invalidatedUrls } from '../../../src/http/policy/invalidate.ts'
import type { PageUrl } from '../../../src/http/policy/page-key.ts'

const URL_OF_REQUEST: PageUrl = { scheme: 'https', host: 'example.com:8443', target: '/a/b?c=1' }
const targets = (fields = {}, method = 'POST', status = 200) =>
  invalidatedUrls(method, URL_OF_REQUEST, status, fields).map((url) => url.target)

describe('what an unsafe request makes invalid', () => {
  it.each(['POST', 'PUT', 'DELETE', 'PATCH', 'M-SEARCH', 'FOO', 'get'])(
    'rule 44: %s, its own URL',
    (method) => {
      expect(targets({}, method)).toEqual(['/a/b?c=1'])
    },
  )

  it.each(['GET', 'HEAD', 'OPTIONS', 'TRACE', 'QUERY'])('rule 44: %s is safe', (method) => {
    expect(targets({ location: '/x' }, method)).toEqual([])
  })

  it.each([
    [200, 1],
    [204, 1],
    [303, 1],
    [399, 1],
    [100, 0],
    [400, 0],
    [404, 0],
    [500, 0],
  ])('rule 44: a status of %i invalidates %i URLs', (status, count) => {
    expect(targets({}, 'DELETE', status)).toHaveLength(count)
  })

  it.each([
    ['/x?y', '/x?y'],
    ['x', '/a/x'],
    ['../x', '/x'],
    ['?d', '/a/b?d'],
    ['https://example.com:8443/x#frag', '/x'],
    ['//EXAMPLE.com:8443/x', '/x'],
  ])('rule 45: %s in Location or Content-Location, of the same origin', (reference, target) => {
    expect(targets({ location: reference })).toEqual(['/a/b?c=1', target])
    expect(targets({ 'content-location': reference })).toEqual(['/a/b?c=1', target])
    expect(targets({ location: reference, 'content-location': '/z' })).toEqual(['/a/b?c=1', target, '/z'])
  })

  it.each([
    'http://example.com:8443/x',
    'https://example.com/x',
    'https://evil/x',
    '//evil/x',
    'https://',
    'javascript:x',
    'https://a@b@c:x',
  ])('rule 45: never %s, which is of another origin or no URL', (reference) => {
    expect(targets({ location: reference, 'content-location': reference })).toEqual(['/a/b?c=1'])
  })

  it('names each URL once', () => {
    expect(targets({ location: '/a/b?c=1', 'content-location': '/x' })).toEqual(['/a/b?c=1', '/x'])
  })
})
