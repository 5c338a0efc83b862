import { createHash } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { ketama } from '../../../../src/backends/memcached/client/ketama.ts'
import { type ModulaHash, modula } from '../../../../src/backends/memcached/client/modula.ts'
import { murmur3, rendezvous } from '../../../../src/backends/memcached/client/rendezvous.ts'
import { parseServers, type ServerOptions } from '../../../../src/backends/memcached/client/servers.ts'

// What libmemcached 1.1.4 (memcached_generate_hash), python-memcached 1.59 and pymemcache 3.5.2 answer for these keys:
// one digit a key, the index of its server.
const KEYS = [...Array.from({ length: 40 }, (_, i) => `key:${i}`), ...['é', '日本語', 'a b', 'x'.repeat(200)]]

const FOUR = parseServers('10.0.1.1:11211,10.0.1.2:11211,10.0.1.3:11212,10.0.1.4:11211')
const WEIGHTED = parseServers([
  '10.0.1.1',
  { host: '10.0.1.2', weight: 2 },
  { host: '10.0.1.3', port: 11_212, weight: 7 },
  { host: '10.0.1.4', weight: 3 },
])

const picked = (place: (key: string) => number, keys = KEYS) => keys.map(place).join('')

describe('ketama, as libmemcached with KETAMA_WEIGHTED', () => {
  it('equal servers', () => {
    const servers = parseServers('10.0.1.1:11212;10.0.1.2:11212;10.0.1.3:11212')
    expect(picked(ketama(servers))).toBe('00120000012120010121202111001222100120010120')
  })

  it('the default port is left out of the label', () => {
    const servers = parseServers('10.0.1.1,10.0.1.2:11211,10.0.1.3:11212')
    expect(picked(ketama(servers))).toBe('02121102002121121201202112002121221212210120')
  })

  // The digests are of what libmemcached answered for all of them, one digit a key.
  it.each<[string, (string | ServerOptions)[], string]>([
    [
      'equal',
      ['10.0.1.1', '10.0.1.2:11211', '10.0.1.3:11212'],
      '903d3f2569c9d066392a1d93cc1834a8afbd480f8fa3793a4d00b718c52eacca',
    ],
    [
      'weighted',
      ['10.0.1.1', { host: '10.0.1.2', weight: 2 }, { host: '10.0.1.3', port: 11_212, weight: 7 }],
      'ab3068d676543b7f063dbbe67bbdcb4e6ccc8a340a299bd7e95615a2bc03bc30',
    ],
  ])('3,000 keys on three servers, %s', (_weights, servers, digest) => {
    const keys = Array.from({ length: 3_000 }, (_, i) => `shop:1:${i}`)
    const places = picked(ketama(parseServers(servers)), keys)
    expect(createHash('sha256').update(places).digest('hex')).toBe(digest)
  })

  it('weights', () => {
    expect(picked(ketama(WEIGHTED))).toBe('33133122332222221302232323302133221222223220')
  })

  it('names, weights and a unix socket', () => {
    const servers = parseServers([
      'cache-a.example',
      { host: 'cache-b.example', port: 11_300, weight: 5 },
      { path: '/run/memcached/m.sock', weight: 2 },
    ])
    expect(picked(ketama(servers))).toBe('01211220101212101201222202120112112111111210')
  })

  it('IPv6 addresses', () => {
    const servers = parseServers('[::1]:11212,[::1]:11213,[fe80::1]')
    expect(picked(ketama(servers))).toBe('12112210212021111121222211212021002101211011')
  })

  it('a fourth server takes keys from the three, and moves none between them', () => {
    const three = ketama(FOUR.slice(0, 3))
    const four = ketama(FOUR)
    const keys = Array.from({ length: 3000 }, (_, i) => `shop:1:${i}`)
    const moved = keys.filter((key) => three(key) !== four(key))
    expect(moved.every((key) => four(key) === 3)).toBe(true)
    expect(moved.length).toBeGreaterThan(450)
    expect(moved.length).toBeLessThan(1050)
  })
})

describe('modula', () => {
  it.each<[ModulaHash, string]>([
    ['jenkins', '10132013223303133021310002332330331220332031'],
    ['md5', '32230220210032112310111200202020213123112000'],
    ['crc', '03211230300321123030123003212121033012120303'],
    ['fnv1a', '21032103213012301230032103210312301230121321'],
  ])('%s, as libmemcached', (hash, expected) => {
    expect(picked(modula(FOUR, hash))).toBe(expected)
  })

  it('NC-12 crc with weights, as python-memcached', () => {
    expect(picked(modula(WEIGHTED, 'crc'))).toBe('31222223222233221022212222133233112120120223')
  })
})

describe('rendezvous, as pymemcache', () => {
  it('murmur3 over the low bytes of code points', () => {
    const texts = ['', 'a', 'ab', 'abc', 'abcd', '日本語é', '🎈x']
    expect(texts.map(murmur3)).toEqual([
      0, 1009084850, 2613040991, 3017643002, 1139631978, 583683381, 2447604698,
    ])
  })

  it('TCP and unix servers', () => {
    const servers = parseServers('10.0.1.1:11211,10.0.1.2:11211,10.0.1.3:11212,unix:/run/memcached/m.sock')
    expect(picked(rendezvous(servers), [...KEYS, '🎈🎈', '日本語é🎈x'])).toBe(
      '3011220123202031102130002230330230313122212021',
    )
  })
})
