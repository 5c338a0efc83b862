import { expect, it } from 'vitest'
import { createCaches, memory } from '../../src/index.ts'
import { cacheback, defineJob, refreshWith } from '../../src/refresh/index.ts'
import { fakeClock } from '../../src/testing/clock.ts'

const tick = (ms = 5) => new Promise((r) => setTimeout(r, ms))
it('smoke', async () => {
  const clock = fakeClock()
  const caches = createCaches({ default: { backend: memory() } }, { clock })
  let n = 0
  const job = defineJob({ name: 'j', cache: caches.default, load: async (a: string) => `${a}${++n}` })
  expect(await job.get('x')).toBe('x1')
  expect(await job.get('x')).toBe('x1')
  clock.advance(600_000)
  expect((await job.inspect('x')).status).toBe('stale')
  expect(await job.get('x')).toBe('x1')
  expect((await job.inspect('x')).status).toBe('refreshing')
  await tick()
  expect(await job.get('x')).toBe('x2')
  expect((await job.inspect('x')).status).toBe('fresh')
  expect(await job.invalidate('x')).toBe(true)
  expect(await job.get('x')).toBe('x2')
  await tick()
  expect(await job.get('x')).toBe('x3')
  expect(await job.delete('x')).toBe(true)
  expect((await job.inspect('x')).status).toBe('missing')
  expect(await job.set(['x'], 'hand')).toBe(true)
  expect(await job.get('x')).toBe('hand')
  expect(await job.refresh('x')).toBe('x4')
  expect(await job.getMany(['x', ['y']])).toEqual(['x4', 'y5'])
  const f = cacheback(async function named(a: number) {
    return a * 2
  })
  expect(await f(2)).toBe(4)
  expect(f.job.name).toBe('named')
  const { defineJob: d } = refreshWith({ cache: caches.default })
  const e = d({ name: 'e', loadOnMiss: false, load: async (id: number) => ({ id }), empty: () => null })
  expect(await e.get(1)).toBe(null)
  await tick()
  expect(await e.get(1)).toEqual({ id: 1 })
})
