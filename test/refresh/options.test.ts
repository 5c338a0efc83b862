/** What a job is told, as options and as a class, and what is refused. */
import { createHash } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { createCaches, memory } from '../../src/index.ts'
import { defineJob, Job, refreshWith } from '../../src/refresh/index.ts'
import { rest } from '../core/kit.ts'
import { jobKit } from './kit.ts'
import { QueueOfTexts, queueRunner } from './queue.ts'

const { caches } = jobKit()
const right = { name: 'right', cache: caches.default, load: async (id: string) => id }

describe('options', () => {
  it.each([
    ['lifetme', { ...right, lifetme: 5 }, 'UNKNOWN_OPTION', 'did you mean "lifetime"'],
    ['a name with a space', { ...right, name: 'two words' }, 'INVALID_JOB_NAME', 'name'],
    ['no name', { ...right, name: undefined }, 'INVALID_JOB_NAME', 'name'],
    ['no cache', { ...right, cache: undefined }, 'INVALID_OPTION', 'cache'],
    ['another cache', { ...right, cache: new Map() }, 'INVALID_CACHE', 'createCaches'],
    ['no load', { ...right, load: 'fetch' }, 'INVALID_OPTION', 'load'],
    ['a bad lifetime', { ...right, lifetime: '10 minutes' }, 'INVALID_TTL', 'lifetime'],
    ['a lifetime of null', { ...right, lifetime: null }, 'INVALID_TTL', 'lifetime'],
    ['NaN', { ...right, refreshTimeout: Number.NaN }, 'INVALID_TTL', 'refreshTimeout'],
    ['storeFor of nothing', { ...right, storeFor: 0 }, 'INVALID_OPTION', 'storeFor'],
    ['a negative age', { ...right, loadWhenOlderThan: -1 }, 'INVALID_TTL', 'loadWhenOlderThan'],
    ['loadOnMiss: 1', { ...right, loadOnMiss: 1 }, 'INVALID_OPTION', 'loadOnMiss'],
    ['a word', { ...right, onQueueError: 'serve-stal' }, 'INVALID_OPTION', "did you mean 'serve-stale'"],
    ['a runner that is none', { ...right, runner: {} }, 'INVALID_OPTION', 'runner'],
    ['half a retry', { ...right, retries: 0.5 }, 'INVALID_OPTION', 'retries'],
    ['a priority', { ...right, priority: 1_000 }, 'INVALID_OPTION', 'priority'],
    ['empty as a value', { ...right, empty: [] }, 'INVALID_OPTION', 'empty'],
    ['refreshAhead', { ...right, refreshAhead: 2 }, 'INVALID_OPTION', 'refreshAhead'],
    ['no options', undefined, 'INVALID_OPTIONS', 'defineJob()'],
  ])('CB-21 %s is refused when the job is defined', (_what, options, code, says) => {
    let error: unknown
    try {
      defineJob(options as never)
    } catch (thrown) {
      error = thrown
    }
    expect(error).toMatchObject({ code, message: expect.stringContaining(says) })
    expect(error instanceof TypeError || error instanceof RangeError).toBe(true)
  })

  it("CB-67 the runner's own check refuses a job's queue options when the job is defined", () => {
    const runner = {
      ...queueRunner(new QueueOfTexts()),
      check: (where: string, queue: unknown) => {
        if (queue !== undefined) throw new TypeError(`${where}: no such queue`)
      },
    }
    expect(() => defineJob({ ...right, runner, queue: 'high' })).toThrow('job "right": queue: no such queue')
  })

  it('CB-49 CB-51 arguments that no key can be made of are refused at the first call, by place and not by value', async () => {
    const job = defineJob({
      name: 'any',
      cache: caches.default,
      load: async (thing: unknown) => typeof thing,
    })
    await expect(job.get({ request: { on() {} } })).rejects.toMatchObject({
      code: 'INVALID_ARGUMENTS',
      message: expect.stringContaining('arguments[0].request.on is a function'),
    })
  })

  interface Request {
    path: string
    on?: () => void
  }
  const byPath = {
    name: 'own',
    cache: caches.default,
    key: (request: Request) => request.path,
    load: async (request: Request) => request.path,
  }

  it('CB-24 CB-25 a key rule takes what ours cannot, in process', async () => {
    const job = defineJob(byPath)
    expect(await job.get({ path: '/a', on() {} })).toBe('/a')
    expect(job.key({ path: '/a' })).toBe('/a')
    await expect(job.get({ path: '' })).rejects.toMatchObject({ code: 'INVALID_KEY' })
  })

  it('CB-59 CB-63 with a queue, arguments that cannot travel are refused at the first call, key rule or not', async () => {
    const job = defineJob({ ...byPath, runner: queueRunner(new QueueOfTexts()) })
    await expect(job.get({ path: '/a', on() {} })).rejects.toMatchObject({ code: 'INVALID_ARGUMENTS' })
  })

  it('a lifetime beyond storeFor ends with it, and one of nothing is stale at once', async () => {
    const { clock, caches } = jobKit()
    const mine = { ...right, cache: caches.default }
    const long = defineJob({ ...mine, name: 'long', lifetime: '1d', storeFor: '1h' })
    const brief = defineJob({ ...mine, name: 'brief', lifetime: 0 })
    await Promise.all([long.get('a'), brief.get('a')])
    clock.advance(1)
    expect((await brief.inspect('a')).status).toBe('stale')
    clock.advance(3_599_998)
    expect((await long.inspect('a')).status).toBe('fresh')
    clock.advance(1)
    expect(['expired', 'missing']).toContain((await long.inspect('a')).status)
  })

  it('CB-10 CB-49 CB-50 a key is the name and a digest of the arguments, the same in every process', () => {
    const key = (...args: unknown[]) =>
      defineJob({ ...right, load: async (..._args: unknown[]) => 1 }).key(...args)
    expect(key()).toBe('right:T1PNoYwrqgwDVLtfmj7L5e0Sq02OEbqHPC8RFhICuUU')
    expect(key('42', { b: 1n, a: [null] })).toBe('right:GXQzjKpTzoaeIt8MRd1ckMH__Aj_wEEVL0xaOAxKqq0')
  })

  it('CB-40 CB-41 CB-42 CB-43 CB-44 a key rule can rebuild the keys of cacheback', () => {
    const md5 = (parts: unknown[]) => createHash('md5').update(parts.join(':')).digest('hex')
    const job = defineJob({
      ...right,
      load: async (_args: unknown[], _named: Record<string, unknown> = {}) => 1,
      key(args, named = {}) {
        const names = Object.keys(named).sort()
        if (names.length > 0)
          return ['path.Job', md5(args), md5(names), md5(names.map((name) => named[name]))].join(':')
        return args.length > 0 ? `path.Job:${md5(args)}` : 'path.Job'
      },
    })
    expect(job.key([])).toBe('path.Job')
    expect(job.key([1, 2, 3])).toBe('path.Job:7b6e2994f12a7e000c01190edec1921e')
    expect(job.key(['foo'])).toBe('path.Job:acbd18db4cc2f85cedef654fccc4a4d8')
    expect(job.key([1, 2], { foo: 'bar', bar: 'baz' })).toBe(
      'path.Job:def474a313bffa002eae8941b2e12620:8856328b99ee7881e9bf7205296e056d:c9ebc77141c29f6d619cf8498631343d',
    )
    expect(job.key([], { foo: 'bar', bar: 'baz' })).toMatch(/^path\.Job:d41d8cd98f00b204e9800998ecf8427e:/)
  })

  it('CB-4 CB-11 jobs of one name in two caches have values of their own', async () => {
    const two = createCaches({ default: { backend: memory() }, special: { backend: memory() } })
    const [one, other] = [two.default, two.special].map((cache) => defineJob({ ...right, cache }))
    await one!.set(['a'], 'one')
    expect(await other!.inspect('a')).toMatchObject({ status: 'missing' })
    expect(await one!.get('a')).toBe('one')
  })

  it('CB-7 CB-16 an argument may be named or be anything: the value of set is apart', async () => {
    const job = defineJob({ ...right, load: async (call: { data: string }) => call.data })
    await job.set([{ data: 'argument' }], 'value')
    expect(await job.get({ data: 'argument' })).toBe('value')
  })

  it('CB-16 set wants a list of arguments', async () => {
    const job = defineJob(right)
    await expect(job.set('a' as never, 'b')).rejects.toMatchObject({ code: 'INVALID_ARGUMENTS' })
  })
})

describe('refreshWith', () => {
  it('binds defaults, which a job overrides', async () => {
    const { clock, caches } = jobKit()
    const mine = refreshWith({ cache: caches.default, lifetime: '5m' })
    const bound = mine.defineJob({ name: 'bound', load: async () => 1 })
    const own = mine.defineJob({ name: 'own', lifetime: '1h', load: async () => 1 })
    await Promise.all([bound.get(), own.get()])
    clock.advance(300_000)
    expect((await bound.inspect()).status).toBe('stale')
    expect((await own.inspect()).status).toBe('fresh')
    expect(() => refreshWith({ load: 1 } as never)).toThrow('unknown option "load"')
  })
})

describe('class Job', () => {
  it('takes options as fields and functions as methods', async () => {
    const { clock, caches } = jobKit()
    class UserTweets extends Job<[userId: string], string[]> {
      readonly name = 'user-tweets'
      override cache = caches.default
      override lifetime = '5m' as const
      prefix = 'tweet of '
      load(userId: string) {
        return [this.prefix + userId]
      }
    }
    const tweets = new UserTweets()
    expect(await tweets.get('ann')).toEqual(['tweet of ann'])
    clock.advance(300_000)
    expect((await tweets.inspect('ann')).status).toBe('stale')
    expect(tweets.key('ann')).toMatch(/^user-tweets:[\w-]{43}$/)
  })

  it('overrides key, empty and processResult, and is checked when first used', async () => {
    const { caches } = jobKit()
    class Odd extends refreshWith({ cache: caches.default }).Job<[id: number], number, string> {
      readonly name: string = 'odd'
      override loadOnMiss = false
      load(id: number) {
        return id
      }
      override key(id: number) {
        return `odd-${id}`
      }
      override empty(id: number) {
        return -id
      }
      override processResult(value: number) {
        return String(value)
      }
    }
    const odd = new Odd()
    expect(await odd.get(1)).toBe('-1')
    await rest(10)
    expect(await odd.get(1)).toBe('1')
    expect((await caches.default.inspect('odd-1')).value).toBe(1)
    class Wrong extends Odd {
      override retries = -1
    }
    await expect(new Wrong().get(1)).rejects.toMatchObject({ code: 'INVALID_OPTION' })
  })
})
