import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { MAX_TARGET, type PageUrl, pageKey, pageUrl, type Scheme } from '../../../src/http/policy/page-key.ts'

const url = (target: string, host: string | string[] | undefined = 'example.com', scheme: Scheme = 'http') =>
  pageUrl(scheme, target, { host })
const key = (...args: Parameters<typeof url>) => pageKey('', url(...args) as PageUrl)

describe('the URL of a page', () => {
  it('attack 2: only the letter case of the host is dropped', () => {
    expect(url('/a', 'Example.COM:8080')).toEqual({ scheme: 'http', host: 'example.com:8080', target: '/a' })
  })

  it.each([
    ['user@evil', 'host-invalid'],
    ['a b', 'host-invalid'],
    ['a/b', 'host-invalid'],
    ['a:port', 'host-invalid'],
    ['a:', 'host-invalid'],
    ['a:123456', 'host-invalid'],
    ['a,b', 'host-invalid'],
    ['a..b', 'host-invalid'],
    ['.a', 'host-invalid'],
    ['%61', 'host-invalid'],
    ['a\\b', 'host-invalid'],
    ['a\tb', 'host-invalid'],
    ['[::1', 'host-invalid'],
    ['é.com', 'host-invalid'],
    ['', 'host-invalid'],
    ['a'.repeat(300), 'host-invalid'],
    [['a', 'b'], 'host-ambiguous'],
    [['a', 'a'], 'host-ambiguous'],
  ])('A71: Host %s passes by: %s', (host, reason) => {
    expect(url('/', host)).toBe(reason)
  })

  it('A71: no Host, or :authority against Host', () => {
    expect(pageUrl('http', '/', {})).toBe('host-missing')
    expect(pageUrl('http', '/', { host: 'a', ':authority': 'b' })).toBe('host-ambiguous')
    expect(pageUrl('http', '/', { host: 'a', ':authority': 'A' })).toMatchObject({ host: 'a' })
    expect(pageUrl('http', '/', { ':authority': 'a:1' })).toMatchObject({ host: 'a:1' })
  })

  it('attack 2: hosts that are not on the list pass by', () => {
    const hosts = new Set(['example.com'])
    expect(pageUrl('http', '/', { host: 'EXAMPLE.com' }, hosts)).toMatchObject({ host: 'example.com' })
    expect(pageUrl('http', '/', { host: 'example.com:81' }, hosts)).toBe('host-unknown')
  })

  it.each([
    'localhost',
    'a.b.c',
    'xn--bcher-kva.example',
    '127.0.0.1:3000',
    '[::1]:3000',
    'a_b.c',
    'example.com.',
  ])('Host %s is one', (host) => {
    expect(url('/', host)).toMatchObject({ host })
  })

  it.each([
    ['*', 'target-form'],
    ['example.com:80', 'target-form'],
    ['http://evil/a', 'target-form'],
    ['', 'target-form'],
    ['/a b', 'target-invalid'],
    ['/a#b', 'target-invalid'],
    ['/a\r\nb', 'target-invalid'],
    ['/a\0', 'target-invalid'],
    [`/${'a'.repeat(MAX_TARGET)}`, 'target-too-long'],
  ])('target %s passes by: %s', (target, reason) => {
    expect(url(target)).toBe(reason)
  })

  it('rule 15, A58, A74, A75: what a router could tell apart is never one page', () => {
    const keys = [
      key('/a'),
      key('/A'),
      key('/a/'),
      key('/a?'),
      key('/a?x=1'),
      key('/a?x=1&y=2'),
      key('/a?y=2&x=1'),
      key('/a?x=1;y=2'),
      key('/a?x=1&x=1'),
      key('/a?x=%31'),
      key('/a?x=+'),
      key('/a?x=%20'),
      key('/%61'),
      key('//a'),
      key('/./a'),
      key('/b/../a'),
      key('/a%2f'),
      key('/a;x'),
      key('/a%00'),
      key('/a%3f'),
      key('/a%23'),
      key('/a\\'),
      key('/a', 'example.com:80'),
      key('/a', 'example.com:443'),
      key('/a', 'example.com.'),
      key('/a', 'example.com', 'https'),
      key('/a', 'www.example.com'),
    ]
    expect(new Set(keys).size).toBe(keys.length)
  })

  it('attack 23: a part cannot reach into the next', () => {
    const bare = { scheme: 'http', host: 'a', target: '/b' } as const
    expect(pageKey('', bare)).not.toBe(pageKey('', { ...bare, host: 'a/b', target: '' }))
    expect(pageKey('x', bare)).not.toBe(pageKey('', { ...bare, host: 'xa' }))
  })

  it('attack 23: no two prefixes, hosts and targets make the same key', () => {
    const text = fc.stringMatching(/^[0-9:/ahtps]{0,8}$/)
    const parts = fc.record({
      prefix: text,
      scheme: fc.constantFrom<Scheme>('http', 'https'),
      host: text,
      target: text,
    })
    fc.assert(
      fc.property(parts, parts, (a, b) => {
        const same = pageKey(a.prefix, a) === pageKey(b.prefix, b)
        expect(same).toBe(JSON.stringify(a) === JSON.stringify(b))
      }),
      { numRuns: 3000 },
    )
  })
})
