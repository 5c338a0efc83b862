/** A job when its load, its store or its queue fails: nothing unhandled, nothing too old, no storm on the source. */
import { afterEach, describe, expect, it, vi } from 'vitest'
import { ConfigError, createCaches, dummy, memory } from '../../src/index.ts'
import { defineJob, type OnQueueError, QueueError } from '../../src/refresh/index.ts'
import { failing, rest } from '../core/kit.ts'
import { plainBackend } from '../core/plain-backend.ts'
import { jobKit } from './kit.ts'
import { QueueOfTexts, queueRunner } from './queue.ts'

const unhandled: unknown[] = []
process.on('unhandledRejection', (error) => unhandled.push(error))
let warnings = 0
afterEach(async () => {
  vi.useRealTimers()
  vi.restoreAllMocks()
  await rest()
  expect(unhandled).toEqual([])
})

/** A job whose value is stale, and whose queue is down. */
async function stale(onQueueError?: OnQueueError) {
  const queue = new QueueOfTexts()
  const made = jobKit({ runner: queueRunner(queue), ...(onQueueError && { onQueueError }) })
  await made.job.get('a')
  made.clock.advance(600_000)
  queue.down = true
  return { ...made, queue }
}

describe('a load that fails', () => {
  it('CB-73 F64 leaves the stale value, and is not asked for again within refreshTimeout', async () => {
    const { job, clock, next, ran } = jobKit({ retries: 0 })
    await job.get('a')
    clock.advance(600_000)
    let tries = 0
    next.load = async () => {
      tries++
      throw new Error('down')
    }
    for (let i = 0; i < 60; i++) {
      expect(await job.get('a')).toBe('a 1')
      await ran()
      expect(tries).toBe(1)
      clock.advance(1_000)
    }
    await job.get('a')
    await ran()
    expect(tries).toBe(2)
  })

  it('F65 1,000 times: stale to the end of its time, then the error, and no rejection unhandled', async () => {
    const { job, clock, next, ran } = jobKit({ retries: 0, storeFor: 600 + 60_000 })
    await job.get('a')
    clock.advance(600_000)
    let tries = 0
    next.load = () => {
      tries++
      throw new Error('down')
    }
    for (let i = 0; i < 1_000; i++) {
      expect(await job.get('a')).toBe('a 1')
      await ran()
      clock.advance(60_000)
    }
    expect(tries).toBe(1_000)
    await expect(job.get('a')).rejects.toThrow('down')
  })

  it('CB-76 throws nothing while a stale value may be served, and a dead source is not asked by every caller', async () => {
    const { job, clock, next } = jobKit({ loadWhenOlderThan: '11m' })
    await job.get('a')
    let tries = 0
    next.load = () => {
      tries++
      throw new Error('down')
    }
    clock.advance(700_000)
    for (let i = 0; i < 20; i++) expect(await job.get('a')).toBe('a 1')
    expect(tries).toBe(1)
    clock.advance(1_000)
    expect(await job.get('a')).toBe('a 1')
    expect(tries).toBe(2)
  })

  it('F64 by never ending is given up after refreshTimeout, and asked for again', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
    const { job, clock, caches, next, ran } = jobKit({ retries: 0 })
    const errors: unknown[] = []
    caches.on('refresh-failed', ({ error }) => errors.push(error))
    await job.get('a')
    clock.advance(600_000)
    next.load = () => new Promise(() => {})
    await job.get('a')
    await ran()
    vi.advanceTimersByTime(60_000)
    await ran()
    expect(errors).toMatchObject([{ code: 'LOAD_TIMEOUT' }])
    next.load = async () => 'new'
    clock.advance(60_000)
    await job.get('a')
    await ran()
    expect(await job.get('a')).toBe('new')
  })

  it('CB-75 F69 the end is storeFor after the value was made, whatever is read meanwhile', async () => {
    const { job, clock, next } = jobKit({ storeFor: '1h', retries: 0 })
    await job.get('a')
    next.load = async () => {
      throw new Error('down')
    }
    for (let minutes = 1; minutes < 60; minutes++) {
      clock.advance(60_000)
      expect(await job.get('a')).toBe('a 1')
    }
    clock.advance(60_000)
    await expect(job.get('a')).rejects.toThrow('down')
  })
})

describe('a store that fails, or is closed', () => {
  it('F63 is a load for the caller, and no more', async () => {
    const backend = failing(plainBackend(false))
    const caches = createCaches({ default: { backend } })
    const job = defineJob({ name: 'job', cache: caches.default, load: async () => 'made' })
    backend.down = true
    expect(await job.get()).toBe('made')
    expect(await job.invalidate()).toBe(false)
    expect(await job.inspect()).toMatchObject({ status: 'missing' })
    backend.down = false
    await caches.close()
  })

  it('after close every verb rejects with ClosedError', async () => {
    const { job, caches } = jobKit()
    await job.get('a')
    await caches.close()
    for (const verb of [
      () => job.get('a'),
      () => job.getMany(['a']),
      () => job.inspect('a'),
      () => job.set(['a'], 'b'),
      () => job.invalidate('a'),
      () => job.delete('a'),
      () => job.refresh('a'),
      () => job.enqueue('a'),
    ]) {
      await expect(verb()).rejects.toMatchObject({ code: 'CLOSED' })
    }
  })

  it('closing the caches waits for a refresh that runs', async () => {
    const { job, caches, clock, next, ran } = jobKit()
    await job.get('a')
    clock.advance(600_000)
    let ended = false
    next.load = async () => {
      await new Promise((resolve) => setTimeout(resolve, 50))
      ended = true
      return 'new'
    }
    await job.get('a')
    await ran()
    await caches.close()
    expect(ended).toBe(true)
  })
})

describe('a runner that does not take a refresh', () => {
  it("CB-68 F72 'serve-stale': the old value; a second later it is asked again", async () => {
    const { job, clock, caches, queue, loads, ran } = await stale()
    for (let i = 0; i < 5; i++) expect(await job.get('a')).toBe('a 1')
    await ran()
    expect(caches.default.stats()).toMatchObject({ queueFailures: 1, refreshesAsked: 0 })
    queue.down = false
    clock.advance(1_000)
    expect(await job.get('a')).toBe('a 1')
    await ran()
    expect(queue.waiting.length).toBe(1)
    expect(loads()).toBe(1)
  })

  it("F72 'in-process': the old value, and a refresh here", async () => {
    const { job, ran } = await stale('in-process')
    expect(await job.get('a')).toBe('a 1')
    await ran()
    expect(await job.get('a')).toBe('a 2')
  })

  it("CB-69 'sync': this caller gets the new value", async () => {
    const { job } = await stale('sync')
    expect(await job.get('a')).toBe('a 2')
  })

  it("'throw': a QueueError with the queue's own as its cause", async () => {
    const { job } = await stale('throw')
    const error = await job.get('a').catch((thrown: unknown) => thrown)
    expect(error).toBeInstanceOf(QueueError)
    expect(error).toMatchObject({ code: 'QUEUE_FAILED', cause: { message: 'the queue is down' } })
  })

  it('enqueue rejects, invalidate goes on', async () => {
    const { job } = await stale()
    await expect(job.enqueue('a')).rejects.toMatchObject({ code: 'QUEUE_FAILED' })
    expect(await job.invalidate('a')).toBe(true)
    expect(await job.get('a')).toBe('a 1')
  })
})

describe('a runner that can never take a refresh', () => {
  it.each<OnQueueError>(['serve-stale', 'in-process', 'sync', 'throw'])(
    "CB-67 is no outage: with '%s' who asks is told so, and for who is served a stale value the process is warned",
    async (onQueueError) => {
      const fault = new ConfigError('QUEUE_POLICY', 'the queue has another policy')
      const warn = vi.spyOn(process, 'emitWarning').mockImplementation(() => {})
      vi.spyOn(performance, 'now').mockReturnValue(performance.now() + 60_000 * ++warnings)
      const { job, clock, queue } = await stale(onQueueError)
      queue.down = fault
      await job.get('a').catch(() => {})
      expect(warn).toHaveBeenCalledExactlyOnceWith(expect.stringContaining('the queue has another policy'), {
        type: 'CacheWarning',
        code: 'QUEUE_POLICY',
      })
      clock.advance(1_000)
      if (onQueueError !== 'in-process') {
        await expect(job.enqueue('a')).rejects.toBe(fault)
        await expect(job.invalidate('a')).rejects.toBe(fault)
      }
    },
  )
})

describe('a store that refuses a value', () => {
  it('CB-85 CB-86 CB-87 says so in the answer of set, keeps no older one, and who waited for a load has his value', async () => {
    const caches = createCaches({
      default: { backend: memory(), maxValueBytes: '1kb' },
      none: { backend: dummy() },
    })
    const options = { name: 'large', load: async (length: number) => 'x'.repeat(length) }
    const job = defineJob({ ...options, cache: caches.default })
    expect(await job.set([2_000], 'small')).toBe(true)
    expect(await job.set([2_000], 'x'.repeat(2_000))).toBe(false)
    expect((await job.inspect(2_000)).status).toBe('missing')
    expect(await job.get(2_000)).toHaveLength(2_000)
    const nowhere = defineJob({ ...options, cache: caches.none })
    expect(await nowhere.get(3)).toBe('xxx')
    expect((await nowhere.inspect(3)).status).toBe('missing')
    await caches.close()
  })
})

describe('events', () => {
  it('CB-88 CB-89 CB-90 tell what happens, and show no argument', async () => {
    const { job, clock, caches, next, ran } = jobKit({ retries: 0 })
    const events: string[] = []
    caches.on('*', (event) => events.push(JSON.stringify(event)))
    await job.get('secret')
    clock.advance(600_000)
    await job.get('secret')
    await ran()
    clock.advance(600_000)
    next.load = async () => {
      throw new Error('down')
    }
    await job.get('secret')
    await ran()
    const types = events.map((event) => JSON.parse(event).type)
    expect(types).toEqual(
      expect.arrayContaining(['miss', 'load', 'stale', 'refresh-asked', 'refresh-failed']),
    )
    expect(events.join()).not.toContain('secret')
    expect(events.join()).toContain('"job":"job"')
    const stats = { refreshesAsked: 2, refreshFailures: 1, refreshesSkipped: 0, queueFailures: 0 }
    expect(caches.default.stats()).toMatchObject(stats)
  })
})
