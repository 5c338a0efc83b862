/** A job's verbs that write, alone and during a refresh. */
import { describe, expect, it } from 'vitest'
import { createCaches, memory } from '../../src/index.ts'
import { defineJob, inProcess, type Job } from '../../src/refresh/index.ts'
import { gate, rest } from '../core/kit.ts'
import { jobKit } from './kit.ts'

describe('writing', () => {
  it('CB-13 invalidate of what is not there does nothing', async () => {
    const { job, loads, ran } = jobKit()
    expect(await job.invalidate('a')).toBe(false)
    await ran()
    expect(loads()).toBe(0)
  })

  it('CB-13 after invalidate the old value is served until the new one is there', async () => {
    const { job, loads, ran } = jobKit()
    await job.get('a')
    expect(await job.invalidate('a')).toBe(true)
    expect(await job.get('a')).toBe('a 1')
    expect((await job.inspect('a')).status).toBe('refreshing')
    await ran()
    expect(await job.get('a')).toBe('a 2')
    expect(loads()).toBe(2)
  })

  it('CB-14 delete removes, and of what is not there is no error', async () => {
    const { job } = jobKit()
    await job.get('a')
    expect(await job.delete('a')).toBe(true)
    expect(await job.delete('a')).toBe(false)
    expect(await job.get('a')).toBe('a 2')
  })

  it('CB-15 CB-18 set stores by hand, for the common lifetime', async () => {
    const { job, clock, loads } = jobKit()
    expect(await job.set(['a'], 'by hand')).toBe(true)
    clock.advance(599_999)
    expect(await job.get('a')).toBe('by hand')
    expect(loads()).toBe(0)
    clock.advance(1)
    expect((await job.inspect('a')).status).toBe('stale')
  })

  it('CB-19 refresh loads now, stores and answers', async () => {
    const { job, loads } = jobKit()
    await job.get('a')
    expect(await job.refresh('a')).toBe('a 2')
    expect(await job.get('a')).toBe('a 2')
    expect(loads()).toBe(2)
  })

  it('CB-20 enqueue asks for a refresh whatever is there; false when it is asked for already', async () => {
    const { job, loads, ran } = jobKit()
    expect(await Promise.all([job.enqueue('a'), job.enqueue('a')])).toEqual([true, false])
    await ran()
    expect(loads()).toBe(1)
    expect(await job.enqueue('a')).toBe(true)
    await ran()
    expect(loads()).toBe(2)
    expect(await job.get('a')).toBe('a 2')
  })

  it('CB-83 with a lifetime below refreshTimeout every stale value is refreshed as soon as it is', async () => {
    const { job, clock, ran } = jobKit({ lifetime: '30s' })
    await job.get('a')
    for (let i = 2; i < 6; i++) {
      clock.advance(30_000)
      await job.get('a')
      await ran()
      expect(await job.get('a')).toBe(`a ${i}`)
    }
  })

  it('one runner may serve jobs of one name in several caches', async () => {
    const runner = inProcess()
    const jobs = [1, 2].map((number) => {
      const caches = createCaches({ default: { backend: memory() } })
      return defineJob({ name: 'same', cache: caches.default, runner, load: async () => number })
    })
    await Promise.all(jobs.map((job) => job.enqueue()))
    await rest(10)
    expect(await Promise.all(jobs.map((job) => job.inspect()))).toMatchObject([{ value: 1 }, { value: 2 }])
    await runner.close()
  })
})

describe('writing during a refresh', () => {
  const writes: [string, (job: Job<[id: string], string>) => Promise<unknown>, string | undefined][] = [
    ['F66 delete', (job) => job.delete('a'), undefined],
    ['F67 set', (job) => job.set(['a'], 'by hand'), 'by hand'],
  ]
  for (const [verb, write, left] of writes) {
    for (const when of ['before its load', 'during its load']) {
      it(`CB-80 ${verb} ${when} wins over it`, async () => {
        const { job, clock, next, ran } = jobKit()
        await job.get('a')
        clock.advance(600_000)
        const { open, wait } = gate()
        next.load = async () => {
          await wait
          return 'late'
        }
        await job.get('a')
        if (when === 'during its load') await ran()
        await write(job)
        open()
        await ran()
        expect((await job.inspect('a')).value).toBe(left)
      })
    }
  }

  it('CB-80 invalidate during a refresh makes it load again, and what the source then says counts', async () => {
    const { job, clock, next, ran } = jobKit()
    await job.get('a')
    clock.advance(600_000)
    let source = 'old'
    const gates = [gate(), gate()]
    let loads = 0
    next.load = async () => {
      const read = source
      await gates[loads++]?.wait
      return read
    }
    await job.get('a')
    await ran()
    source = 'new'
    await job.invalidate('a')
    gates[0]?.open()
    await ran()
    expect(loads).toBe(2)
    expect((await job.inspect('a')).status).toBe('refreshing')
    gates[1]?.open()
    await ran()
    expect(await job.inspect('a')).toMatchObject({ status: 'fresh', value: 'new' })
  })
})
