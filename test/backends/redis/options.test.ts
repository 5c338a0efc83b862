import { inspect } from 'node:util'
import { Redis } from 'ioredis'
import { describe, expect, it } from 'vitest'
import { redis } from '../../../src/backends/redis/redis.ts'

/** What a configuration from JavaScript may hold. */
function refused(options: unknown): Error & { code?: string } {
  try {
    // @ts-expect-error what the types refuse must be refused without them
    redis(options).close()
  } catch (error) {
    if (error instanceof Error) return error
  }
  throw new Error('accepted')
}

describe('A10 what is no URL of ours is refused at start, and never shown', () => {
  it.each([
    'redis://:hunter2@a b',
    'http://:hunter2@host',
    'file:///hunter2',
    'javascript:hunter2',
    'localhost:6379',
    'redis://:hunter2%zz@host',
    'redis://:hunter2@host:99999',
    'redis://:hunter2@host/one',
    'redis://:hunter2@host?sslmode=hunter2',
    'redis://good,redis://:hunter2@ bad',
    ['redis://good', 'hunter2'],
    [],
    '',
    42,
    [null],
  ])('%j', (url) => {
    const error = refused({ url })
    expect(error).toBeInstanceOf(TypeError)
    expect(error.code).toBe('INVALID_OPTION')
    expect(inspect(error)).not.toContain('hunter2')
  })

  it.each([
    'redis://127.0.0.1',
    'rediss://user:p%40ss@host:6380/3',
    'valkey://[::1]:7000',
    'unix:///run/redis.sock?db=2',
    '/run/redis.sock',
    'redis://one;redis://two,redis://three',
    ['redis://one', 'redis://two'],
    undefined,
  ])('and %j is taken', (url) => {
    redis(url === undefined ? {} : { url }).close()
  })
})

describe('A11 options that cannot be meant are refused at start', () => {
  it.each([
    [{ ulr: 'redis://x' }, /did you mean "url"/],
    [{ opTimeout: '250' }, /opTimeout/],
    [{ opTimeout: 0 }, /opTimeout/],
    [{ connectTimeout: Number.NaN }, /connectTimeout/],
    [{ maxInFlight: -1 }, /maxInFlight/],
    [{ readFrom: 'replicas' }, /did you mean 'replica'/],
    [{ driver: 'redis' }, /driver/],
    [{ db: 1.5 }, /db/],
    [{ tls: 'yes' }, /tls/],
    [{ clientOptions: [] }, /clientOptions/],
    [{ password: 1 }, /password/],
    [{ url: 'redis://x', cluster: ['x:1'] }, /contradict/],
    [{ sentinels: ['x:1'] }, /name/],
    [{ sentinels: [], name: 'x' }, /sentinels/],
    [{ url: 'redis://x', name: 'x' }, /name/],
    [{ cluster: [{ host: 'x', port: 'y' }] }, /cluster/],
    [{ cluster: ['x:1'], db: 1 }, /db does not go with cluster/],
    [{ client: {}, url: 'redis://x' }, /contradict/],
    [{ client: {} }, /client/],
    [{ client: 'x' }, /client/],
    [null, /object/],
  ])('%o', (options, why) => {
    expect(refused(options).message).toMatch(why)
  })

  it('a client with a keyPrefix of its own, which clear() could not see', () => {
    const client = new Redis({ lazyConnect: true, keyPrefix: 'x:' })
    expect(refused({ client }).message).toMatch(/keyPrefix/)
    client.disconnect()
  })
})

it('A10 the error of a server that is not there shows no password, however deep one looks', async () => {
  for (const driver of ['ioredis', 'node-redis'] as const) {
    const backend = redis({
      url: 'redis://shop:hunter2@127.0.0.1:1',
      driver,
      clientOptions: { password: 'hunter3' },
    })
    const error: unknown = await backend
      .get(
        { prefix: '', version: 1, plain: true, start: ':', frame: (key) => key, owns: () => true },
        'secret-key',
      )
      .catch((reason: unknown) => reason)
    expect(error).toMatchObject({ code: 'ECONNREFUSED' })
    expect(inspect(error, { depth: 9, showHidden: true })).not.toMatch(/hunter|secret-key/)
    backend.close()
  }
})
