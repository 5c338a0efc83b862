// @ts-check
/** E1 to E4: what a cache costs over prepared statements by primary key and JSON, one kilobyte a value, the same database. */
import { join } from 'node:path'
import Database from 'better-sqlite3'
import mysql2 from 'mysql2/promise'
import pg from 'pg'
import { createCaches } from 'stillwarm'
import { mysql, postgres, sqlite } from 'stillwarm/backends/sql'
import { timed } from '../harness.mjs'
import { kilobyte as value } from '../kilobyte.mjs'
import { folder, mariadbUrl, postgresUrl } from './server.mjs'

const keys = Array.from({ length: 100 }, (_, i) => `key-${i}`)
const TTL = 600
const POOL = 8

/** What the contenders are asked for. @typedef {{ get(key: string): unknown, set(key: string): unknown, getMany?(): unknown, setMany?(): unknown }} Ways */

/** @param {import('stillwarm').Backend} backend @returns {Promise<Ways>} */
async function cache(backend) {
  await backend.table?.create()
  const caches = createCaches({ default: { backend, ttl: TTL } })
  const mine = caches.default
  const all = Object.fromEntries(keys.map((key) => [key, value]))
  await mine.setMany(all)
  return {
    get: (key) => mine.get(key),
    set: (key) => mine.set(key, value),
    getMany: () => mine.getMany(keys),
    setMany: () => mine.setMany(all),
  }
}

/** @returns {Promise<Ways>} */
async function barePg() {
  const pool = new pg.Pool({ connectionString: await postgresUrl(), max: POOL })
  await pool.query('CREATE TABLE bare (key text PRIMARY KEY, value text, expires bigint)')
  await pool.query('CREATE INDEX ON bare (expires)')
  const upsert = 'ON CONFLICT (key) DO UPDATE SET value = excluded.value, expires = excluded.expires'
  const end = () => Date.now() + TTL * 1000
  /** @type {Ways} */
  const ways = {
    async get(key) {
      const text = 'SELECT value FROM bare WHERE key = $1 AND expires > $2'
      const { rows } = await pool.query({ name: 'get', text, values: [key, Date.now()] })
      return JSON.parse(rows[0].value)
    },
    set: (key) =>
      pool.query({
        name: 'set',
        text: `INSERT INTO bare VALUES ($1, $2, $3) ${upsert}`,
        values: [key, JSON.stringify(value), end()],
      }),
    async getMany() {
      const text = 'SELECT key, value FROM bare WHERE key = ANY($1) AND expires > $2'
      const { rows } = await pool.query({ name: 'many', text, values: [keys, Date.now()] })
      return new Map(rows.map((row) => [row.key, JSON.parse(row.value)]))
    },
    setMany: () =>
      pool.query({
        name: 'all',
        text: `INSERT INTO bare SELECT k, v, $3 FROM unnest($1::text[], $2::text[]) AS t(k, v) ${upsert}`,
        values: [keys, keys.map(() => JSON.stringify(value)), end()],
      }),
  }
  await ways.setMany?.()
  return ways
}

/** @returns {Promise<Ways>} */
async function bareSqlite() {
  const db = new Database(join(folder('bare'), 'bare.db'))
  db.pragma('journal_mode = WAL')
  db.pragma('synchronous = NORMAL')
  db.exec(
    'CREATE TABLE bare (key TEXT PRIMARY KEY, value TEXT, expires INTEGER); CREATE INDEX i ON bare (expires)',
  )
  const get = db.prepare('SELECT value FROM bare WHERE key = ? AND expires > ?').pluck()
  const set = db.prepare(
    'INSERT INTO bare VALUES (?, ?, ?) ON CONFLICT (key) DO UPDATE SET value = excluded.value, expires = excluded.expires',
  )
  const getOne = (/** @type {string} */ key) => JSON.parse(String(get.get(key, Date.now())))
  const setOne = (/** @type {string} */ key) => set.run(key, JSON.stringify(value), Date.now() + TTL * 1000)
  const setAll = db.transaction(() => keys.forEach(setOne))
  const getAll = db.transaction(() => new Map(keys.map((key) => [key, getOne(key)])))
  setAll()
  return { get: getOne, set: setOne, getMany: getAll, setMany: setAll }
}

/** @returns {Promise<Ways>} */
async function bareMysql2() {
  const pool = mysql2.createPool({ uri: await mariadbUrl(), connectionLimit: POOL })
  await pool.query(
    'CREATE TABLE bare (k VARBINARY(255) PRIMARY KEY, v LONGTEXT, expires BIGINT, KEY (expires))',
  )
  /** @type {Ways} */
  const ways = {
    async get(key) {
      const sql = 'SELECT v FROM bare WHERE k = ? AND expires > ?'
      const [rows] = await pool.execute({ sql, rowsAsArray: true }, [key, Date.now()])
      return JSON.parse(/** @type {string[][]} */ (rows)[0]?.[0] ?? '')
    },
    set: (key) =>
      pool.execute(
        'INSERT INTO bare VALUES (?, ?, ?) ON DUPLICATE KEY UPDATE v = VALUES(v), expires = VALUES(expires)',
        [key, JSON.stringify(value), Date.now() + TTL * 1000],
      ),
  }
  for (const key of keys) await ways.set(key)
  return ways
}

const ROUND = 300

/**
 * @param {() => Promise<Ways>} make
 * @param {(ways: Ways, i: number) => unknown} one
 */
const each = (make, one) => async () => {
  const ways = await make()
  return timed(async (n) => {
    for (let i = 0; i < n; i++) await one(ways, i)
  }, ROUND)
}

/**
 * @param {() => Promise<Ways>} make
 * @param {(ways: Ways, key: string) => unknown} one
 */
const together = (make, one) => async () => {
  const ways = await make()
  return timed(async (n) => {
    for (let i = 0; i < n; i += 100) await Promise.all(keys.map((key) => one(ways, key)))
  }, ROUND)
}

const at = (/** @type {number} */ i) => keys[i % keys.length] ?? ''

/**
 * @param {string} goal
 * @param {string} title
 * @param {[name: string, make: () => Promise<Ways>]} bare
 * @param {() => Promise<Ways>} ours
 * @param {{ one: number, many: number | undefined }} times
 * @returns {import('../harness.mjs').Row[]}
 */
function rowsOf(goal, title, [limit, bare], ours, times) {
  const row = (
    /** @type {string} */ what,
    /** @type {(make: () => Promise<Ways>) => () => Promise<import('../harness.mjs').Round>} */ round,
    /** @type {number | undefined} */ least,
  ) => ({
    name: `${goal} ${title} ${what}`,
    unit: 'ns',
    limit,
    contenders: { [limit]: round(bare), stillwarm: round(ours) },
    goals: least === undefined ? [] : [{ contender: 'stillwarm', of: limit, times: least }],
  })
  const one = [
    row('get 1 KB', (make) => each(make, (ways, i) => ways.get(at(i))), times.one),
    row('set 1 KB', (make) => each(make, (ways, i) => ways.set(at(i))), times.one),
    row('get 1 KB, 100 in flight', (make) => together(make, (ways, key) => ways.get(key)), times.one),
    row('set 1 KB, 100 in flight', (make) => together(make, (ways, key) => ways.set(key)), times.one),
  ]
  if (times.many === undefined) return one
  return [
    ...one,
    row('getMany of 100', (make) => each(make, (ways) => ways.getMany?.()), times.many),
    row('setMany of 100', (make) => each(make, (ways) => ways.setMany?.()), times.many),
  ]
}

/** @type {import('../harness.mjs').Row[]} */
export const rows = [
  ...rowsOf(
    'E1 E2',
    'PostgreSQL',
    ['pg, prepared + JSON', barePg],
    async () => cache(postgres({ url: await postgresUrl(), poolSize: POOL })),
    { one: 0.9, many: 0.9 },
  ),
  ...rowsOf(
    'E3',
    'SQLite',
    ['better-sqlite3, prepared + JSON', bareSqlite],
    () => cache(sqlite({ path: join(folder('ours'), 'ours.db') })),
    { one: 0.85, many: 0.9 },
  ),
  ...rowsOf(
    'E4',
    'MariaDB',
    ['mysql2, prepared + JSON', bareMysql2],
    async () => cache(mysql({ url: await mariadbUrl(), poolSize: POOL })),
    { one: 0.85, many: undefined },
  ),
]
