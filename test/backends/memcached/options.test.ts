/** Options are refused where they are made, and never shown. */
import { expect, it } from 'vitest'
import { type MemcachedOptions, memcached } from '../../../src/backends/memcached/memcached.ts'
import { settleOptions } from '../../../src/backends/memcached/options.ts'
import { checkCaches } from '../../../src/index.ts'

function refusal(options: unknown): Error & { code?: string } {
  try {
    memcached(options as MemcachedOptions)
  } catch (error) {
    return error as Error
  }
  throw new Error('not refused')
}

it('a name that is none is refused, with the nearest right one', () => {
  expect(refusal({ server: 'a' })).toMatchObject({ code: 'UNKNOWN_OPTION', name: 'TypeError' })
  expect(refusal({ server: 'a' }).message).toMatch(/did you mean "servers"/)
  expect(refusal({ protocol: 'metta' }).message).toMatch(/did you mean 'meta'/)
})

it.each([
  [{ opTimeout: 0 }, RangeError],
  [{ maxInFlight: 1.5 }, RangeError],
  [{ connectTimeout: '5' }, TypeError],
  [{ servers: [] }, TypeError],
  [{ servers: 'a:99999' }, RangeError],
  [{ servers: 'a,a' }, TypeError],
  [{ hash: 'crc' }, TypeError],
  [{ clear: 'everything' }, TypeError],
  [{ clear: 'epoch', protocol: 'text' }, TypeError],
  [{ clear: 'epoch', ejectDead: true }, TypeError],
  [{ username: 'anna' }, TypeError],
  [{ tls: 'yes' }, TypeError],
  [{ servers: 'memcached://a?binari=true' }, TypeError],
  [{ servers: 'memcached://a?binary=maybe' }, TypeError],
  [new Date(), TypeError],
])('%j is refused with a coded error', (options, kind) => {
  const error = refusal(options)
  expect(error).toBeInstanceOf(kind)
  expect(error.code).toMatch(/^(INVALID|UNKNOWN)_/)
})

it('NC-10 MEM-01 servers as a list, a string with , or ;, and a URL, are the same', () => {
  const { client } = settleOptions({ servers: 'memcached://a:1;b?distribution=modula&hash=md5' })
  expect(client).toMatchObject({ servers: 'a:1;b', distribution: 'modula', hash: 'md5' })
  for (const servers of ['a:1;b', 'a:1,b', ['a:1', 'b'], 'memcached://a:1,b']) memcached({ servers })
})

it('NC-11 binary=false in a URL means false', () => {
  for (const no of ['false', '0', 'no', 'off', '']) {
    expect(settleOptions({ servers: `memcached://a?binary=${no}` }).protocol).toBe('meta')
  }
  expect(settleOptions({ servers: 'memcached://a?binary=true' }).protocol).toBe('binary')
  expect(settleOptions({ servers: 'memcached://a?binary=false', protocol: 'text' }).protocol).toBe('text')
})

it('A password in a URL is used, and no message shows it', () => {
  const { client } = settleOptions({ servers: 'memcacheds://anna:s%40crit;@a:1' })
  expect(client).toMatchObject({ servers: 'a:1', username: 'anna', password: 's@crit;', tls: true })
  for (const options of [
    { servers: 'memcached://anna:s3cret@a:1:2' },
    { servers: 'memcached://anna:s3cret%@a' },
    { servers: 'redis://anna:s3cret@a' },
    { servers: 'anna:s3cret@a' },
    { servers: 'memcached://s3cret@a' },
    { password: 's3cret ' },
    { username: 'anna', password: 's3cret with spaces' },
  ]) {
    expect(refusal(options).message).not.toMatch(/s3cret/)
  }
})

it.each<[MemcachedOptions, string[]]>([
  [{}, []],
  [{ servers: 'a,b' }, []],
  [{ servers: 'a', username: 'anna', password: 'word' }, ['memcached.W001']],
  [{ servers: 'memcached://anna:word@127.0.0.1,a' }, ['memcached.W001']],
  [{ servers: 'memcacheds://anna:word@a' }, []],
  [{ servers: 'localhost,unix:/run/m.sock,[::1]', username: 'anna', password: 'word' }, []],
  [{ servers: 'a,b', ejectDead: true }, ['memcached.W002']],
  [{ servers: 'a', ejectDead: true }, []],
])('checkCaches finds in %j: %j', (options, ids) => {
  const found = checkCaches({ default: { backend: memcached(options) } })
  expect(found.map(({ id, alias }) => `${alias} ${id}`)).toEqual(ids.map((id) => `default ${id}`))
  expect(JSON.stringify(found)).not.toContain('word@')
})
