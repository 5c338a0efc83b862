/** What a job may answer at every instant, against a source whose every answer says when it was made. */
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { createCaches, memory } from '../../src/index.ts'
import { defineJob } from '../../src/refresh/index.ts'
import { fakeClock } from '../../src/testing/clock.ts'
import { rest } from '../core/kit.ts'
import { QueueOfTexts, queueRunner } from './queue.ts'

const LIFETIME = 100
const STORE_FOR = 1_000

const around = (edge: number) => fc.constantFrom(edge - 1, edge, edge + 1)
const step = fc.record({
  ms: fc.oneof(fc.nat(400), around(LIFETIME), around(STORE_FOR), around(STORE_FOR - LIFETIME)),
  verb: fc.constantFrom('get', 'get', 'get', 'invalidate', 'work', 'set', 'fail', 'mend'),
})

describe('the hard limit', () => {
  it('F69 CB-75 no value older than storeFor, and no error before: 10,000 checks at ±1 ms', async () => {
    let checks = 0
    const play = async (steps: { ms: number; verb: string }[]) => {
      const clock = fakeClock()
      const caches = createCaches({ default: { backend: memory() } }, { clock })
      let down = false
      const tasks = new QueueOfTexts()
      const job = defineJob({
        name: 'limits',
        cache: caches.default,
        lifetime: `${LIFETIME}ms`,
        storeFor: `${STORE_FOR}ms`,
        refreshTimeout: '50ms',
        runner: queueRunner(tasks),
        load: async () => {
          if (down) throw new Error('down')
          return clock.now()
        },
      })
      let madeAt: number | undefined
      for (const { ms, verb } of steps) {
        clock.advance(ms)
        if (verb === 'fail') down = true
        else if (verb === 'mend') down = false
        else if (verb === 'invalidate') await job.invalidate()
        else if (verb === 'work') await job.refresh().catch(() => {})
        else if (verb === 'set') await job.set([], clock.now())
        const { createdAt, expiresAt } = await job.inspect()
        madeAt = createdAt ?? madeAt
        if (createdAt !== undefined) expect(expiresAt ?? 0).toBeLessThanOrEqual(createdAt + STORE_FOR + 1e-3)
        for (const nudge of [0, 1]) {
          clock.advance(nudge)
          checks++
          const there = await job.inspect()
          const answer = await job.get().catch((error: unknown) => error)
          if (answer instanceof Error) {
            expect(down).toBe(true)
            expect(['missing', 'expired']).toContain(there.status)
          } else {
            expect(clock.now() - Number(answer)).toBeLessThan(STORE_FOR)
          }
        }
      }
      await caches.close()
    }
    await fc.assert(fc.asyncProperty(fc.array(step, { minLength: 20, maxLength: 20 }), play), {
      numRuns: 260,
    })
    expect(checks).toBeGreaterThanOrEqual(10_000)
    await rest()
  })
})
