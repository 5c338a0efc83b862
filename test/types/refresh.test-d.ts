/** What the types of jobs say: inferred from the load, and refused where they would lie. */
import { describe, expectTypeOf, it } from 'vitest'
import { createCaches, memory } from '../../src/index.ts'
import { cacheback, defineJob, inProcess, Job, refreshWith, worker } from '../../src/refresh/index.ts'

interface Tweet {
  id: number
}

const caches = createCaches({ default: { backend: memory() } })
const cache = caches.default
const load = async (_user: string, _count = 10): Promise<Tweet[]> => []
const tweets = defineJob({ name: 'tweets', cache, load })

describe('defineJob', () => {
  it('infers arguments and value from the load', () => {
    expectTypeOf(tweets.get).parameters.toEqualTypeOf<[user: string, count?: number]>()
    expectTypeOf(tweets.get('a')).resolves.toEqualTypeOf<Tweet[]>()
    expectTypeOf(tweets.refresh('a')).resolves.toEqualTypeOf<Tweet[]>()
    expectTypeOf(tweets.getMany([['a'], ['b', 2]])).resolves.toEqualTypeOf<Tweet[][]>()
    expectTypeOf(tweets.set(['a'], [])).resolves.toEqualTypeOf<boolean>()
    expectTypeOf<Awaited<ReturnType<typeof tweets.inspect>>['status']>().toEqualTypeOf<
      'missing' | 'fresh' | 'stale' | 'refreshing' | 'expired'
    >()
    expectTypeOf<Awaited<ReturnType<typeof tweets.inspect>>['value']>().toEqualTypeOf<Tweet[] | undefined>()
  })

  it('a lone argument needs no list in getMany', () => {
    const one = defineJob({ name: 'one', cache, load: (id: number) => id })
    expectTypeOf(one.getMany([1, [2]])).resolves.toEqualTypeOf<number[]>()
    // @ts-expect-error two arguments
    tweets.getMany(['a'])
  })

  it('with loadOnMiss: false the answer may be what empty() gives, else undefined', () => {
    const lists = defineJob({ name: 'lists', cache, load, loadOnMiss: false, empty: () => null })
    expectTypeOf(lists.get('a')).resolves.toEqualTypeOf<Tweet[] | null>()
    const nothing = defineJob({ name: 'nothing', cache, load, loadOnMiss: false })
    expectTypeOf(nothing.get('a')).resolves.toEqualTypeOf<Tweet[] | undefined>()
    const unused = defineJob({ name: 'unused', cache, load, loadOnMiss: true, empty: () => [] })
    expectTypeOf(unused.get('a')).resolves.toEqualTypeOf<Tweet[]>()
  })

  it('processResult, lifetime and key know the arguments', () => {
    const count = defineJob({
      name: 'count',
      cache,
      load,
      lifetime: (user) => (user === 'a' ? '1m' : 60),
      key: (user) => user,
      processResult: (list, { args }) => `${list.length} ${args[0].length}`,
    })
    expectTypeOf(count.get('a')).resolves.toEqualTypeOf<string>()
    expectTypeOf(count.refresh('a')).resolves.toEqualTypeOf<Tweet[]>()
  })

  it('so do refreshTimeout, loadWhenOlderThan and loadOnMiss, which may then answer what empty() gives', () => {
    const each = defineJob({
      name: 'each',
      cache,
      load,
      refreshTimeout: (user) => user.length,
      loadWhenOlderThan: (_user, count) => (count === 1 ? '1m' : '2m'),
      loadOnMiss: (user) => user === 'a',
      empty: () => null,
    })
    expectTypeOf(each.get('a')).resolves.toEqualTypeOf<Tweet[] | null>()
  })

  it('refuses what cannot be right', () => {
    // @ts-expect-error no name
    defineJob({ cache, load })
    // @ts-expect-error no cache
    defineJob({ name: 'a', load })
    // @ts-expect-error a duration that is none
    defineJob({ name: 'a', cache, load, lifetime: '10 minutes' })
    // @ts-expect-error null is no lifetime
    defineJob({ name: 'a', cache, load, lifetime: null })
    // @ts-expect-error an unknown policy
    defineJob({ name: 'a', cache, load, onQueueError: 'retry' })
    // @ts-expect-error no such option
    defineJob({ name: 'a', cache, load, lifetme: 5 })
    // @ts-expect-error a wrong argument
    tweets.get(42)
    // @ts-expect-error a missing one
    tweets.invalidate()
    // @ts-expect-error arguments are a list
    tweets.set('a', [])
    // @ts-expect-error another value
    tweets.set(['a'], 'text')
  })
})

describe('cacheback', () => {
  it('keeps the arguments and promises the value', () => {
    const cached = cacheback({ name: 'tweets', cache })(load)
    expectTypeOf(cached('a')).resolves.toEqualTypeOf<Tweet[]>()
    expectTypeOf(cached.job).toEqualTypeOf<Job<[user: string, count?: number], Tweet[], Tweet[]>>()
    const patient = cacheback({ name: 'tweets', cache, loadOnMiss: false, empty: () => null })(load)
    expectTypeOf(patient('a')).resolves.toEqualTypeOf<Tweet[] | null>()
    const shaped = cacheback({ name: 'tweets', cache, processResult: (list: Tweet[]) => list.length })(load)
    expectTypeOf(shaped('a')).resolves.toEqualTypeOf<number>()
    expectTypeOf(cacheback(load)('a')).resolves.toEqualTypeOf<Tweet[]>()
    // @ts-expect-error no cache
    cacheback({ name: 'tweets' })
    // @ts-expect-error a wrong argument
    cached(42)
  })

  it('decorates asynchronous methods, and no others', () => {
    class Shop {
      @cacheback({ name: 'price', cache })
      async price(net: number): Promise<number> {
        return net
      }

      @cacheback
      async name(): Promise<string> {
        return ''
      }

      // @ts-expect-error a method that answers at once would not any more
      @cacheback({ name: 'now', cache })
      now(): number {
        return 1
      }
    }
    expectTypeOf(new Shop().price(1)).resolves.toEqualTypeOf<number>()
  })
})

describe('the others', () => {
  it('refreshWith binds the cache', () => {
    const mine = refreshWith({ cache, runner: inProcess(), lifetime: '5m' })
    expectTypeOf(mine.defineJob({ name: 'a', load }).get('a')).resolves.toEqualTypeOf<Tweet[]>()
    expectTypeOf(mine.cacheback({ name: 'a' })(load)('a')).resolves.toEqualTypeOf<Tweet[]>()
    // @ts-expect-error a load is each job's own
    refreshWith({ load })
  })

  it('a class says its arguments and value, and must load and be named', () => {
    class UserTweets extends Job<[user: string], Tweet[]> {
      readonly name = 'tweets'
      load(user: string) {
        return load(user)
      }
    }
    expectTypeOf(new UserTweets().get('a')).resolves.toEqualTypeOf<Tweet[]>()
    // @ts-expect-error no load
    class Idle extends Job<[], number> {
      readonly name = 'idle'
    }
    class Wrong extends Job<[], number> {
      readonly name = 'wrong'
      // @ts-expect-error another value
      load() {
        return 'text'
      }
    }
    worker({ jobs: [new UserTweets(), tweets, cacheback(load)] })
    return [Idle, Wrong]
  })
})
