/** What the compiler infers from a configuration and from a call, and what it refuses. */
import { describe, expectTypeOf, it } from 'vitest'
import type { Cache, Ttl } from '../../src/index.ts'
import { createCaches, file, memory, object, values } from '../../src/index.ts'

interface User {
  name: string
}

const caches = createCaches({
  default: { backend: memory() },
  users: { backend: object(), values: values<User>() },
  disk: { backend: file({ directory: 'entries' }) },
})

describe('the registry', () => {
  it('knows its aliases, and no other', () => {
    expectTypeOf(caches.default).toExtend<Cache<unknown>>()
    expectTypeOf(caches.users).toExtend<Cache<User>>()
    // @ts-expect-error no such alias
    caches.nope
    expectTypeOf(caches.get('known at run time')).toEqualTypeOf<Cache>()
  })

  it('is one default cache in memory without a configuration', () => {
    expectTypeOf(createCaches().default.sync.get('k')).toEqualTypeOf<unknown>()
  })

  it('refuses an alias without a backend, and an option nobody knows', () => {
    // @ts-expect-error no backend
    createCaches({ default: { ttl: 5 } })
    // @ts-expect-error no such option
    memory({ maxEntrys: 5 })
  })
})

describe('sync', () => {
  it('is there where the backend lives in the process, with the same values', () => {
    expectTypeOf(caches.users.sync.get('k')).toEqualTypeOf<User | undefined>()
    expectTypeOf(caches.default.sync.incr('n')).toEqualTypeOf<number | undefined>()
    // @ts-expect-error files are not read in the same turn
    caches.disk.sync
  })

  it('takes no load that answers a promise', () => {
    // @ts-expect-error a promise is no User
    caches.users.sync.getOrSet('k', async () => ({ name: 'Ada' }))
  })
})

describe('get', () => {
  it('gives the type of the cache, of the call, or of the default beside it', async () => {
    expectTypeOf(await caches.default.get('k')).toEqualTypeOf<unknown>()
    expectTypeOf(await caches.users.get('k')).toEqualTypeOf<User | undefined>()
    expectTypeOf(await caches.default.get<User>('k')).toEqualTypeOf<User | undefined>()
    expectTypeOf(await caches.default.get<User>('k', { default: null })).toEqualTypeOf<User | null>()
    expectTypeOf(await caches.users.get('k', { default: 0 })).toEqualTypeOf<User | number>()
    expectTypeOf(await caches.default.getMany<User>(['k'])).toEqualTypeOf<Map<string, User>>()
  })

  it('takes no default by position', () => {
    // @ts-expect-error say { default }
    caches.default.get('k', 'default')
  })
})

describe('getOrSet', () => {
  it('infers the value from the load, and tells the load of the stale one', async () => {
    expectTypeOf(await caches.default.getOrSet('k', () => ({ name: 'Ada' }))).toEqualTypeOf<User>()
    expectTypeOf(await caches.default.getOrSet('k', async () => 1)).toEqualTypeOf<number>()
    await caches.users.getOrSet('k', ({ key, signal, stale }) => {
      expectTypeOf(key).toEqualTypeOf<string>()
      expectTypeOf(signal).toEqualTypeOf<AbortSignal>()
      expectTypeOf(stale).toEqualTypeOf<User | undefined>()
      return { name: 'Ada' }
    })
  })

  it('refuses what the cache does not hold', () => {
    // @ts-expect-error a User
    caches.users.getOrSet('k', () => 'Ada')
    // @ts-expect-error a User
    caches.users.set('k', 'Ada')
  })
})

describe('ttl', () => {
  it('is seconds, a number with its unit, or null', () => {
    expectTypeOf<5 | 0.5 | null | '500ms' | '30s' | '15m' | '2h' | '7d'>().toExtend<Ttl>()
    expectTypeOf<'30'>().not.toExtend<Ttl>()
    expectTypeOf<'5 minutes'>().not.toExtend<Ttl>()
    expectTypeOf<undefined>().not.toExtend<Ttl>()
  })
})
