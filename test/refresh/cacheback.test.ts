/** Functions wrapped and methods decorated. */
import { describe, expect, it } from 'vitest'
import { cacheback, type Job, refreshWith } from '../../src/refresh/index.ts'
import { rest } from '../core/kit.ts'
import { jobKit } from './kit.ts'
import { QueueOfTexts, queueRunner } from './queue.ts'

async function double(number: number, _unit = 'm'): Promise<number> {
  return number * 2
}

describe('cacheback(options)(fn)', () => {
  it('CB-54 keeps name, length and the function, and has its job', async () => {
    const { caches, clock } = jobKit()
    const cached = cacheback({ name: 'double', cache: caches.default, lifetime: '5m' })(double)
    expect([cached.name, cached.length, cached.fn]).toEqual(['double', 1, double])
    expect(await cached(21)).toBe(42)
    expect(await cached.job.inspect(21)).toMatchObject({ value: 42, status: 'fresh' })
    clock.advance(300_000)
    expect((await cached.job.inspect(21)).status).toBe('stale')
    await cached.job.set([21], 43)
    expect(await cached(21)).toBe(43)
    expect(await cached.job.invalidate(21)).toBe(true)
    await rest(10)
    expect(await cached(21)).toBe(42)
  })

  it('CB-45 CB-46 wrappers of two names do not share a key, though the function is one', async () => {
    const { caches } = jobKit()
    const [one, two] = ['one', 'two'].map((name) => cacheback({ name, cache: caches.default })(double))
    await one!.job.set([1], 100)
    expect(await two!(1)).toBe(2)
  })

  it('CB-52 CB-55 CB-56 CB-57 wraps any function where it is called, with the options of a job', async () => {
    const { caches, clock } = jobKit()
    const math = { triple: async (number: number) => number * 3 }
    const options = {
      name: 'triple',
      cache: caches.default,
      lifetime: 5,
      storeFor: '1h',
      retries: 0,
    } as const
    const [one, two] = [cacheback(options)(math.triple), cacheback(options)(math.triple)]
    expect(one.job).not.toBe(two.job)
    expect([one.job, one.job.name]).toEqual([one.job, 'triple'])
    expect(await one(1)).toBe(3)
    clock.advance(5_000)
    expect((await two.job.inspect(1)).status).toBe('stale')
  })

  it('CB-52 loadOnMiss and empty, processResult and key are its own too', async () => {
    const { caches } = jobKit()
    const patient = cacheback({ name: 'patient', cache: caches.default, loadOnMiss: false, empty: () => -1 })(
      double,
    )
    expect(await patient(1)).toBe(-1)
    const shaped = cacheback({
      name: 'shaped',
      cache: caches.default,
      processResult: (value: number) => `${value} m`,
    })(double)
    expect(await shaped(1)).toBe('2 m')
  })

  it('CB-59 what is no function is refused, and a name is needed for a queue', () => {
    const { caches } = jobKit()
    const wrap = cacheback({ name: 'a', cache: caches.default })
    expect(() => wrap('double' as never)).toThrow(expect.objectContaining({ code: 'INVALID_FUNCTION' }))
    const runner = queueRunner(new QueueOfTexts())
    expect(() => cacheback({ cache: caches.default, runner })(double)).toThrow(
      expect.objectContaining({ code: 'INVALID_JOB_NAME' }),
    )
    expect(() => cacheback({ name: 'a', cache: caches.default, load: double } as never)).toThrow(
      expect.objectContaining({ code: 'UNKNOWN_OPTION' }),
    )
  })
})

describe('cacheback(fn), bare', () => {
  it('CB-53 takes the name of the function', async () => {
    const cached = cacheback(double)
    expect(cached.job.name).toBe('double')
    expect(await cached(4)).toBe(8)
    expect((await cached.job.inspect(4)).status).toBe('fresh')
  })

  it('CB-59 a function without a name is refused', () => {
    expect(() => cacheback(async () => 1)).toThrow(expect.objectContaining({ code: 'INVALID_JOB_NAME' }))
  })

  it('stays in the process, though a queue is bound', async () => {
    const { caches, clock } = jobKit()
    const queue = new QueueOfTexts()
    const mine = refreshWith({ cache: caches.default, runner: queueRunner(queue) })
    const cached = mine.cacheback(double)
    await cached(4)
    clock.advance(600_000)
    await cached(4)
    await rest(10)
    expect((await cached.job.inspect(4)).status).toBe('fresh')
    expect(queue.texts).toEqual([])
  })
})

/** What a compiler makes of `@decorator name() {}`: vitest leaves the syntax as it is, which Node cannot read. */
function decorated(Class: new () => object, name: string, decorator: unknown): void {
  const context = {
    kind: 'method',
    name,
    addInitializer() {},
  }
  const made = (decorator as (method: unknown, context: unknown) => unknown)(
    Class.prototype[name as never],
    context,
  )
  Object.defineProperty(Class.prototype, name, { value: made, configurable: true, writable: true })
}

describe('@cacheback', () => {
  it('decorates methods, which run on an instance; this is no part of the key', async () => {
    const { caches, clock } = jobKit()
    class Shop {
      factor = 3
      async price(net: number): Promise<number> {
        return net * this.factor
      }
    }
    decorated(Shop, 'price', cacheback({ name: 'price', cache: caches.default }))
    const shop = new Shop()
    expect(await shop.price(2)).toBe(6)
    expect(await new Shop().price(2)).toBe(6)
    clock.advance(600_000)
    await shop.price(2)
    await rest(10)
    const { job } = shop.price as unknown as { job: Job<[number], number> }
    expect(await job.inspect(2)).toMatchObject({ status: 'fresh', value: 6 })
  })

  it('CB-53 bare too, and works with super', async () => {
    class Base {
      async greeting(name: string): Promise<string> {
        return `hello ${name}`
      }
    }
    decorated(Base, 'greeting', cacheback)
    class Loud extends Base {
      override async greeting(name: string): Promise<string> {
        return (await super.greeting(name)).toUpperCase()
      }
    }
    expect(await new Loud().greeting('ann')).toBe('HELLO ANN')
    expect(await new Base().greeting('ann')).toBe('hello ann')
  })

  it('anything but a method is refused', () => {
    const decorate = cacheback as unknown as (fn: unknown, context: unknown) => unknown
    expect(() => decorate(class {}, { kind: 'class', name: 'A' })).toThrow(
      expect.objectContaining({ code: 'INVALID_DECORATOR' }),
    )
  })
})
