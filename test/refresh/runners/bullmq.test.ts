/** What is BullMQ's alone: its options, its clients, and what it cannot work with. */
import { setTimeout as sleep } from 'node:timers/promises'
import { createClient } from '@redis/client'
import { Redis } from 'ioredis'
import { beforeAll, describe, expect, it } from 'vitest'
import type { Orders } from '../../../src/refresh/runner.ts'
import { type BullmqOptions, bullmq } from '../../../src/refresh/runners/bullmq.ts'
import { ask, startRedis, until } from '../../servers/redis.ts'
import { atEnd, type TestServer } from '../../servers/server.ts'
import { OPTIONS, task } from './engines.ts'

const never = () => Promise.reject(new Error('not here'))

function orders(more: Partial<Orders> = {}): Orders {
  return {
    jobs: [{ name: 'prices', queue: undefined }],
    concurrency: 1,
    perform: async () => 'made',
    failed() {},
    ...more,
  }
}

describe('bullmq()', () => {
  let server: TestServer

  beforeAll(async () => {
    server = await startRedis({ password: 'secret' })
  }, 60_000)

  it.each<[string, object, string]>([
    ['an option that there is not', { conection: 'redis://h' }, 'did you mean "connection"'],
    ['a URL that is none', { connection: 'redis://u:hu:sh@h:port' }, 'connection must be a URL'],
    ['a URL of something else', { connection: 'http://u:hu:sh@h' }, 'redis:// or rediss://'],
    ['a connection that is none', { connection: 6379 }, 'connection must be an object, not a number'],
    ['the name of a queue that BullMQ does not take', { queue: 'a:b' }, 'the name of a queue'],
    ['a prefix that is none', { prefix: 1 }, 'prefix must be a string'],
    ['no time at all', { opTimeout: 0 }, 'opTimeout must be a whole number'],
    ['workers dead at once', { deadAfter: 10 }, 'deadAfter must be a whole number'],
    ['options of a worker that are none', { workerOptions: true }, 'workerOptions must be an object'],
  ])('CB-67 refuses %s as the program starts, and shows no password', (_title, options, message) => {
    const make = () => bullmq(options as BullmqOptions)
    expect(make).toThrow(message)
    expect(make).not.toThrow(/hu:sh/)
    expect(make).toThrow(expect.objectContaining({ code: expect.stringMatching(/_OPTIONS?$/) }))
  })

  it.each<[unknown, string]>([
    [{ nam: 'high' }, 'unknown option "nam"'],
    [{ name: 'a b' }, 'the name of a queue'],
    [{ jobOptions: { jobId: '1' } }, 'jobId is set for each task'],
    [7, 'options must be an object'],
  ])('CB-67 refuses a job whose queue option cannot work: %j', (queue, message) => {
    expect(() => bullmq().check?.('job "prices": queue', queue)).toThrow(message)
  })

  const clients: Record<string, (where: TestServer) => Promise<BullmqOptions['connection'] & object>> = {
    async ioredis({ host, port }) {
      // As it is made for other uses: what a worker needs is for its copy.
      const mine = new Redis({ host, port, password: 'secret' })
      mine.on('error', () => {})
      atEnd(() => mine.disconnect())
      return mine
    },
    async 'node-redis'({ host, port }) {
      const mine = createClient({ url: `redis://:secret@${host}:${port}` })
      mine.on('error', () => {})
      atEnd(() => mine.destroy())
      return mine.connect()
    },
  }

  it.each(Object.keys(clients))(
    'takes a client of %s and leaves it as it was; once closed, nothing is left that a dead server could end the process by',
    async (name) => {
      const mortal = await startRedis({ password: 'secret' })
      const connection = await clients[name]!(mortal)
      const listening = () => (connection as Redis).listenerCount('error')
      const before = listening()
      const uncaught: unknown[] = []
      const hear = (error: unknown) => uncaught.push(error)
      process.on('uncaughtException', hear)
      try {
        const runner = bullmq({ connection, queue: 'client' })
        let done = 0
        const perform = async () => {
          done++
          return 'made' as const
        }
        const working = runner.work?.(orders({ perform }))
        await working?.ready
        await runner.enqueue(task(), OPTIONS, never)
        await until(async () => done === 1)
        await runner.close()
        expect(await (connection as Redis).ping()).toBe('PONG')
        expect(listening()).toBe(before)
        await until(
          async () =>
            (await ask(mortal, ['client', 'list'], { password: 'secret' })).split('\n').length === 2,
        )
        await mortal.kill()
        await sleep(300)
        expect(uncaught).toEqual([])
      } finally {
        process.off('uncaughtException', hear)
      }
    },
  )

  it('a server that dies before the runner is closed ends nothing, whoever made the client', async () => {
    const mortal = await startRedis({ password: 'secret' })
    const connection = await clients['node-redis']!(mortal)
    const uncaught: unknown[] = []
    const hear = (error: unknown) => uncaught.push(error)
    process.on('uncaughtException', hear)
    try {
      const runner = bullmq({ connection, queue: 'client', opTimeout: 200 })
      await runner.work?.(orders()).ready
      await runner.enqueue(task(), OPTIONS, never)
      await mortal.kill()
      await runner.close()
      await sleep(300)
      expect(uncaught).toEqual([])
    } finally {
      process.off('uncaughtException', hear)
    }
  })

  it('says of a wrong password that it is wrong, and not what it is', async () => {
    const runner = bullmq({ connection: `redis://:wrong-one@${server.address}` })
    const failed: unknown[] = []
    const working = runner.work?.(orders({ failed: (error) => failed.push(error) }))
    await expect(working?.ready).rejects.toThrow(/WRONGPASS|NOAUTH/)
    const began = performance.now()
    await expect(runner.enqueue(task(), OPTIONS, never)).rejects.toThrow(/WRONGPASS|NOAUTH/)
    expect(performance.now() - began).toBeLessThan(1_000)
    expect(String(failed)).not.toContain('wrong-one')
    await runner.close()
  })

  it("CB-8 CB-66 gives BullMQ a job's own options, and removes what is done", async () => {
    const connection = `redis://:secret@${server.address}`
    const runner = bullmq({ connection, queue: 'own', prefix: 'shop' })
    const queue = { jobOptions: { delay: 60_000, keepLogs: 3 } }
    expect(await runner.enqueue(task({ key: 'later' }), { ...OPTIONS, queue }, never)).toBe(true)
    const cli = (...words: string[]) => ask(server, words, { password: 'secret' })
    expect(await cli('zcard', 'shop:own:delayed')).toBe('1')
    let done = 0
    runner.work?.(
      orders({
        perform: async () => {
          done++
          return 'made'
        },
      }),
    )
    await runner.enqueue(task(), OPTIONS, never)
    await until(async () => done === 1)
    await until(async () => (await cli('keys', 'shop:own:*-*-*')).split('\n').length === 1)
    expect(await cli('exists', 'shop:own:completed')).toBe('0')
    await runner.close()
  })
})
