/** Workers: what they take, what they refuse, and that a claim's task does what was meant. */
import { describe, expect, it } from 'vitest'
import { createCaches, memory } from '../../src/index.ts'
import { cacheback, defineJob, type Task, worker } from '../../src/refresh/index.ts'
import { fakeClock } from '../../src/testing/clock.ts'
import { failing, rest } from '../core/kit.ts'
import { plainBackend } from '../core/plain-backend.ts'
import { jobKit } from './kit.ts'
import { QueueOfTexts, queueRunner } from './queue.ts'

async function staleWith(queue: QueueOfTexts) {
  const kit = jobKit({ runner: queueRunner(queue), retries: 0 })
  await kit.job.get('a')
  kit.clock.advance(600_000)
  await kit.job.get('a')
  await rest()
  return kit
}

async function emptied(queue: QueueOfTexts) {
  while (queue.waiting.length > 0) await new Promise((resolve) => setTimeout(resolve, 2))
  await rest(10)
}

describe('worker()', () => {
  it('CB-82 a task carries the key, ready made, the token of its claim and the arguments', async () => {
    const queue = new QueueOfTexts()
    const { job, clock } = await staleWith(queue)
    const task = JSON.parse(queue.texts[0]!) as Task
    expect(task).toEqual({
      job: 'job',
      id: expect.stringMatching(/^[\w-]{43}$/),
      key: job.key('a'),
      version: 1,
      args: '["a"]',
      token: expect.stringMatching(/.+/),
      replaces: clock.now() - 600_000,
      askedAt: clock.now(),
    })
  })

  it('CB-58 makes values, of jobs and of wrapped functions, and closes', async () => {
    const queue = new QueueOfTexts()
    const { job, caches, clock } = await staleWith(queue)
    const cached = cacheback({ name: 'other', cache: caches.default, runner: queueRunner(queue) })(async () =>
      clock.now(),
    )
    await cached.job.enqueue()
    const working = worker({ jobs: [job, cached] })
    expect(working.jobs).toEqual(['job', 'other'])
    await working.ready
    await emptied(queue)
    expect(await job.inspect('a')).toMatchObject({ value: 'a 2', status: 'fresh' })
    expect(await cached.job.inspect()).toMatchObject({ value: clock.now() })
    await working.close()
  })

  it('CB-29 CB-60 CB-61 no option travels: each is as the job of the worker says', async () => {
    const queue = new QueueOfTexts()
    const { clock, caches } = jobKit()
    const options = {
      name: 'each',
      cache: caches.default,
      runner: queueRunner(queue),
      load: async (id: string) => id,
      storeFor: '2h',
      lifetime: (id: string) => (id === 'brief' ? 10 : '1h'),
    } as const
    const [web, here] = [defineJob(options), defineJob(options)]
    await Promise.all([web.enqueue('brief'), web.enqueue('long')])
    expect(queue.texts.join()).not.toMatch(/2h|lifetime|storeFor/)
    const working = worker({ jobs: [here] })
    await emptied(queue)
    const now = clock.now()
    expect(await web.inspect('brief')).toMatchObject({ staleAt: now + 10_000, expiresAt: now + 7_200_000 })
    expect(await web.inspect('long')).toMatchObject({ staleAt: now + 3_600_000, expiresAt: now + 7_200_000 })
    await working.close()
  })

  it('CB-84 a worker whose clock is behind makes anew what to it is fresh still', async () => {
    const queue = new QueueOfTexts()
    const backend = memory({ name: 'two clocks' })
    const jobAt = (ms: number) => {
      const caches = createCaches({ default: { backend } }, { clock: fakeClock(ms) })
      const load = async () => `made at ${ms}`
      return defineJob({ name: 'late', cache: caches.default, runner: queueRunner(queue), load })
    }
    const [web, behind] = [jobAt(3_600_000), jobAt(0)]
    await behind.set([], 'old')
    expect(await web.get()).toBe('old')
    await rest(10)
    const working = worker({ jobs: [behind] })
    await emptied(queue)
    expect((await behind.inspect()).value).toBe('made at 0')
    await working.close()
  })

  it.each(['stale', 'missing'])(
    'L9 a task whose %s value the store does not tell, or keep, is not done: the queue tries again',
    async (status) => {
      const queue = new QueueOfTexts()
      const backend = failing(plainBackend(false))
      const caches = createCaches({ default: { backend } })
      const load = async () => 'new'
      const job = defineJob({ name: 'lost', cache: caches.default, runner: queueRunner(queue), load })
      if (status === 'stale') {
        await job.set([], 'old')
        await job.invalidate()
      } else {
        await job.enqueue()
      }
      const failures: unknown[] = []
      caches.default.on('refresh-failed', ({ error }) => failures.push(error))
      backend.down = true
      const working = worker({ jobs: [job] })
      while (failures.length === 0) await new Promise((resolve) => setTimeout(resolve, 2))
      expect(failures[0]).toMatchObject({ code: 'BACKEND_FAILED' })
      backend.down = false
      while ((await job.inspect()).value !== 'new') await new Promise((resolve) => setTimeout(resolve, 2))
      await working.close()
      await caches.close()
    },
  )

  it('CB-81 drops a task whose value is fresh already, without a load', async () => {
    const queue = new QueueOfTexts()
    const { job, loads, caches } = await staleWith(queue)
    await job.refresh('a')
    queue.waiting.push({ ...queue.waiting[0]! })
    const working = worker({ jobs: [job] })
    await emptied(queue)
    expect(loads()).toBe(2)
    expect(caches.default.stats().refreshesSkipped).toBe(2)
    await working.close()
  })

  it('CB-70 CB-71 CB-82 what it does not know, or cannot read, is given up in the open', async () => {
    const queue = new QueueOfTexts()
    const { job } = await staleWith(queue)
    const [item] = queue.waiting.splice(0)
    const task = JSON.parse(item!.text) as Task
    for (const data of [
      { ...task, job: 'unknown' },
      { ...task, args: '[nonsense]' },
      { ...task, key: '' },
      { ...task, version: -1 },
      { ...task, replaces: 'x' },
      null,
      [],
      'text',
    ]) {
      queue.waiting.push({ ...item!, most: 5, text: JSON.stringify(data) })
    }
    const working = worker({ jobs: [job] })
    await emptied(queue)
    await working.close()
    expect(queue.dead.length).toBe(8)
    expect(queue.dead.every(({ tries }) => tries === 1)).toBe(true)
  })

  it('F73 a load that always fails is tried so often, each try is told, and the last as such', async () => {
    const queue = new QueueOfTexts()
    const { job, clock, caches, next } = jobKit({ runner: queueRunner(queue), retries: 4 })
    await job.get('a')
    clock.advance(600_000)
    const lasts: boolean[] = []
    caches.on('refresh-failed', ({ last }) => lasts.push(last))
    next.load = async () => {
      throw new Error('poison')
    }
    await job.get('a')
    const working = worker({ jobs: [job] })
    while (queue.dead.length === 0) await new Promise((resolve) => setTimeout(resolve, 5))
    expect(lasts).toEqual([false, false, false, false, true])
    expect(await job.get('a')).toBe('a 1')
    await working.close()
  })

  it('refuses what it cannot work for', () => {
    const { job, caches } = jobKit()
    const codes = (options: unknown) => {
      try {
        worker(options as never)
      } catch (error) {
        return (error as { code: string }).code
      }
      return undefined
    }
    const runner = queueRunner(new QueueOfTexts())
    const far = () => defineJob({ name: 'far', cache: caches.default, runner, load: async () => 1 })
    expect(codes({ jobs: [job] })).toBe('NO_QUEUE')
    expect(codes({ jobs: [] })).toBe('NO_QUEUE')
    expect(codes({ jobs: [far(), far()] })).toBe('INVALID_OPTION')
    expect(codes({ jobs: [{}] })).toBe('INVALID_OPTION')
    expect(codes({ jobs: far() })).toBe('INVALID_OPTION')
    expect(codes({ jobs: [far()], concurrency: 0 })).toBe('INVALID_OPTION')
    expect(codes({ job: [far()] })).toBe('UNKNOWN_OPTION')
  })
})
