/**
 * SQLite, from 3.35 on (`RETURNING`). A list of keys is one value, as JSON, and so one statement for any length of it; many entries are
 * as many runs of one prepared statement in one transaction: nothing is quicker.
 */
import {
  type Dialect,
  type Meaning,
  NEVER,
  type Row,
  type Statements,
  type TableName,
  type Value,
  Writer,
} from '../dialect.ts'
import { COUNT_OF_ROWS, MOST, plainStatements } from './common.ts'

const FOUND = 'coalesce([value], [number])'

const INSERT = `
  INSERT INTO [table] ([cache_key], [value], [number], [expires], [used]) VALUES (:key, :value, :number, :expires, :now)
  ON CONFLICT ([cache_key]) DO UPDATE SET [value] = excluded.[value], [number] = excluded.[number],
    [expires] = excluded.[expires], [claim] = NULL, [claim_until] = 0`
const NOTED = `${INSERT}, [used] = excluded.[used]`

export const sqlite: Dialect = {
  name: 'sqlite',
  title: 'SQLite',
  transactional: true,
  returning: true,
  longestName: 255,
  quote: (identifier) => `"${identifier.replaceAll('"', '""')}"`,
  key: (text) => text,
  text: String,
  named: String,
  bytes(value) {
    if (value instanceof Buffer) return value
    return value instanceof Uint8Array
      ? Buffer.from(value.buffer, value.byteOffset, value.byteLength)
      : undefined
  },
  found: (value) => (typeof value === 'number' ? Buffer.from(String(value)) : sqlite.bytes(value)),
  kept: ({ changed }) => changed > 0,
  added: ({ last }) => (last === undefined ? 0 : 1),
  statements,
  create({ quoted, name, schema }: TableName) {
    const index = (column: string) =>
      (schema === undefined ? '' : `${sqlite.quote(schema)}.`) + sqlite.quote(`${name}_${column}_idx`)
    const table = sqlite.quote(name)
    return [
      `CREATE TABLE IF NOT EXISTS ${quoted} (` +
        '"cache_key" TEXT NOT NULL PRIMARY KEY, "value" BLOB, "number" INTEGER, "expires" INTEGER NOT NULL, ' +
        '"used" INTEGER NOT NULL, "claim" TEXT, "claim_until" INTEGER NOT NULL DEFAULT 0)',
      `CREATE INDEX IF NOT EXISTS ${index('expires')} ON ${table} ("expires")`,
      `CREATE INDEX IF NOT EXISTS ${index('used')} ON ${table} ("used")`,
    ]
  },
  columns({ name, schema }) {
    const place = schema === undefined ? '' : ', ?'
    const values = schema === undefined ? [] : [schema]
    return {
      statement: {
        name: 'stillwarm_columns',
        text:
          `SELECT name, type, name IN (SELECT max(k.name) FROM pragma_index_list(?${place}) AS i, pragma_index_info(i.name${place}) AS k ` +
          `WHERE i."unique" AND NOT i.partial GROUP BY i.name HAVING count(*) = 1) FROM pragma_table_info(?${place})`,
        params: [],
        prepared: false,
      },
      values: [name, ...values, ...values, name, ...values],
    }
  },
  types: {
    cache_key: /^TEXT$/i,
    value: /^BLOB$/i,
    number: /^INTEGER$/i,
    expires: /^INTEGER$/i,
    used: /^INTEGER$/i,
    claim: /^TEXT$/i,
    claim_until: /^INTEGER$/i,
  },
  meaning,
}

function statements(table: string): Statements {
  const write = new Writer(table, sqlite.quote, () => '?', false)
  const plain = plainStatements(write, { found: FOUND, first: 'substr([value], 1, 1)', graced: "x'f2'" })
  const set = write.call<Row>('set', INSERT)
  const setNoted = write.call<Row>('set_noted', NOTED)
  const overKeys = (verb: string, source: string) => {
    const statement = write.call<{ keys: string; now: number }>(
      verb,
      source.replace(':keys', '(SELECT value FROM json_each(:keys))'),
    )
    return (keys: readonly Value[], now: number) =>
      keys.length === 0 ? [] : [statement({ keys: JSON.stringify(keys), now })]
  }
  return {
    ...plain,
    getMany: overKeys(
      'get_many',
      `SELECT [cache_key], ${FOUND} FROM [table] WHERE [cache_key] IN :keys AND [expires] > :now`,
    ),
    set: (row, noted) => (noted ? setNoted(row) : set(row)),
    setMany: (rows, noted) => rows.map(noted ? setNoted : set),
    add: write.call('add', `${NOTED} WHERE [expires] <= :now`),
    delete: write.call('delete', 'DELETE FROM [table] WHERE [cache_key] = :key RETURNING [expires] > :now'),
    deleteMany: overKeys(
      'delete_many',
      'DELETE FROM [table] WHERE [cache_key] IN :keys RETURNING [expires] > :now',
    ),
    deleteDead: () => [],
    incr: write.call(
      'incr',
      `UPDATE [table] SET [number] = [number] + :by, [used] = :now, [claim] = NULL, [claim_until] = 0
       WHERE [cache_key] = :key AND [expires] > :now AND [number] + :by BETWEEN -${MOST} AND ${MOST} RETURNING [number]`,
    ),
    claim: write.call(
      'claim',
      `INSERT INTO [table] ([cache_key], [expires], [used], [claim], [claim_until])
       VALUES (:key, 0, ${NEVER}, :token, :until)
       ON CONFLICT ([cache_key]) DO UPDATE SET [claim] = excluded.[claim], [claim_until] = excluded.[claim_until]
       WHERE [claim_until] <= :now RETURNING [value], [number], [expires]`,
    ),
    sweep: write.call(
      'sweep',
      `DELETE FROM [table] WHERE rowid IN (
         SELECT rowid FROM [table] WHERE [expires] >= 0 AND [expires] <= :now AND [claim_until] <= :now
         ORDER BY [expires] LIMIT :limit) RETURNING CASE WHEN [expires] > 0 THEN [cache_key] END`,
    ),
    evict: write.call(
      'evict',
      `DELETE FROM [table] WHERE rowid IN (
         SELECT rowid FROM [table] WHERE [expires] > 0 AND [claim_until] <= :now
         ORDER BY [used] LIMIT :limit) RETURNING [cache_key]`,
    ),
    use: overKeys('use', 'UPDATE [table] SET [used] = :now WHERE [cache_key] IN :keys AND [expires] > :now'),
    tally: write.call(
      'tally',
      `INSERT INTO [table] ([cache_key], [number], [expires], [used])
       VALUES (:key, NULL, ${COUNT_OF_ROWS}, ${NEVER})
       ON CONFLICT ([cache_key]) DO UPDATE SET [number] = [number] + :by RETURNING [number]`,
    ),
  }
}

/** The codes are those of better-sqlite3, `SQLITE_BUSY_SNAPSHOT` among them. */
function meaning(code: string): Meaning {
  if (/^SQLITE_(BUSY|LOCKED)/.test(code)) return 'transient'
  if (/^SQLITE_TOOBIG$/.test(code)) return 'too-large'
  return code === 'NO_TABLE' ? 'missing-table' : 'refused'
}
