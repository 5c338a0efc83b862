import { describe, expect, it } from 'vitest'
import { expiryOnWire } from '../../../../src/backends/memcached/client/expiry.ts'
import { memcachedClient } from '../../../../src/backends/memcached/client/index.ts'
import { settle } from '../../../../src/backends/memcached/client/options.ts'
import { parseServers } from '../../../../src/backends/memcached/client/servers.ts'

const names = (servers: Parameters<typeof parseServers>[0]) => parseServers(servers).map(({ name }) => name)

describe('servers', () => {
  it('MEM-01 a list and a string split at ; or , are equal; the port may be left out', () => {
    const expected = ['a:11211', 'b:1234']
    expect(names(['a', 'b:1234'])).toEqual(expected)
    expect(names('a;b:1234')).toEqual(expected)
    expect(names('a , b:1234')).toEqual(expected)
  })

  it('MEM-01 IPv6 in brackets, unix: and a bare path', () => {
    expect(names('[::1]:1234,[fe80::1]')).toEqual(['[::1]:1234', '[fe80::1]:11211'])
    expect(parseServers('[::1]:1234')[0]).toMatchObject({ host: '::1', port: 1234 })
    expect(names('unix:/run/m.sock;/run/n.sock;unix:///run/o.sock')).toEqual([
      'unix:/run/m.sock',
      'unix:/run/n.sock',
      'unix:/run/o.sock',
    ])
  })

  it('weights come in objects', () => {
    expect(parseServers([{ host: 'a', weight: 3 }, 'b']).map(({ weight }) => weight)).toEqual([3, 1])
    expect(names([{ host: '::1', port: 5 }, { host: '[::2]' }, { path: '/m' }])).toEqual([
      '[::1]:5',
      '[::2]:11211',
      'unix:/m',
    ])
  })

  it.each([
    '',
    'a,',
    'a:',
    'a:0',
    'a:65536',
    'a:b',
    '::1',
    'memcached://a',
    'user:secret@a:1',
    'a b',
    'a\r\nb',
    'unix:relative',
    'a,a:11211',
  ])('%j is refused, without repeating it', (servers) => {
    expect(() => parseServers(servers)).toThrow(expect.objectContaining({ code: 'INVALID_OPTION' }))
    try {
      parseServers(servers)
    } catch (error) {
      expect(String(error)).not.toContain('secret')
    }
  })

  it('objects with a wrong name, weight, or both a host and a path are refused', () => {
    for (const server of [
      { host: 'a', wieght: 2 },
      { host: 'a', weight: 0 },
      { host: 'a', weight: 1.5 },
      { host: 'a', path: '/m' },
      {},
      null,
      5,
    ]) {
      // @ts-expect-error: not all of these are servers
      expect(() => parseServers([server])).toThrow(expect.objectContaining({ code: 'INVALID_OPTION' }))
    }
    expect(() => parseServers([])).toThrow('at least one')
  })
})

describe('options', () => {
  it('are checked by name and kind before anything is connected', () => {
    for (const options of [
      { server: 'a' },
      { timout: 5 },
      { timeout: 0 },
      { timeout: '250' },
      { timeout: Infinity },
      { timeout: Number.NaN },
      { protocol: 'ascii' },
      { protocol: 'toString' },
      { distribution: 'random' },
      { hash: 'crc' },
      { distribution: 'modula', hash: 'sha1' },
      { ejectDead: 'true' },
      { tls: 'yes' },
      { maxPending: 0 },
      { onState: 5 },
      null,
      5,
    ]) {
      // @ts-expect-error: not all of these are options
      expect(() => memcachedClient(options), JSON.stringify(options)).toThrow(
        expect.objectContaining({ code: 'INVALID_OPTION' }),
      )
    }
  })

  it('user name and password go together, hold nothing that ends a word, and never get into a message', () => {
    for (const options of [
      { username: 'u' },
      { password: 's3cret' },
      { username: 'u', password: 's3 cret' },
      { username: 'u', password: 's3\r\ncret' },
      { username: '', password: 's3cret' },
      { username: 'u', password: 's3\0cret', protocol: 'binary' as const },
    ]) {
      expect(() => settle(options)).toThrow(expect.objectContaining({ code: 'INVALID_OPTION' }))
      expect(() => settle(options)).not.toThrow(/s3/)
    }
    expect(settle({ username: 'u', password: 'with space', protocol: 'binary' }).credentials).toBeDefined()
  })

  it('have defaults, and are frozen', () => {
    const settings = settle()
    expect(settings).toMatchObject({ protocol: 'meta', distribution: 'ketama', hash: 'crc', timeout: 250 })
    expect(settings.servers[0]?.name).toBe('127.0.0.1:11211')
    expect(Object.isFrozen(settings)).toBe(true)
  })
})

describe('expiries on the wire', () => {
  it('MEM-05 NC-16 up to 30 days relative, more as an instant, beyond 2038 never', () => {
    const now = Math.floor(Date.now() / 1000)
    expect(expiryOnWire(undefined)).toBe(0)
    expect(expiryOnWire(0.4)).toBe(1)
    expect(expiryOnWire(2_591_941)).toBe(2_591_941)
    expect(expiryOnWire(2_592_000)).toBe(2_592_000)
    expect(expiryOnWire(2_592_000.5)).toBeGreaterThanOrEqual(now + 2_592_001)
    expect(expiryOnWire(2_592_001) - now - 2_592_001).toBeLessThanOrEqual(1)
    expect(expiryOnWire(1e15)).toBe(0)
    expect(expiryOnWire(0)).toBe(-1)
    expect(expiryOnWire(-5)).toBe(-1)
  })
})
