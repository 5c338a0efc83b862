import { describe, expectTypeOf, it } from 'vitest'
import type { Backend } from '../../src/core/backend.ts'
import type { Cache, SyncCache } from '../../src/core/cache.ts'
import { createCaches, values } from '../../src/index.ts'

interface User {
  name: string
}

declare const inProcess: Backend & { readonly sync: true }
declare const networked: Backend & { readonly sync: false }
declare const unsure: Backend

const caches = createCaches({
  default: { backend: inProcess },
  users: { backend: networked, values: values<User>(), ttl: '15m', staleFor: '1h' },
  unsure: { backend: unsure, ttl: null },
})
const { users } = caches

describe('aliases', () => {
  it('are typed by the configuration; an unknown one is a type error', () => {
    expectTypeOf(caches.default).toExtend<Cache>()
    expectTypeOf(users).toExtend<Cache<User>>()
    // @ts-expect-error no such alias
    caches.nope
    expectTypeOf(caches.get('nope')).toEqualTypeOf<Cache>()
    expectTypeOf(caches.all()).toEqualTypeOf<Cache[]>()
    expectTypeOf([...caches]).toEqualTypeOf<string[]>()
  })

  it('have sync only where the backend says so literally', () => {
    expectTypeOf(caches.default.sync).toEqualTypeOf<SyncCache>()
    // @ts-expect-error answers later
    users.sync
    // @ts-expect-error nobody knows
    caches.unsure.sync
  })
})

describe('get', () => {
  it('gives the type of the alias, of the call, and of the default', () => {
    expectTypeOf(caches.default.get('k')).resolves.toEqualTypeOf<unknown>()
    expectTypeOf(caches.default.get<User>('k')).resolves.toEqualTypeOf<User | undefined>()
    expectTypeOf(caches.default.get<User>('k', { default: null })).resolves.toEqualTypeOf<User | null>()
    expectTypeOf(users.get('k')).resolves.toEqualTypeOf<User | undefined>()
    expectTypeOf(users.get('k', { default: null })).resolves.toEqualTypeOf<User | null>()
    expectTypeOf(users.get('k', { default: 5 as number })).resolves.toEqualTypeOf<User | number>()
    expectTypeOf(users.get('k', { default: { name: 'x' } })).resolves.toEqualTypeOf<User>()
    expectTypeOf(users.get('k', { version: 2, stale: true })).resolves.toEqualTypeOf<User | undefined>()
    expectTypeOf(caches.default.sync.get<User>('k')).toEqualTypeOf<User | undefined>()
  })

  it('takes no default in second place', () => {
    // @ts-expect-error a default is { default }
    users.get('k', 'x')
  })
})

describe('writes', () => {
  it('take values of the alias, and ttls', () => {
    users.set('k', { name: 'x' })
    users.set('k', { name: 'x' }, 30)
    users.set('k', { name: 'x' }, null)
    users.set('k', { name: 'x' }, '500ms')
    users.set('k', { name: 'x' }, { ttl: '7d', version: 2, staleFor: '1h' })
    // @ts-expect-error no User
    users.set('k', 5)
    // @ts-expect-error no unit
    users.set('k', { name: 'x' }, '30')
    // @ts-expect-error no such unit
    users.set('k', { name: 'x' }, '30y')
    // @ts-expect-error no such option
    users.set('k', { name: 'x' }, { tll: 5 })
    // @ts-expect-error no boolean
    users.touch('k', true)
    users.setMany({ a: { name: 'x' } }, 60)
    users.setMany(new Map([['a', { name: 'x' }]]))
    users.setMany([['a', { name: 'x' }]])
    // @ts-expect-error no User
    users.setMany({ a: 5 })
    expectTypeOf(users.set('k', { name: 'x' })).resolves.toEqualTypeOf<boolean>()
    expectTypeOf(users.setMany({})).resolves.toEqualTypeOf<string[]>()
    expectTypeOf(users.incr('k')).resolves.toEqualTypeOf<number | undefined>()
    expectTypeOf(users.getMany(['k'])).resolves.toEqualTypeOf<Map<string, User>>()
  })
})

describe('getOrSet', () => {
  it('gives what the load makes, a promise or not, or the plain value', () => {
    expectTypeOf(caches.default.getOrSet('k', () => 5)).resolves.toEqualTypeOf<number>()
    expectTypeOf(caches.default.getOrSet('k', async () => ({ a: 1 }))).resolves.toEqualTypeOf<{ a: number }>()
    expectTypeOf(caches.default.getOrSet('k', 'plain', 100)).resolves.toExtend<string>()
    expectTypeOf(users.getOrSet('k', async () => ({ name: 'x' }))).resolves.toEqualTypeOf<{ name: string }>()
    // @ts-expect-error no User
    users.getOrSet('k', () => 5)
  })

  it('tells the load its context, with the type of the alias', () => {
    users.getOrSet('k', ({ key, signal, background, stale, ttl, staleFor, keep }) => {
      expectTypeOf(key).toEqualTypeOf<string>()
      expectTypeOf(signal).toEqualTypeOf<AbortSignal>()
      expectTypeOf(background).toEqualTypeOf<boolean>()
      expectTypeOf(stale).toEqualTypeOf<User | undefined>()
      ttl('5m')
      staleFor(60)
      return stale ? keep() : { name: 'x' }
    })
    users.getOrSet('k', ({ skip }) => skip({ name: 'x' }), {
      softTimeout: '1s',
      hardTimeout: 5,
      refreshAhead: 0.8,
      fresh: true,
    })
  })

  it('in this turn takes no load that answers later', () => {
    expectTypeOf(caches.default.sync.getOrSet('k', () => 5)).toEqualTypeOf<number>()
  })
})

describe('events', () => {
  it('are told by their type', () => {
    users.on('miss', (event) => expectTypeOf(event.key).toEqualTypeOf<string>())
    users.on('backend-failed', (event) => expectTypeOf(event.error).toEqualTypeOf<unknown>())
    users.on('*', (event) => expectTypeOf(event.alias).toEqualTypeOf<string>())
    // @ts-expect-error no such event
    users.on('hits', () => {})
  })
})
