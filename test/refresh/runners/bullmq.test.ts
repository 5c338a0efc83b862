/** What is BullMQ's alone: its options, its clients, and what it cannot work with. */
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

  it('takes a client of ioredis or node-redis, and leaves it open', async () => {
    const { host, port } = server
    const mine = new Redis({ host, port, password: 'secret', maxRetriesPerRequest: null })
    const other = createClient({ url: `redis://:secret@${host}:${port}` })
    other.on('error', () => {})
    await other.connect()
    atEnd(() => mine.disconnect())
    for (const [i, connection] of [mine, other].entries()) {
      const runner = bullmq({ connection, queue: `client-${i}` })
      let done = 0
      const working = runner.work?.(
        orders({
          perform: async () => {
            done++
            return 'made'
          },
        }),
      )
      await working?.ready
      await runner.enqueue(task(), OPTIONS, never)
      await until(async () => done === 1)
      await runner.close()
    }
    expect(await mine.ping()).toBe('PONG')
    expect(await other.ping()).toBe('PONG')
    // Before its server: BullMQ goes on telling of its errors, with nobody left to hear them.
    other.destroy()
  })

  it('says of a wrong password that it is wrong, and not what it is', async () => {
    const runner = bullmq({ connection: `redis://:wrong-one@${server.address}` })
    const failed: unknown[] = []
    const working = runner.work?.(orders({ failed: (error) => failed.push(error) }))
    await expect(working?.ready).rejects.toThrow(/WRONGPASS|NOAUTH/)
    await expect(runner.enqueue(task(), OPTIONS, never)).rejects.toThrow(/WRONGPASS|NOAUTH|answer/)
    expect(String(failed)).not.toContain('wrong-one')
    await runner.close()
  })

  it("gives BullMQ a job's own options, and removes what is done", async () => {
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
