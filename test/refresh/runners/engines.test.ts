/** What every engine does with tasks, on a real server: what every runner promises, case by case, and what only a server shows. */
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createCaches, memory } from '../../../src/index.ts'
import type { EngineOptions } from '../../../src/refresh/queue-options.ts'
import type { Orders, Perform, Runner, Task } from '../../../src/refresh/runner.ts'
import { type RunnerContext, runnerCases } from '../../../src/testing/index.ts'
import { until } from '../../servers/redis.ts'
import { freePort } from '../../servers/server.ts'
import { engines, makeQueues, OPTIONS, type Running, task } from './engines.ts'

const never: Perform = () => Promise.reject(new Error('an engine runs nothing in the process of who asks'))

const CASES = Object.values(runnerCases).flat().length
/** They run side by side, over one server. */
const UNHURRIED = { opTimeout: 5_000, deadAfter: 15_000 }

describe.each(engines)('$name', ({ start }) => {
  let place: Running
  let nowhere: string
  let queues = 0
  const runners = new Set<Runner>()

  beforeAll(async () => {
    place = await start()
    nowhere = place.url.replace(String(place.server.port), String(await freePort()))
    const cases = Array.from({ length: CASES }, (_, i) => `case-${i}`)
    const own = Array.from({ length: 12 }, (_, i) => `q${i + 1}`)
    await makeQueues(place, [...cases, ...own, 'q5-high', 'q6-2'])
  }, 60_000)
  afterAll(() => Promise.all([...runners].map((runner) => runner.close())))

  /** A runner on a queue of its own, or on one that is there. */
  function open(options: EngineOptions = {}): Runner & { queue: string } {
    const queue = options.queue ?? `q${++queues}`
    const runner = place.runner({ queue, ...options })
    runners.add(runner)
    return Object.assign(runner, { queue })
  }

  function work(runner: Runner, perform: Perform, orders: Partial<Orders> = {}) {
    const faults: unknown[] = []
    const jobs = [{ name: 'prices', queue: undefined }]
    const working = runner.work!({ jobs, concurrency: 2, perform, failed: (e) => faults.push(e), ...orders })
    return Object.assign(working, { faults })
  }

  function ask(runner: Runner, one: Task, options: Partial<typeof OPTIONS> = {}): Promise<boolean> {
    return runner.enqueue(one, { ...OPTIONS, ...options }, never)
  }

  async function fails(promise: Promise<unknown>, within: number): Promise<Error> {
    const began = performance.now()
    const error = await promise.then(
      () => expect.fail('it was taken'),
      (reason: Error) => reason,
    )
    expect(performance.now() - began).toBeLessThan(within)
    return error
  }

  let begun = 0
  const queueOf = new WeakMap<Runner, string>()
  const context: RunnerContext = {
    runner() {
      const queue = `case-${begun++}`
      const runner = place.runner({ queue, ...UNHURRIED })
      queueOf.set(runner, queue)
      return runner
    },
    peer: (runner) => place.runner({ queue: queueOf.get(runner) ?? expect.fail('no queue'), ...UNHURRIED }),
    unreachable: () => place.runner({ connection: nowhere }),
    backend: () => memory(),
    createCaches,
    patience: 5_000,
  }
  for (const [topic, cases] of Object.entries(runnerCases)) {
    describe.concurrent(topic, () => {
      for (const { name, run } of cases) it(name, () => run(context))
    })
  }

  describe.concurrent('on a server that answers', () => {
    it('CB-82 hands over a task as it was asked for, whatever characters its key has', async () => {
      const runner = open()
      const odd = task({ key: 'a\0b\ud800 "ü" \u2028', args: '["\\u0000",Date(0)]' })
      expect(await ask(runner, odd)).toBe(true)
      const got: unknown[] = []
      work(runner, async (one) => {
        got.push(one)
        return 'made'
      })
      await until(async () => got.length === 1)
      expect(got).toEqual([odd])
    })

    it('what is asked for while it runs is not lost: it may have come too late for the one that runs', async () => {
      const runner = open()
      const first = task()
      let runs = 0
      work(runner, async () => {
        runs++
        // At the very end: nothing of the one that runs can know of it any more.
        if (runs === 1) await ask(runner, task({ id: first.id }))
        return 'made'
      })
      await ask(runner, first)
      await until(async () => runs === 2)
    })

    it('F73 poison is tried as often as said, the last try knows that it is, and ends where it can be seen', async () => {
      const runner = open()
      const poison = task({ key: 'poison' })
      const tries: boolean[] = []
      const done: string[] = []
      work(
        runner,
        async (one, last) => {
          const { key } = one as Task
          if (key !== 'poison') done.push(key)
          else {
            tries.push(last)
            throw new Error('the source is broken')
          }
          return 'made'
        },
        { concurrency: 1 },
      )
      await ask(runner, poison, { tries: 2 })
      for (let i = 0; i < 5; i++) await ask(runner, task({ key: `k${i}` }))
      await until(async () => done.length === 5, 1_500)
      await until(async () => (await place.dead(runner.queue)).length === 1)
      expect(tries).toEqual([false, true])
      expect((await place.dead(runner.queue))[0]).toContain('poison')
      // And the key may be asked for again.
      expect(await ask(runner, poison)).toBe(true)
    })

    it('a higher priority goes first, and equals in turn', async () => {
      const runner = open()
      const order = [0, -100, 5, 0, 100]
      for (const [i, priority] of order.entries())
        await ask(runner, task({ key: `${priority} ${i}` }), { priority })
      const done: string[] = []
      work(
        runner,
        async (one) => {
          done.push((one as Task).key)
          return 'made'
        },
        { concurrency: 1 },
      )
      await until(async () => done.length === order.length)
      expect(done).toEqual(['100 4', '5 2', '0 0', '0 3', '-100 1'])
    })

    it('CB-8 CB-65 a job may have a queue of its own, and a worker takes from those of its jobs alone', async () => {
      const runner = open()
      const high = `${runner.queue}-high`
      await ask(runner, task({ key: 'common' }))
      await ask(runner, task({ key: 'high' }), { queue: high })
      await ask(runner, task({ key: 'high too' }), { queue: { name: high, jobOptions: {} } })
      const done: string[] = []
      const perform: Perform = async (one) => {
        done.push((one as Task).key)
        return 'made'
      }
      const working = work(runner, perform, { jobs: [{ name: 'urgent', queue: high }] })
      await until(async () => done.length === 2)
      await working.close()
      expect(done.sort()).toEqual(['high', 'high too'])
      work(runner, perform)
      await until(async () => done.length === 3)
    })

    it('runs as many tasks at once as it was told, over all its queues', async () => {
      const runner = open()
      const jobs = [
        { name: 'prices', queue: undefined },
        { name: 'urgent', queue: `${runner.queue}-2` },
      ]
      for (let i = 0; i < 6; i++) {
        await ask(runner, task())
        await ask(runner, task(), { queue: `${runner.queue}-2` })
      }
      let now = 0
      let most = 0
      let done = 0
      const perform: Perform = async () => {
        most = Math.max(most, ++now)
        await sleep(30)
        now--
        done++
        return 'made'
      }
      work(runner, perform, { jobs, concurrency: 3 })
      await until(async () => done === 12)
      expect(most).toBe(3)
    })

    it('a worker that closes finishes what it runs and takes nothing more', async () => {
      const runner = open()
      for (let i = 0; i < 3; i++) await ask(runner, task())
      let begun = 0
      let done = 0
      const perform: Perform = async () => {
        begun++
        await sleep(200)
        done++
        return 'made'
      }
      const working = work(runner, perform, { concurrency: 1 })
      await until(async () => begun === 1)
      await Promise.all([working.close(), working.close()])
      expect([begun, done]).toEqual([1, 1])
      work(runner, perform)
      await until(async () => done === 3)
      await sleep(100)
      expect(done).toBe(3)
    })

    it('what a closing worker cuts off is done by another', async () => {
      const runner = open({ closeTimeout: 50 })
      await ask(runner, task())
      let begun = 0
      const working = work(runner, () => {
        begun++
        return new Promise(() => {})
      })
      await until(async () => begun === 1)
      await working.close()
      let done = 0
      work(open({ queue: runner.queue }), async () => {
        done++
        return 'made'
      })
      await until(async () => done === 1)
    })

    it('a task that takes longer than a dead worker is waited for is not given to another', async () => {
      const runner = open()
      let runs = 0
      const perform: Perform = async () => {
        runs++
        await sleep(2_500)
        return 'made'
      }
      const workings = [work(runner, perform), work(open({ queue: runner.queue }), perform)]
      await ask(runner, task())
      await until(async () => runs > 0)
      await sleep(2_700)
      expect(runs).toBe(1)
      for (const { faults } of workings) expect(faults).toEqual([])
    })
  })

  describe('on a server that fails', () => {
    it('F72 a server that is gone is told within its time, and then at once; back again, it takes tasks, and none was lost', async () => {
      const runner = open()
      const done: string[] = []
      const working = work(runner, async (one) => {
        done.push((one as Task).key)
        return 'made'
      })
      await working.ready
      await ask(runner, task({ key: 'before' }))
      await until(async () => done.length === 1)
      await place.server.kill()
      await fails(ask(runner, task()), 1_500)
      await fails(ask(runner, task()), 50)
      await place.server.restart()
      await until(() => ask(runner, task({ key: 'after' })).then(() => true), 5_000)
      await until(async () => done.includes('after'), 5_000)
    })

    it('F72 a server that is frozen is told within its time, and closing does not wait for it', async () => {
      const runner = open()
      const working = work(runner, async () => 'made')
      await working.ready
      await ask(runner, task())
      await place.server.freeze()
      try {
        await fails(ask(runner, task()), 1_500)
        await fails(ask(runner, task()), 50)
        const began = performance.now()
        await runner.close()
        expect(performance.now() - began).toBeLessThan(2_500)
      } finally {
        place.server.thaw()
      }
    })

    it('a worker that begins before its server waits for it, and says so', async () => {
      const runner = open()
      await ask(runner, task())
      await runner.close()
      await place.server.kill()
      let done = 0
      const working = work(open({ queue: runner.queue }), async () => {
        done++
        return 'made'
      })
      await until(async () => working.faults.length > 0)
      await place.server.restart()
      await working.ready
      await until(async () => done === 1)
    })
  })
})
