/** A fleet over one Redis: caches, jobs and runners of four processes, each with its own connection and its own memory. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { redis } from '../../src/backends/redis/redis.ts'
import { createCaches } from '../../src/index.ts'
import { defineJob, inProcess } from '../../src/refresh/index.ts'
import { startRedis } from '../servers/redis.ts'
import type { TestServer } from '../servers/server.ts'

let server: TestServer
beforeAll(async () => {
  server = await startRedis()
}, 60_000)

const ends: (() => Promise<void>)[] = []
afterAll(async () => {
  for (const end of ends) await end()
})

const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms))

async function fleet(keyPrefix: string) {
  let loads = 0
  const jobs = Array.from({ length: 4 }, () => {
    const caches = createCaches({
      default: { backend: redis({ url: `redis://${server.address}` }), keyPrefix },
    })
    const runner = inProcess()
    ends.push(async () => {
      await runner.close()
      await caches.close()
    })
    return defineJob({
      name: 'fleet',
      cache: caches.default,
      lifetime: '1h',
      runner,
      load: async (id: string) => {
        loads++
        await pause(100)
        return `${id} ${loads}`
      },
    })
  })
  // Each connected, before anything is counted.
  await Promise.all(jobs.map((job) => job.inspect('nothing')))
  const ask = () => Promise.all(jobs.flatMap((job) => Array.from({ length: 50 }, () => job.get('a'))))
  const until = async (value: string) => {
    while ((await jobs[3]!.inspect('a')).value !== value) await pause(20)
  }
  return { jobs, ask, until, loads: () => loads }
}

describe('4 processes × 50 callers', () => {
  it('F61 T9 a cold key is loaded once', async () => {
    const { ask, loads } = await fleet('cold')
    expect(new Set(await ask())).toEqual(new Set(['a 1']))
    expect(loads()).toBe(1)
  })

  it('§5.1 a stale key is loaded once, and everybody is served the stale value meanwhile', async () => {
    const { jobs, ask, until, loads } = await fleet('stale')
    await jobs[0]!.get('a')
    // Made stale without a refresh being asked for.
    const caches = createCaches({
      default: { backend: redis({ url: `redis://${server.address}` }), keyPrefix: 'stale' },
    })
    await caches.default.expire(jobs[0]!.key('a'))
    await caches.close()
    expect(new Set(await ask())).toEqual(new Set(['a 1']))
    expect((await jobs[2]!.inspect('a')).status).toBe('refreshing')
    await until('a 2')
    await pause(150)
    expect(loads()).toBe(2)
  })

  it('§5.1 an invalidated key is loaded once', async () => {
    const { jobs, ask, until, loads } = await fleet('invalidated')
    await jobs[0]!.get('a')
    await jobs[1]!.invalidate('a')
    expect(new Set(await ask())).toEqual(new Set(['a 1']))
    await until('a 2')
    await pause(150)
    expect(loads()).toBe(2)
  })

  it('CB-80 an invalidate by one process during the refresh of another: what the source says after it counts', async () => {
    const { jobs, until, loads } = await fleet('overtaken')
    await jobs[0]!.get('a')
    await jobs[0]!.invalidate('a')
    await pause(50)
    expect(loads()).toBe(2)
    await jobs[1]!.invalidate('a')
    await until('a 3')
    expect(await jobs[2]!.inspect('a')).toMatchObject({ value: 'a 3', status: 'fresh' })
  })
})
