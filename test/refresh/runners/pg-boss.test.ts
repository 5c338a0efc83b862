/** What is pg-boss's alone: its options, its queues, and what it cannot work with. */
import pg from 'pg'
import { beforeAll, describe, expect, it } from 'vitest'
import type { Orders } from '../../../src/refresh/runner.ts'
import { type PgBossOptions, pgBoss } from '../../../src/refresh/runners/pg-boss/pg-boss.ts'
import { startPostgres, type TestPostgres } from '../../servers/postgres.ts'
import { until } from '../../servers/redis.ts'
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

describe('pgBoss()', () => {
  let server: TestPostgres

  beforeAll(async () => {
    server = await startPostgres()
  }, 60_000)

  async function query(text: string, values: unknown[] = []): Promise<Record<string, unknown>[]> {
    const client = new pg.Client({ connectionString: server.url })
    await client.connect()
    try {
      return (await client.query(text, values)).rows
    } finally {
      await client.end()
    }
  }

  it.each<[string, object, string]>([
    ['an option that there is not', { scheme: 'jobs' }, 'did you mean "schema"'],
    ['a URL that is none', { connection: 'postgres://u:hu:sh@h:port' }, 'connection must be a URL'],
    ['a URL of something else', { connection: 'mysql://u:hu:sh@h' }, 'postgres:// or postgresql://'],
    ['a schema that is none', { schema: 'a; drop' }, 'schema is up to 50 letters'],
    ['a switch that is none', { migrate: 'no' }, 'migrate must be true or false'],
    ['no pause at all', { pollInterval: 0 }, 'pollInterval must be a whole number'],
  ])('CB-67 refuses %s as the program starts, and shows no password', (_title, options, message) => {
    const make = () => pgBoss(options as PgBossOptions)
    expect(make).toThrow(message)
    expect(make).not.toThrow(/hu:sh|drop/)
    expect(make).toThrow(expect.objectContaining({ code: expect.stringMatching(/_OPTIONS?$/) }))
  })

  it('CB-67 refuses a job that would decide which tasks are the same', () => {
    const queue = { jobOptions: { singletonKey: 'mine' } }
    expect(() => pgBoss().check?.('job "prices": queue', queue)).toThrow('singletonKey is set for each task')
  })

  it('refuses a queue of another policy, in which equal tasks would wait twice', async () => {
    const first = pgBoss({ connection: server.url, queue: 'mine' })
    await first.enqueue(task(), OPTIONS, never)
    await first.close()
    await query(`UPDATE pgboss.queue SET policy = 'standard' WHERE name = 'mine'`)
    const runner = pgBoss({ connection: server.url, queue: 'mine' })
    await expect(runner.enqueue(task(), OPTIONS, never)).rejects.toMatchObject({ code: 'QUEUE_POLICY' })
    await expect(runner.work?.(orders()).ready).rejects.toMatchObject({ code: 'QUEUE_POLICY' })
    await runner.close()
  })

  it('says of a database that is not there that it is not', async () => {
    const runner = pgBoss({ connection: server.url.replace('/postgres', '/nowhere') })
    await expect(runner.work?.(orders()).ready).rejects.toThrow('"nowhere" does not exist')
    await runner.close()
  })

  it('CB-66 removes what is done, and keeps of a failure its message and no more of the error', async () => {
    const runner = pgBoss({ connection: server.url, queue: 'kept', pollInterval: 20 })
    const error = Object.assign(new Error('the source said no'), { request: { password: 'hush' } })
    let done = 0
    runner.work?.(
      orders({
        async perform() {
          if (done++ === 0) throw error
          return 'made'
        },
      }),
    )
    await runner.enqueue(task(), { ...OPTIONS, tries: 1 }, never)
    await until(async () => done === 1)
    await runner.enqueue(task(), OPTIONS, never)
    await until(async () => done === 2)
    let rows: Record<string, unknown>[] = []
    await until(async () => {
      rows = await query(`SELECT state, output::text FROM pgboss.job WHERE name = 'kept'`)
      return rows.length === 1
    })
    expect(rows[0]).toMatchObject({ state: 'failed', output: expect.stringContaining('the source said no') })
    expect(rows[0]?.output).not.toContain('hush')
    await runner.close()
  })

  it('F71 a worker looks for the tasks of dead workers as it begins: where they die one after the other none lives to look later', async () => {
    const runner = pgBoss({ connection: server.url, queue: 'begun', pollInterval: 20, deadAfter: 60_000 })
    await runner.enqueue(task(), OPTIONS, never)
    await query(
      `UPDATE pgboss.job SET state = 'active', started_on = now() - interval '2 minutes' WHERE name = 'begun'`,
    )
    let done = 0
    const perform: Orders['perform'] = async () => {
      done++
      return 'made'
    }
    await runner.work?.(orders({ perform })).ready
    await until(async () => done === 1, 10_000)
    await runner.close()
  })

  it('a task whose worker died is not nearer to being given up', async () => {
    const runner = pgBoss({ connection: server.url, queue: 'deaths', pollInterval: 20, deadAfter: 1_000 })
    await runner.enqueue(task(), { ...OPTIONS, tries: 2 }, never)
    const lasts: boolean[] = []
    const perform: Orders['perform'] = async (_task, last) => {
      lasts.push(last)
      throw new Error('no')
    }
    // As pg-boss leaves it when workers have died with it three times.
    await query(
      `UPDATE pgboss.job SET retry_count = 3, started_on = now(), state = 'retry' WHERE name = 'deaths'`,
    )
    runner.work?.(orders({ perform }))
    await until(async () => lasts.length === 2)
    expect(lasts).toEqual([false, true])
    await until(async () => (await query(`SELECT 1 FROM pgboss.job WHERE name = 'deaths.dead'`)).length === 1)
    await runner.close()
  })
})
