/** The promises of a bus over a real PostgreSQL. */
import pg from 'pg'
import { beforeAll, describe, expect, it } from 'vitest'
import { postgresBus } from '../../../src/backends/sql/sql.ts'
import { type BusContext, busCases } from '../../../src/testing/index.ts'
import { startPostgres, type TestPostgres } from '../../servers/postgres.ts'
import { until } from '../../servers/redis.ts'

let server: TestPostgres
let line: TestPostgres
beforeAll(async () => {
  ;[server, line] = await Promise.all([startPostgres(), startPostgres()])
}, 60_000)

let channels = 0

describe('talking', () => {
  for (const { name, run } of busCases.talking) {
    it(name, () => {
      const channel = `Talking "${channels++}"`
      return run({ bus: () => postgresBus({ url: server.url, channel }) })
    })
  }
})

describe('over a server that freezes', () => {
  const context: BusContext = {
    bus: () => postgresBus({ url: line.url }),
    leave: () => line.freeze(),
    comeBack: () => line.thaw(),
  }
  for (const { name, run } of busCases['losing the line']) it(name, () => run(context))
})

it('what somebody else notifies is handed on as it is, and parts without a beginning are dropped', async () => {
  const heard: string[] = []
  let ups = 0
  const bus = postgresBus({ url: server.url, channel: 'others' })
  bus.open({ message: (bytes) => heard.push(Buffer.from(bytes).toString()), up: () => ups++, down() {} })
  await until(async () => ups === 1)
  const client = new pg.Client({ connectionString: server.url })
  await client.connect()
  for (const payload of ['garbage', 'abcdefgh.1.1.2:AAAA', 'abcdefgh.2.0.1:aGVsbG8=']) {
    await client.query('SELECT pg_notify($1, $2)', ['others', payload])
  }
  await until(async () => heard.length === 2)
  expect(heard).toEqual(['garbage', 'hello'])
  await client.end()
  await bus.close()
})

it('a connection that the server ends is told of, and another made', async () => {
  const told: string[] = []
  const bus = postgresBus({ url: server.url, channel: 'ended' })
  bus.open({ message() {}, up: () => told.push('up'), down: () => told.push('down') })
  await until(async () => told.length === 1)
  const client = new pg.Client({ connectionString: server.url })
  await client.connect()
  await client.query(`SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query = 'LISTEN "ended"'`)
  await until(async () => told.length === 3)
  expect(told).toEqual(['up', 'down', 'up'])
  await client.end()
  await bus.close()
})

it('options that cannot be meant are refused, and no URL is shown', () => {
  const given = (options: object) => () => postgresBus(JSON.parse(JSON.stringify(options)))
  expect(given({ url: 'mysql://me:secret@host/db' })).toThrow(/^postgresBus\(\): url must be a URL/)
  expect(given({ url: 'postgres://host/db', channel: 'x'.repeat(64) })).toThrow(/channel/)
  expect(given({ url: 'postgres://host/db', chanel: 'shop' })).toThrow(/channel/)
})
