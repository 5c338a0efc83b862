/** The promises of the contract, case by case, over PostgreSQL, by either driver. */
import pg from 'pg'
import postgresJs from 'postgres'
import { beforeAll, describe, expect, it } from 'vitest'
import { type PostgresOptions, postgres } from '../../../src/backends/sql/sql.ts'
import { makeSpace } from '../../../src/core/values/space.ts'
import { createCaches } from '../../../src/index.ts'
import { backendCases, type CaseContext, cacheCases, fakeClock } from '../../../src/testing/index.ts'
import { builtSources } from '../../built.ts'
import { startPostgres, type TestPostgres } from '../../servers/postgres.ts'
import { damageSuite } from './damage.ts'
import { faultSuite } from './faults.ts'
import { fleetSuite } from './fleet.ts'
import { everyVerb, poolSuite } from './pools.ts'
import { roomSuite } from './room.ts'
import { anyTable, later, type ServerSetting, what } from './setting.ts'
import { tableSuite } from './table.ts'
import { turnSuite } from './turns.ts'

/** Culling: Django's database counts otherwise (see room.test.ts). Recency: a read is noted only once there is little room. */
const NOT_PROMISED = ['culling', 'recency']

let server: TestPostgres
beforeAll(async () => {
  server = await startPostgres()
}, 60_000)

describe.each(['pg', 'postgres'] as const)('%s', (driver) => {
  let tables = 0

  async function over(options: Omit<PostgresOptions, 'url'> = {}) {
    const backend = postgres({ url: server.url, driver, poolSize: 3, table: driver, ...options })
    await backend.table.create()
    return backend
  }

  const context: CaseContext = {
    backend: () => over(),
    peer: () => over(),
    limited: (limits) => over({ ...limits, table: `${driver} ${tables++}` }),
    clock: fakeClock(),
    granularity: 0,
    createCaches,
  }
  for (const [topic, cases] of Object.entries(backendCases)) {
    if (NOT_PROMISED.includes(topic)) continue
    describe(topic, () => {
      // Every case has a prefix of its own; only what empties the whole store must be alone.
      const one = topic === 'clearing everything' ? it : it.concurrent
      for (const { name, run } of cases) one(name, () => run({ ...context, clock: fakeClock() }))
    })
  }
  // What a cache makes of it is the same by either.
  if (driver !== 'pg') return
  for (const [topic, cases] of Object.entries(cacheCases)) {
    describe(`a cache: ${topic}`, () => {
      for (const { name, run } of cases) it(name, () => run({ ...context, clock: fakeClock() }))
    })
  }
})

function oddPg(name: string, options: pg.PoolConfig) {
  const open = () => {
    const pool = new pg.Pool({ connectionString: server.url, max: 3, ...options })
    return { pool, end: () => pool.end() }
  }
  return { name: `pg ${name}`, open }
}

function oddPostgresJs(name: string, options: object) {
  const open = () => {
    const pool = postgresJs(server.url, { max: 3, ...options })
    return { pool, end: () => pool.end({ timeout: 1 }) }
  }
  return { name: `postgres.js ${name}`, open }
}

const ruined = () => 'ruined'

async function ask(text: string): Promise<unknown[][]> {
  const client = new pg.Client({ connectionString: server.url })
  await client.connect()
  try {
    const { rows } = await client.query<unknown[]>({ text, rowMode: 'array' })
    return rows
  } finally {
    await client.end()
  }
}

const setting: ServerSetting = {
  make: (options) => postgres({ url: server.url, driver: 'pg', ...options } as PostgresOptions),
  ask,
  quote: (name) => `"${name}"`,
  server: () => server,
  at: (address) => `postgres://postgres:secret@${address}/postgres`,
  pools(size) {
    const pool = new pg.Pool({ connectionString: server.url, max: size })
    const sql = postgresJs(server.url, { max: size })
    return [
      { name: 'pg', pool, end: () => pool.end() },
      { name: 'postgres', pool: sql, end: () => sql.end() },
    ]
  },
  oddPools: [
    oddPg('types', { types: { getTypeParser: () => ruined } }),
    oddPg('binary', { binary: true } as pg.PoolConfig),
    oddPg('bytea_output', { options: '-c bytea_output=escape' }),
    oddPg('standard_conforming_strings', { options: '-c standard_conforming_strings=off' }),
    oddPg('serializable', { options: '-c default_transaction_isolation=serializable' }),
    oddPostgresJs('bytea_output', { connection: { bytea_output: 'escape' } }),
    oddPostgresJs('transform', { transform: { ...postgresJs.camel, value: { from: ruined } } }),
    oddPostgresJs('types', { types: { bigint: postgresJs.BigInt } }),
    oddPostgresJs('prepare', { prepare: false }),
  ],
  async slowly(pool, ms) {
    const text = `SELECT pg_sleep(${ms / 1_000})`
    if (pool instanceof pg.Pool) await pool.query(text)
    else if ('unsafe' in pool && typeof pool.unsafe === 'function') await pool.unsafe(text)
  },
  endConnections: () =>
    ask(
      'SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid() AND datname IS NOT NULL',
    ),
}

describe('the table', () => tableSuite(setting))
describe('room', () => roomSuite(setting))
describe('one turn', () => turnSuite(setting))
describe('damage', () => damageSuite(setting))

it('DB-01 tables whose long names begin alike have each their own indexes', async () => {
  for (const end of ['a', 'b']) {
    const table = 'ü'.repeat(30) + end
    const backend = setting.make({ table })
    expect(await backend.table.create()).toBe('created')
    await backend.close()
    expect(await ask(`SELECT count(*)::int FROM pg_indexes WHERE tablename = '${table}'`)).toEqual([[3]])
  }
})

it('TBL-06 a table that may not be made is told with the words of the database', async () => {
  await ask('CREATE ROLE nobody LOGIN')
  const backend = setting.make({
    url: setting.at(`127.0.0.1:${server.port}`).replace('//postgres', '//nobody'),
  })
  await expect(backend.table.create()).rejects.toMatchObject({
    code: '42501',
    message: 'PostgreSQL: 42501 permission denied for schema public',
  })
  await backend.close()
})

it('a pool of postgres.js that changes whole rows is refused before it is used, and one of our own is not changed by it', async () => {
  const row = () => ruined()
  for (const transform of [{ row }, { row: { from: row } }]) {
    const sql = postgresJs(server.url, { max: 1, transform })
    expect(() => postgres({ pool: sql })).toThrow(
      expect.objectContaining({ code: 'INVALID_OPTION', message: expect.stringContaining('transform.row') }),
    )
    await sql.end()
    const clientOptions = { transform }
    await everyVerb(setting.make({ table: anyTable(), driver: 'postgres', clientOptions }))
  }
})

it('what a user has set of pg stays as it was', async () => {
  const client = new pg.Client({ connectionString: server.url, binary: true } as pg.ClientConfig)
  await client.connect()
  await everyVerb(postgres({ pool: client, table: anyTable() }))
  expect(client).toMatchObject({ binary: true })
  await client.end()
})

describe("the user's transactions", () => {
  const space = makeSpace('p', 1)

  it('F36 a client is refused while a transaction is open on it, which goes on unharmed', async () => {
    const table = anyTable()
    const client = new pg.Client({ connectionString: server.url })
    await client.connect()
    const backend = postgres({ pool: client, table })
    await backend.table.create()
    await backend.set(space, 'a', what('1'), later())
    await client.query('BEGIN')
    await expect(backend.set(space, 'a', what('2'), later())).rejects.toMatchObject({
      code: 'IN_TRANSACTION',
    })
    await client.query('SELECT 1')
    await client.query('ROLLBACK')
    expect(await backend.get(space, 'a')).toEqual(what('1'))
    await backend.close()
    await client.end()
  })

  it('F36 with a pool what is stored stays, whatever becomes of the transaction', async () => {
    const pool = new pg.Pool({ connectionString: server.url, max: 2 })
    const backend = postgres({ pool, table: anyTable() })
    await backend.table.create()
    const client = await pool.connect()
    await client.query('BEGIN')
    await backend.set(space, 'a', what('1'), later())
    await client.query('SELECT no_such_function()').catch(() => {})
    expect(await backend.get(space, 'a')).toEqual(what('1'))
    await client.query('ROLLBACK')
    client.release()
    expect(await backend.get(space, 'a')).toEqual(what('1'))
    await backend.close()
    expect((await pool.query('SELECT 1')).rowCount).toBe(1)
    await pool.end()
  })

  it('the sql of one transaction of postgres.js is refused', async () => {
    const sql = postgresJs(server.url, { max: 1 })
    await sql.begin(async (one) => {
      expect(() => postgres({ pool: one } as unknown as PostgresOptions)).toThrow(
        expect.objectContaining({ code: 'IN_TRANSACTION' }),
      )
    })
    await sql.end()
  })
})

describe('a database that only reads', () => {
  it.each([
    [
      'a role that may not write',
      'CREATE ROLE reader LOGIN; GRANT SELECT ON ALL TABLES IN SCHEMA public TO reader',
      'reader',
      '',
    ],
    ['a read-only server', 'SELECT 1', 'postgres', '?options=-c%20default_transaction_read_only%3Don'],
  ])(
    'F37 %s: what is written is refused and told, with its code, and nothing breaks',
    async (_, setup, user, more) => {
      const table = anyTable()
      const owner = createCaches({ default: { backend: setting.make({ table }) } })
      await setting.make({ table }).table.create()
      await owner.default.set('a', 1)
      await ask(setup)
      const url = `postgres://${user}:secret@127.0.0.1:${server.port}/postgres${more}`
      const caches = createCaches({ default: { backend: setting.make({ table, url }) } })
      const cache = caches.default
      const codes: unknown[] = []
      const told = ({ error }: { error: unknown }) => void codes.push((error as { code: string }).code)
      cache.on('backend-failed', told)
      cache.on('backend-down', told)
      expect(await cache.get('a')).toBe(1)
      expect(await cache.set('a', 2)).toBe(false)
      expect(await cache.setMany({ a: 2, b: 2 })).toEqual(['a', 'b'])
      expect(await cache.add('c', 2)).toBe(false)
      expect(await cache.incr('a')).toBeUndefined()
      expect(await cache.getOrSet('d', () => 'made')).toBe('made')
      expect(codes).toContain(more === '' ? '42501' : '25006')
      await caches.close()
      await owner.close()
    },
  )
})

describe("a pool of the user's", () => poolSuite(setting))
describe('several processes', () =>
  fleetSuite(
    setting,
    () => ({ url: server.url, poolSize: 3, opTimeout: 10_000, connectTimeout: 10_000 }),
    builtSources(),
  ))
describe('faults', () => faultSuite(setting))
