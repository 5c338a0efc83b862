/** What a runner promises, case by case, on both engines over their real servers. */
import { beforeAll, describe, expect, it } from 'vitest'
import { createCaches, memory } from '../../../src/index.ts'
import type { Runner } from '../../../src/refresh/runner.ts'
import { type RunnerContext, runnerCases } from '../../../src/testing/index.ts'
import { freePort } from '../../servers/server.ts'
import { engines, makeQueues, type Running } from './engines.ts'

const COUNT = Object.values(runnerCases).flat().length

describe.each(engines)('$name', ({ start }) => {
  let place: Running
  let nowhere: string
  let queues = 0
  const queueOf = new WeakMap<Runner, string>()

  beforeAll(async () => {
    place = await start()
    nowhere = place.url.replace(String(place.server.port), String(await freePort()))
    await makeQueues(
      place,
      Array.from({ length: COUNT }, (_, i) => `case-${i}`),
    )
  }, 60_000)

  const context: RunnerContext = {
    runner() {
      const queue = `case-${queues++}`
      const runner = place.runner({ queue })
      queueOf.set(runner, queue)
      return runner
    },
    peer: (runner) => place.runner({ queue: queueOf.get(runner) ?? expect.fail('no queue') }),
    unreachable: () => place.runner({ connection: nowhere }),
    backend: () => memory(),
    createCaches,
    patience: 5_000,
  }

  for (const [topic, cases] of Object.entries(runnerCases)) {
    describe(topic, () => {
      for (const { name, run } of cases) it.concurrent(name, () => run(context))
    })
  }
})
