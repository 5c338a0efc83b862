/** The promises of the contract, case by case, over MariaDB, by either driver. */
import mariadb from 'mariadb'
import mysql2 from 'mysql2/promise'
import { beforeAll, describe, expect, it } from 'vitest'
import { mysql as mysqlDialect } from '../../../src/backends/sql/dialects/mysql.ts'
import { type MysqlOptions, mysql } from '../../../src/backends/sql/sql.ts'
import { makeSpace } from '../../../src/core/values/space.ts'
import { createCaches } from '../../../src/index.ts'
import { backendCases, type CaseContext, cacheCases, fakeClock } from '../../../src/testing/index.ts'
import { builtSources } from '../../built.ts'
import { startMariadb, type TestMariadb } from '../../servers/mariadb.ts'
import { damageSuite } from './damage.ts'
import { faultSuite } from './faults.ts'
import { fleetSuite } from './fleet.ts'
import { poolSuite } from './pools.ts'
import { roomSuite } from './room.ts'
import { anyTable, later, type ServerSetting, what } from './setting.ts'
import { tableSuite } from './table.ts'
import { turnSuite } from './turns.ts'

/** Culling: Django's database counts otherwise (see room.test.ts). Recency: a read is noted only once there is little room. */
const NOT_PROMISED = ['culling', 'recency']

let server: TestMariadb
beforeAll(async () => {
  server = await startMariadb()
}, 60_000)

describe.each(['mysql2', 'mariadb'] as const)('%s', (driver) => {
  let tables = 0

  async function over(options: Omit<MysqlOptions, 'url'> = {}) {
    const backend = mysql({ url: server.url, driver, poolSize: 3, table: driver, ...options })
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
  if (driver !== 'mysql2') return
  for (const [topic, cases] of Object.entries(cacheCases)) {
    describe(`a cache: ${topic}`, () => {
      for (const { name, run } of cases) it(name, () => run({ ...context, clock: fakeClock() }))
    })
  }
})

function oddMysql2(name: string, options: object) {
  const open = () => {
    const pool = mysql2.createPool({ uri: server.url, connectionLimit: 3, ...options })
    return { pool, end: () => pool.end() }
  }
  return { name: `mysql2 ${name}`, open }
}

function mariadbPool(options: object) {
  const place = { host: server.host, port: server.port, user: 'warm', password: 'secret', database: 'test' }
  return mariadb.createPool({ ...place, ...options })
}

function oddMariadb(name: string, options: object) {
  const open = () => {
    const pool = mariadbPool({ connectionLimit: 3, ...options })
    return { pool, end: () => pool.end() }
  }
  return { name: `mariadb ${name}`, open }
}

async function ask(text: string): Promise<unknown[][]> {
  const connection = await mysql2.createConnection({ uri: server.url })
  try {
    const [rows] = await connection.query({ sql: text, rowsAsArray: true })
    return Array.isArray(rows) ? (rows as unknown[][]) : []
  } finally {
    connection.destroy()
  }
}

const setting: ServerSetting = {
  make: (options) => mysql({ url: server.url, driver: 'mysql2', ...options } as MysqlOptions),
  ask,
  quote: (name) => `\`${name}\``,
  server: () => server,
  at: (address) => `mysql://warm:secret@${address}/test`,
  pools(size) {
    const one = mysql2.createPool({ uri: server.url, connectionLimit: size })
    const two = mariadbPool({ connectionLimit: size })
    return [
      { name: 'mysql2', pool: one, end: () => one.end() },
      { name: 'mariadb', pool: two, end: () => two.end() },
    ]
  },
  oddPools: [
    oddMysql2('typeCast', { typeCast: (field: { string(): string | null }) => field.string() }),
    oddMysql2('nestTables, rowsAsArray', { nestTables: true, rowsAsArray: true }),
    oddMysql2('namedPlaceholders', { namedPlaceholders: true }),
    oddMysql2('numbers as text', { supportBigNumbers: true, bigNumberStrings: true }),
    oddMysql2('changed rows', { flags: '-FOUND_ROWS' }),
    oddMysql2('charset', { charset: 'latin1' }),
    oddMariadb('typeCast', { typeCast: (column: { string(): string | null }) => column.string() }),
    oddMariadb('metaAsArray', { metaAsArray: true }),
    oddMariadb('namedPlaceholders', { namedPlaceholders: true }),
    oddMariadb('numbers', { bigIntAsNumber: true, insertIdAsNumber: true, decimalAsNumber: true }),
    oddMariadb('changed rows', { foundRows: false }),
  ],
  async slowly(pool, ms) {
    if ('query' in pool && typeof pool.query === 'function') await pool.query(`SELECT SLEEP(${ms / 1_000})`)
  },
  async endConnections() {
    const own = await ask(
      "SELECT id FROM information_schema.processlist WHERE user = 'warm' AND info IS NULL",
    )
    for (const [id] of own) await ask(`KILL ${id}`).catch(() => {})
  },
}

describe('the table', () => tableSuite(setting))
describe('room', () => roomSuite(setting))
describe('one turn', () => turnSuite(setting))
describe('damage', () => damageSuite(setting))

describe('what is particular to it', () => {
  const space = makeSpace('p', 1)

  it('F33 what removes a batch goes by an index, and sorts no rows', async () => {
    const table = anyTable()
    const backend = setting.make({ table })
    await backend.table.create()
    await ask(
      `INSERT INTO \`${table}\` SELECT CONCAT('k', seq), REPEAT('x', 150), NULL, ${later()} + seq, seq, NULL, 0 FROM seq_1_to_20000`,
    )
    const { evict, sweep } = mysqlDialect.statements(`\`${table}\``)
    for (const [call, index] of [
      [evict({ now: later(), limit: 500 }), 'used'],
      [sweep({ now: later(), limit: 500 }), 'expires'],
    ] as const) {
      const values = [...call.values]
      const text = call.statement.text.replaceAll('?', () => String(values.shift()))
      const [[, , , , , key, , , , extra]] = (await ask(`EXPLAIN ${text}`)) as [unknown[]]
      expect([key, extra]).toEqual([index, 'Using where'])
    }
    await backend.close()
  })

  it('F36 a single connection is refused: it does not tell whether it is in a transaction', async () => {
    const connection = await mysql2.createConnection({ uri: server.url })
    expect(() => mysql({ pool: connection } as unknown as MysqlOptions)).toThrow(
      expect.objectContaining({ code: 'SINGLE_CONNECTION' }),
    )
    connection.destroy()
  })

  it.each(['mysql2', 'mariadb'] as const)(
    'F35 %s: what is larger than max_allowed_packet is false, the older value is gone, and the connection stays',
    async (driver) => {
      const backend = mysql({ url: server.url, driver, poolSize: 1, table: anyTable() })
      await backend.table.create()
      const told: string[] = []
      const clock = { now: () => Date.now() }
      backend.open({ clock, evicted() {}, corrupt() {}, failed: (verb) => void told.push(verb) })
      await backend.set(space, 'a', what('old'), later())
      await backend.set(space, 'b', what('1'), later())
      const large = Buffer.alloc(17 * 2 ** 20, 0xf1)
      expect(await backend.set(space, 'a', large, later())).toBe(false)
      expect(await backend.get(space, 'a')).toBeUndefined()
      const some = new Map([
        ['c', what('3')],
        ['d', large],
      ])
      expect(await backend.setMany(space, some, later())).toEqual(['d'])
      expect(await backend.get(space, 'c')).toEqual(what('3'))
      expect(await backend.get(space, 'b')).toEqual(what('1'))
      // Of one turn, too, it alone is dropped.
      const turn = Array.from({ length: 300 }, (_, i) =>
        backend.set(space, `${i % 250}`, i === 257 ? large : what(`${i}`), later()),
      )
      turn.push(backend.set(space, 'b', large, later()))
      const stored = await Promise.all(turn)
      expect(stored.flatMap((one, i) => (one ? [] : [i]))).toEqual([257, 300])
      expect(await backend.getMany(space, ['6', '7', '8', '249', 'b'])).toEqual(
        new Map([
          ['6', what('256')],
          ['8', what('258')],
          ['249', what('249')],
        ]),
      )
      expect(told).toContain('set')
      await backend.close()
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
