/** A queue that is down: said so, soon, and what then happens is the job's to say. */
import assert from 'node:assert/strict'
import { defineJob } from '../../refresh/job.ts'
import type { OnQueueError } from '../../refresh/options.ts'
import { onRunner, pause, type RunnerCase, type RunnerStage, taskOf } from '../runner-stage.ts'
import { needed } from '../stage.ts'

function onOutage(name: string, play: (stage: RunnerStage) => Promise<void>): RunnerCase {
  return onRunner(name, play, (context) => needed(context.unreachable, 'unreachable')())
}

async function staleJob(stage: RunnerStage, onQueueError?: OnQueueError) {
  let loads = 0
  const job = defineJob({
    name: 'case',
    cache: await stage.cache(),
    lifetime: '10ms',
    runner: stage.runner,
    ...(onQueueError && { onQueueError }),
    load: async (id: string) => {
      loads++
      return `new ${id}`
    },
  })
  await job.set(['42'], 'old')
  await pause(20)
  return { job, loads: () => loads }
}

export const outage = [
  onOutage('F72 enqueue rejects within 5 seconds', async (stage) => {
    const began = performance.now()
    await assert.rejects(stage.enqueue(taskOf('key')))
    assert.ok(performance.now() - began < 5_000)
  }),
  onOutage('F72 CB-68 the stale value is served, and the caller does not wait', async (stage) => {
    const { job, loads } = await staleJob(stage)
    const began = performance.now()
    assert.equal(await job.get('42'), 'old')
    assert.ok(performance.now() - began < 500)
    assert.equal(loads(), 0)
  }),
  onOutage("F72 'in-process': the old value, and the new one soon", async (stage) => {
    const { job } = await staleJob(stage, 'in-process')
    assert.equal(await job.get('42'), 'old')
    await stage.until(async () => (await job.inspect('42')).value === 'new 42', 'the new value')
  }),
  onOutage("CB-69 'sync': the new value, to this caller", async (stage) => {
    const { job } = await staleJob(stage, 'sync')
    assert.equal(await job.get('42'), 'new 42')
  }),
  onOutage("'throw': an error that says so", async (stage) => {
    const { job } = await staleJob(stage, 'throw')
    await assert.rejects(job.get('42'), { code: 'QUEUE_FAILED' })
  }),
]
