/** What a job answers, by the state of what is there; by the rules of cacheback, and where it is to be better. */
import { describe, expect, it } from 'vitest'
import { defineJob } from '../../src/refresh/index.ts'
import { gate, rest } from '../core/kit.ts'
import { jobKit } from './kit.ts'
import { QueueOfTexts, queueRunner } from './queue.ts'

describe('get', () => {
  it('CB-5 CB-31 CB-78 what is missing is loaded while the caller waits, once for all of them', async () => {
    const { job, loads } = jobKit()
    const answers = await Promise.all(Array.from({ length: 50 }, () => job.get('a')))
    expect(new Set(answers)).toEqual(new Set(['a 1']))
    expect(loads()).toBe(1)
  })

  it('CB-1 CB-33 a value is fresh for 600 s, and at that instant no longer', async () => {
    const { job, clock, ran } = jobKit()
    await job.get('a')
    clock.advance(599_999)
    expect((await job.inspect('a')).status).toBe('fresh')
    clock.advance(1)
    expect((await job.inspect('a')).status).toBe('stale')
    expect(await job.get('a')).toBe('a 1')
    await ran()
    expect(await job.get('a')).toBe('a 2')
  })

  it('CB-34 a stale value is served at once, however many ask, and made anew once', async () => {
    const { job, clock, loads, next, ran } = jobKit()
    await job.get('a')
    clock.advance(600_000)
    const { open, wait } = gate()
    next.load = async (id, n) => {
      await wait
      return `${id} ${n}`
    }
    for (let i = 0; i < 20; i++) expect(await job.get('a')).toBe('a 1')
    await ran()
    expect(await job.get('a')).toBe('a 1')
    expect(loads()).toBe(2)
    open()
    await ran()
    expect(await job.get('a')).toBe('a 2')
  })

  it('CB-35 says that a value is being refreshed, and how old it truly is', async () => {
    const { job, clock, next, ran } = jobKit()
    await job.get('a')
    clock.advance(700_000)
    const { open, wait } = gate()
    next.load = async () => {
      await wait
      return 'new'
    }
    await job.get('a')
    expect(await job.inspect('a')).toMatchObject({ value: 'a 1', status: 'refreshing', age: 700 })
    open()
    await ran()
    expect(await job.inspect('a')).toMatchObject({ value: 'new', status: 'fresh', age: 0 })
  })

  it('CB-2 CB-36 asks again when a refresh has not come within refreshTimeout, and not before', async () => {
    const queue = new QueueOfTexts()
    const { job, clock, ran } = jobKit({ runner: queueRunner(queue) })
    await job.get('a')
    clock.advance(600_000)
    const asked = async () => {
      await job.get('a')
      await ran()
      return queue.texts.length
    }
    expect(await asked()).toBe(1)
    queue.waiting.length = 0 // lost
    clock.advance(59_999)
    expect(await asked()).toBe(1)
    clock.advance(1)
    expect(await asked()).toBe(2)
  })

  it('CB-23 CB-32 with loadOnMiss: false answers empty(), asks once, and stores no placeholder', async () => {
    const { caches } = jobKit()
    let loads = 0
    const job = defineJob({
      name: 'lists',
      cache: caches.default,
      load: async (id: string) => {
        loads++
        return [id]
      },
      loadOnMiss: false,
      empty: () => null,
    })
    expect(await Promise.all([job.get('a'), job.get('a')])).toEqual([null, null])
    expect((await job.inspect('a')).status).toBe('missing')
    await rest(10)
    expect(await job.get('a')).toEqual(['a'])
    expect(loads).toBe(1)
  })

  it('CB-6 CB-27 CB-37 waits for a load where the value is older than loadWhenOlderThan: 900 s not, a millisecond more', async () => {
    const { job, clock, next } = jobKit({ loadWhenOlderThan: 900, runner: queueRunner(new QueueOfTexts()) })
    await job.set(['a'], 'old')
    next.load = async () => 'new'
    clock.advance(900_000)
    expect(await job.get('a')).toBe('old')
    clock.advance(1)
    expect(await job.get('a')).toBe('new')
  })

  it('CB-74 reads in between do not make a value younger', async () => {
    const { job, clock, next } = jobKit({ loadWhenOlderThan: '15m', runner: queueRunner(new QueueOfTexts()) })
    await job.get('a')
    let tries = 0
    next.load = async () => {
      tries++
      throw new Error('the source is down')
    }
    for (let i = 0; i < 30; i++) {
      clock.advance(30_000)
      expect(await job.get('a')).toBe('a 1')
    }
    expect(tries).toBe(0)
    clock.advance(30_000)
    expect((await job.inspect('a')).age).toBe(930)
    expect(await job.get('a')).toBe('a 1')
    expect(tries).toBe(1)
  })

  it('softTimeout ends the wait for a load where there is a stale value', async () => {
    const { job, clock, next } = jobKit({ loadWhenOlderThan: '11m', softTimeout: '20ms' })
    await job.get('a')
    next.load = () => new Promise(() => {})
    clock.advance(700_000)
    expect(await job.get('a')).toBe('a 1')
  })

  it('CB-77 what the load throws reaches who has nothing to fall back on, as thrown, and nothing is stored', async () => {
    const { job, next } = jobKit()
    for (const thrown of [new Error('down'), 'a text', undefined]) {
      next.load = () => Promise.reject(thrown)
      await expect(job.get('a')).rejects.toBe(thrown)
    }
    expect((await job.inspect('a')).status).toBe('missing')
  })

  it('CB-38 null is a value; undefined is answered and not stored', async () => {
    const { caches } = jobKit()
    let answer: null | undefined = null
    const job = defineJob({ name: 'nothing', cache: caches.default, load: async () => answer })
    expect(await job.get()).toBe(null)
    expect((await job.inspect()).status).toBe('fresh')
    await job.delete()
    answer = undefined
    expect(await job.get()).toBe(undefined)
    expect((await job.inspect()).status).toBe('missing')
  })

  it('CB-28 processResult shapes the answer and not what is stored, and knows how it came', async () => {
    const { clock, caches } = jobKit()
    const calls: unknown[] = []
    const job = defineJob({
      name: 'shaped',
      cache: caches.default,
      load: async (id: string) => ({ id }),
      processResult: ({ id }, call) => {
        calls.push(call)
        return id.toUpperCase()
      },
    })
    expect(await job.get('a')).toBe('A')
    await job.get('a')
    clock.advance(600_000)
    await job.get('a')
    await job.get('a')
    expect(calls).toEqual([
      { args: ['a'], status: 'missing', waited: true },
      { args: ['a'], status: 'fresh', waited: undefined },
      { args: ['a'], status: 'stale', waited: false },
      { args: ['a'], status: 'refreshing', waited: false },
    ])
    expect((await job.inspect('a')).value).toEqual({ id: 'a' })
  })

  it('CB-22 the lifetime may depend on the arguments', async () => {
    const { clock, caches } = jobKit()
    const job = defineJob({
      name: 'own',
      cache: caches.default,
      load: async (seconds: number) => seconds,
      lifetime: (seconds) => seconds,
    })
    await job.getMany([10, 20])
    await job.set([30], 30)
    clock.advance(10_000)
    expect((await job.inspect(10)).status).toBe('stale')
    expect((await job.inspect(20)).status).toBe('fresh')
    clock.advance(20_000)
    expect((await job.inspect(20)).status).toBe('stale')
    expect((await job.inspect(30)).status).toBe('stale')
  })

  it('CB-22 CB-26 CB-27 refreshTimeout, loadOnMiss and loadWhenOlderThan may depend on the arguments', async () => {
    const { clock, caches } = jobKit()
    const queue = new QueueOfTexts()
    const asked = () => queue.waiting.splice(0).length
    const isQuick = (id: string) => id === 'quick'
    const job = defineJob({
      name: 'each',
      cache: caches.default,
      runner: queueRunner(queue),
      load: async (id: string) => `new ${id}`,
      refreshTimeout: (id) => (isQuick(id) ? 10 : '5m'),
      loadOnMiss: isQuick,
      loadWhenOlderThan: (id) => (isQuick(id) ? '11m' : '12m'),
      empty: () => 'nothing',
    })
    expect(await job.getMany(['quick', 'slow'])).toEqual(['new quick', 'nothing'])
    await Promise.all(['quick', 'slow'].map((id) => job.set([id], `old ${id}`)))
    asked()
    clock.advance(600_000)
    expect(await job.getMany(['quick', 'slow'])).toEqual(['old quick', 'old slow'])
    await rest(10)
    expect(asked()).toBe(2)
    clock.advance(10_000)
    await job.getMany(['quick', 'slow'])
    await rest(10)
    expect(asked()).toBe(1)
    clock.advance(50_001)
    expect(await job.getMany(['quick', 'slow'])).toEqual(['new quick', 'old slow'])
  })

  it('CB-3 CB-30 CB-39 a value is kept for 30 days, and at that instant it is gone', async () => {
    const { job, clock, next } = jobKit()
    await job.set(['a'], 'old')
    next.load = () => Promise.reject(new Error('the source is down'))
    clock.advance(30 * 86_400_000 - 1)
    expect(await job.get('a')).toBe('old')
    clock.advance(1)
    await expect(job.get('a')).rejects.toThrow('the source is down')
  })

  it('refreshAhead renews behind the caller while the value is fresh', async () => {
    const { job, clock, ran } = jobKit({ refreshAhead: 0.9 })
    await job.get('a')
    clock.advance(540_000)
    expect(await job.get('a')).toBe('a 1')
    await ran()
    expect(await job.inspect('a')).toMatchObject({ value: 'a 2', age: 0 })
  })

  it('CB-62 a query that asks its database anew each time it is awaited is awaited once', async () => {
    const { caches } = jobKit()
    let asked = 0
    const query = Object.defineProperty({}, 'then', {
      value: (resolve: (rows: number[]) => unknown) => {
        asked++
        resolve([1])
      },
    }) as PromiseLike<number[]>
    const job = defineJob({ name: 'query', cache: caches.default, load: () => query })
    expect(await job.get()).toEqual([1])
    expect(asked).toBe(1)
  })

  it('getMany answers in order, of lists and of lone arguments', async () => {
    const { job, loads } = jobKit()
    expect(await job.getMany(['a', ['b'], 'a'])).toEqual(['a 1', 'b 2', 'a 1'])
    expect(loads()).toBe(2)
    expect(await job.getMany([])).toEqual([])
  })

  it('CB-9 CB-17 CB-39 inspect has no effect, and knows every instant', async () => {
    const { job, clock, loads, ran } = jobKit()
    expect(await job.inspect('a')).toMatchObject({ value: undefined, status: 'missing' })
    await job.get('a')
    clock.advance(600_000)
    const seen = await job.inspect('a')
    await ran()
    expect(await job.inspect('a')).toEqual(seen)
    expect(seen).toMatchObject({ status: 'stale', value: 'a 1', age: 600 })
    expect(seen.staleAt).toBe(seen.createdAt! + 600_000)
    expect(seen.expiresAt).toBe(seen.createdAt! + 30 * 86_400_000)
    expect(loads()).toBe(1)
  })
})
