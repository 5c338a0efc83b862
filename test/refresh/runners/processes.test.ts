/** Fleets over a queue: web processes that ask, workers that are killed, stopped and told to end in the middle. */
import { setTimeout as sleep } from 'node:timers/promises'
import { beforeAll, describe, expect, it } from 'vitest'
import { redis } from '../../../src/backends/redis/redis.ts'
import { createCaches } from '../../../src/index.ts'
import { defineJob } from '../../../src/refresh/index.ts'
import { startRedis, until } from '../../servers/redis.ts'
import { atEnd, type TestServer } from '../../servers/server.ts'
import { engines, type Running } from './engines.ts'
import { fleet } from './fleet.ts'

describe.each(engines)('$name', ({ name, start }) => {
  let queue: Running
  let store: TestServer
  let queues = 0

  beforeAll(async () => {
    const started = await Promise.all([start(), startRedis()])
    queue = started[0]
    store = started[1]
  }, 60_000)

  /** A fleet with a queue and keys of its own, and its job in this process. */
  function makeFleet({
    opTimeout = 3_000,
    ...how
  }: {
    loadMs?: number
    poison?: number
    opTimeout?: number
  } = {}) {
    const options = {
      queue: `fleet-${++queues}`,
      connection: queue.url,
      deadAfter: 1_000,
      opTimeout,
    }
    const cacheUrl = `redis://${store.address}`
    const processes = fleet({ engine: name, cacheUrl, options, ...how })
    const backend = redis({ url: cacheUrl, opTimeout: 2_000 })
    const caches = createCaches({
      default: { backend, keyPrefix: processes.prefix },
      source: { backend, keyPrefix: `${processes.prefix}-source`, ttl: null },
    })
    const runner = queue.runner(options)
    atEnd(() => Promise.all([caches.close(), runner.close()]).then(() => {}))
    const load = (_n: number): Promise<string> => expect.fail('loaded by who asked')
    const job = defineJob({ name: 'counted', cache: caches.default, runner, lifetime: '1h', load })
    return { ...processes, options, source: caches.source, job }
  }

  describe.concurrent('', () => {
    it('F61 of 4 processes with 50 callers each, a cold key is loaded once; a stale and an invalidated one once, by the worker', async () => {
      const { job, loads, source, start } = makeFleet({ loadMs: 100 })
      const web = Array.from({ length: 4 }, () => start('stampede', { callers: 50 }))
      await Promise.all(web.map((one) => one.said('ready')))
      const allGet = async (value: string) => {
        for (const one of web) one.tell('go')
        await Promise.all(web.map((one) => one.said(value)))
      }
      await allGet('old')
      expect(loads().started).toEqual(new Map([[1, 1]]))
      // Stale, with nobody at work: all get the old value at once, and one has asked.
      await source.set('all', 'new')
      await job.invalidate(1)
      await allGet('old')
      expect((await job.inspect(1)).status).toBe('refreshing')
      const worker = start('work')
      await until(async () => (await job.inspect(1)).status === 'fresh')
      expect(await job.get(1)).toBe('new')
      await sleep(200)
      expect(loads().started).toEqual(new Map([[1, 2]]))
      worker.child.kill('SIGTERM')
      expect(await worker.result).toBe('closed')
    })

    it('F68 what a worker that was stopped for too long has loaded is not stored over what came after', async () => {
      const { job, loads, source, start } = makeFleet({ loadMs: 300 })
      const first = start('work')
      await first.said('ready')
      await source.set('all', 'first')
      await job.enqueue(1)
      await until(async () => loads().started.get(1) === 1)
      first.child.kill('SIGSTOP')
      await source.set('all', 'second')
      const second = start('work')
      await until(async () => (await job.inspect(1)).status === 'fresh')
      expect((await job.inspect(1)).value).toBe('second')
      first.child.kill('SIGCONT')
      await until(async () => (loads().ended.get(1) ?? 0) >= 2)
      first.child.kill('SIGTERM')
      second.child.kill('SIGTERM')
      expect(await Promise.all([first.result, second.result])).toEqual(['closed', 'closed'])
      expect((await job.inspect(1)).value).toBe('second')
    })

    it('F62 F71 with a worker killed every 200 ms its tasks are done by others: none is lost, hardly one done twice, and the last value is right', async () => {
      const count = 200
      const { job, loads, source, start } = makeFleet({ loadMs: 10 })
      const all = Array.from({ length: count }, (_, n) => n)
      const workers = [start('work'), start('work')]
      await Promise.all(workers.map((worker) => worker.said('ready')))
      await source.set('all', 'new')
      const asked = Promise.all(all.map((n) => job.enqueue(n)))
      asked.catch(() => {})
      for (let kills = 0; kills < 3; kills++) {
        await sleep(200)
        workers.shift()?.child.kill('SIGKILL')
        workers.push(start('work'))
        if (kills === 1) await Promise.all(workers.map((worker) => worker.said('ready')))
      }
      expect(new Set(await asked)).toEqual(new Set([true]))
      await until(async () => loads().ended.size === count, 20_000)
      await until(async () => {
        const found = await Promise.all(all.map((n) => job.inspect(n)))
        return found.every(({ status, value }) => status === 'fresh' && value === 'new')
      }, 20_000)
      const twice = [...loads().ended.values()].filter((times) => times > 1).length
      expect(twice).toBeLessThanOrEqual(count / 100)
    })
  })

  it('F72 a process that asks while its queue stands still, and closes, ends by itself', async () => {
    const { start } = makeFleet({ opTimeout: 300 })
    const asker = start('ask')
    await asker.said('ready')
    await queue.server.freeze()
    asker.child.kill('SIGUSR2')
    const began = performance.now()
    try {
      expect(await asker.result).toMatchObject({ answer: 'QUEUE_FAILED' })
      expect(performance.now() - began).toBeLessThan(12_000)
    } finally {
      queue.server.thaw()
    }
  })
})
