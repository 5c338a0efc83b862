/** What the runner in this process promises, case by case; and over a queue that is carried by JSON, what any engine must. */
import { describe, it } from 'vitest'
import { createCaches, memory } from '../../src/index.ts'
import { inProcess } from '../../src/refresh/index.ts'
import { type RunnerContext, runnerCases } from '../../src/testing/index.ts'
import { brokenQueue, QueueOfTexts, queueRunner } from './queue.ts'

const common = { backend: () => memory(), createCaches, patience: 2_000 }

const { carrying, failing, closing, jobs } = runnerCases
play('inProcess()', { carrying, failing, closing, jobs }, { ...common, runner: () => inProcess() })

const queues = new WeakMap<object, QueueOfTexts>()
function runnerOver(queue: QueueOfTexts) {
  const runner = queueRunner(queue)
  queues.set(runner, queue)
  return runner
}
play('a queue of texts', runnerCases, {
  ...common,
  runner: () => runnerOver(new QueueOfTexts()),
  peer: (runner) => runnerOver(queues.get(runner) ?? new QueueOfTexts()),
  unreachable: () => brokenQueue(),
})

function play(name: string, topics: Partial<typeof runnerCases>, context: RunnerContext): void {
  describe(name, () => {
    for (const [topic, cases] of Object.entries(topics)) {
      describe(topic, () => {
        for (const { name, run } of cases) it.concurrent(name, () => run(context))
      })
    }
  })
}
