/** Jobs whose refreshes the runner carries, from the stale read to the new value. */
import assert from 'node:assert/strict'
import { defineJob, type Job } from '../../refresh/job.ts'
import type { CommonOptions } from '../../refresh/options.ts'
import { worker } from '../../refresh/worker.ts'
import { onRunner, pause, type RunnerStage } from '../runner-stage.ts'

/** What a job of the cases is asked with: nothing that JSON would keep. */
type Args = [id: bigint, since: Date, also: Map<string, unknown>]

const ARGS: Args = [42n, new Date(0), new Map([['a', undefined]])]

interface Loads {
  count: number
  args: unknown[]
  value: () => Promise<string>
}

async function jobOf(
  stage: RunnerStage,
  options: CommonOptions = {},
): Promise<{ job: Job<Args, string>; loads: Loads }> {
  const loads: Loads = { count: 0, args: [], value: async () => `value ${loads.count}` }
  const job = defineJob({
    name: 'case',
    cache: await stage.cache(),
    lifetime: '50ms',
    refreshTimeout: '10s',
    runner: stage.runner,
    retries: 0,
    ...options,
    load: (...args: Args) => {
      loads.count++
      loads.args = args
      return loads.value()
    },
  })
  return { job, loads }
}

function work(stage: RunnerStage, job: Job<Args, string>): void {
  if (stage.runner.work) stage.closeLater(worker({ jobs: [job] }))
}

export const jobs = [
  onRunner(
    'CB-34 CB-82 a stale value is served, and made anew under the same key of equal arguments',
    async (stage) => {
      const { job, loads } = await jobOf(stage, { lifetime: '50ms' })
      assert.equal(await job.get(...ARGS), 'value 1')
      await pause(60)
      assert.equal(await job.get(...ARGS), 'value 1')
      work(stage, job)
      await stage.until(async () => (await job.inspect(...ARGS)).value === 'value 2', 'the new value')
      assert.deepEqual(loads.args, ARGS)
      assert.equal(loads.count, 2)
    },
  ),
  onRunner('CB-79 many stale reads ask once', async (stage) => {
    const { job, loads } = await jobOf(stage)
    await job.set(ARGS, 'old')
    await pause(60)
    await Promise.all(Array.from({ length: 50 }, () => job.get(...ARGS)))
    work(stage, job)
    await stage.until(async () => (await job.inspect(...ARGS)).value === 'value 1', 'the new value')
    await stage.settle()
    assert.equal(loads.count, 1)
  }),
  onRunner('CB-13 invalidate keeps the old value until the new one is there', async (stage) => {
    const { job } = await jobOf(stage, { lifetime: '1h' })
    await job.set(ARGS, 'old')
    assert.equal(await job.invalidate(...ARGS), true)
    work(stage, job)
    await stage.until(async () => (await job.get(...ARGS)) === 'value 1', 'the new value')
  }),
  onRunner('CB-80 what was deleted before its refresh does not come back', async (stage) => {
    const { job, loads } = await jobOf(stage, { lifetime: '1h' })
    const blocked = new Promise<void>((resolve) => setTimeout(resolve, 50))
    loads.value = () => blocked.then(() => 'late')
    await job.set(ARGS, 'old')
    await job.invalidate(...ARGS)
    await job.delete(...ARGS)
    work(stage, job)
    await blocked
    await stage.settle()
    assert.equal((await job.inspect(...ARGS)).status, 'missing')
  }),
  onRunner(
    'CB-80 an invalidate during a refresh makes it load once more, and the last value counts',
    async (stage) => {
      const { job, loads } = await jobOf(stage, { lifetime: '1h' })
      let source = 'first'
      let reading = 0
      loads.value = async () => {
        const read = source
        reading++
        await pause(50)
        return read
      }
      await job.set(ARGS, 'old')
      await job.invalidate(...ARGS)
      work(stage, job)
      await stage.until(() => reading === 1, 'the load begins')
      source = 'second'
      await job.invalidate(...ARGS)
      await stage.until(async () => (await job.inspect(...ARGS)).status === 'fresh', 'a fresh value')
      assert.equal(await job.get(...ARGS), 'second')
    },
  ),
]
