/**
 * PostgreSQL, from version 11 on. Drivers get bytes as text, and of text they make; what is read most travels in the form
 * `escape`, in which plain text is as long as it is, and not in hexadecimal, which doubles it.
 */
import {
  BytesList,
  type Call,
  type Dialect,
  digest,
  give,
  inOrder,
  type Meaning,
  NEVER,
  parts,
  type Row,
  type Statements,
  type TableName,
  type Value,
  Writer,
} from '../dialect.ts'
import { COUNT_OF_ROWS, MOST, plainStatements } from './common.ts'

/** So many keys a statement. */
const MOST_KEYS = 1_000

const FOUND = "coalesce(encode([value], 'escape'), [number]::text)"

const UPSERT = `
  INSERT INTO [table] AS was ([cache_key], [value], [number], [expires], [used])`
const OVERWRITE = `
  ON CONFLICT ([cache_key]) DO UPDATE SET [value] = excluded.[value], [number] = excluded.[number],
    [expires] = excluded.[expires], [used] = excluded.[used], [claim] = NULL, [claim_until] = 0`

export const postgres: Dialect = {
  name: 'postgres',
  title: 'PostgreSQL',
  transactional: true,
  returning: true,
  longestName: 63,
  quote: (identifier) => `"${identifier.replaceAll('"', '""')}"`,
  key: (text) => Buffer.from(text),
  text: (key) => (postgres.bytes(key) ?? Buffer.alloc(0)).toString(),
  named: (key) => {
    const text = String(key)
    // Where nothing is escaped it is plain ASCII, and the text itself.
    return text.includes('\\') ? unescaped(text).toString() : text
  },
  bytes(value) {
    if (typeof value !== 'string') return undefined
    // Elsewhere than in `hex` (the setting `bytea_output`) a backslash never stands before an x.
    return value.startsWith('\\x') ? Buffer.from(value.slice(2), 'hex') : unescaped(value)
  },
  found: (value) => (typeof value === 'string' ? unescaped(value) : undefined),
  kept: ({ changed }) => changed > 0,
  added: ({ rows: [row] }) => Number(row?.[0] ?? 0),
  statements,
  create({ quoted, name }: TableName) {
    const index = (column: string) => postgres.quote(`${cut(name)}_${column}_idx`)
    return [
      `CREATE TABLE IF NOT EXISTS ${quoted} (` +
        '"cache_key" bytea NOT NULL PRIMARY KEY, "value" bytea, "number" bigint, "expires" bigint NOT NULL, ' +
        '"used" bigint NOT NULL, "claim" text, "claim_until" bigint NOT NULL DEFAULT 0)',
      `CREATE INDEX IF NOT EXISTS ${index('expires')} ON ${quoted} ("expires")`,
      `CREATE INDEX IF NOT EXISTS ${index('used')} ON ${quoted} ("used")`,
      // What is worth compressing has been.
      `ALTER TABLE ${quoted} ALTER COLUMN "value" SET STORAGE EXTERNAL`,
    ]
  },
  columns: ({ quoted }) => ({
    statement: {
      name: 'stillwarm_columns',
      text:
        'SELECT attname, format_type(atttypid, NULL), ' +
        '((SELECT count(*) FROM pg_index WHERE indrelid = attrelid AND indkey[0] = attnum AND indnkeyatts = 1 AND indisunique ' +
        'AND indimmediate AND indisvalid AND indpred IS NULL) > 0)::int FROM pg_attribute ' +
        'WHERE attrelid = to_regclass($1) AND attnum > 0 AND NOT attisdropped',
      params: ['table'],
      prepared: false,
    },
    values: [quoted],
  }),
  types: {
    cache_key: /^bytea$/,
    value: /^bytea$/,
    number: /^bigint$/,
    expires: /^bigint$/,
    used: /^bigint$/,
    claim: /^text$/,
    claim_until: /^bigint$/,
  },
  meaning,
}

function statements(table: string): Statements {
  const write = new Writer(table, postgres.quote, (index) => `$${index}`, true)
  const getMany = write.statement(
    'get_many',
    `SELECT encode([cache_key], 'escape'), ${FOUND} FROM [table] WHERE [cache_key] = ANY(:keys::bytea[]) AND [expires] > :now`,
  )
  const setMany = write.statement(
    'set_many',
    // In the order of the keys, which all who write take: then none waits for another in a ring.
    `WITH written AS (
       ${UPSERT} SELECT k, v, n, e, :now::bigint FROM unnest(:keys::bytea[], :values::bytea[], :numbers::bigint[], :ends::bigint[]) AS given(k, v, n, e)
       ${OVERWRITE} RETURNING xmax = 0 AS made)
     SELECT count(*) FILTER (WHERE made) FROM written`,
  )
  const deleteMany = write.statement(
    'delete_many',
    `DELETE FROM [table] WHERE [cache_key] IN
       (SELECT [cache_key] FROM [table] WHERE [cache_key] = ANY(:keys::bytea[]) ORDER BY [cache_key] FOR UPDATE)
     RETURNING ([expires] > :now)::int`,
  )
  const use = write.statement(
    'use',
    `UPDATE [table] SET [used] = :now WHERE ctid = ANY(ARRAY(
       SELECT ctid FROM [table] WHERE [cache_key] = ANY(:keys::bytea[]) AND [expires] > :now FOR UPDATE SKIP LOCKED))`,
  )
  const overKeys = (statement: typeof use) => (keys: readonly Value[], now: number) =>
    parts(keys, MOST_KEYS).map((some) => give(statement, { keys: listOf(some), now }))
  return {
    ...plainStatements(write, {
      found: FOUND,
      first: 'substring([value] from 1 for 1)',
      graced: "decode('f2', 'hex')",
    }),
    set: write.call(
      'set',
      `${UPSERT} VALUES (:key, :value, :number, :expires, :now) ${OVERWRITE} RETURNING (xmax = 0)::int`,
    ),
    setMany: (rows) => parts(inOrder(rows), MOST_KEYS).map((some) => setManyOf(setMany, some)),
    add: write.call(
      'add',
      `${UPSERT} VALUES (:key, :value, :number, :expires, :now) ${OVERWRITE} WHERE was.[expires] <= :now`,
    ),
    getMany: overKeys(getMany),
    delete: write.call(
      'delete',
      'DELETE FROM [table] WHERE [cache_key] = :key RETURNING ([expires] > :now)::int',
    ),
    deleteMany: overKeys(deleteMany),
    deleteDead: () => [],
    incr: write.call(
      'incr',
      `UPDATE [table] SET [number] = [number] + :by::bigint, [used] = :now, [claim] = NULL, [claim_until] = 0
       WHERE [cache_key] = :key AND [expires] > :now AND [number] + :by::bigint BETWEEN -${MOST} AND ${MOST} RETURNING [number]`,
    ),
    claim: write.call(
      'claim',
      `INSERT INTO [table] AS was ([cache_key], [expires], [used], [claim], [claim_until])
       VALUES (:key, 0, ${NEVER}, :token, :until)
       ON CONFLICT ([cache_key]) DO UPDATE SET [claim] = excluded.[claim], [claim_until] = excluded.[claim_until]
       WHERE was.[claim_until] <= :now RETURNING [value], [number], [expires]`,
    ),
    sweep: write.call(
      'sweep',
      `DELETE FROM [table] WHERE ctid = ANY(ARRAY(
         SELECT ctid FROM [table] WHERE [expires] >= 0 AND [expires] <= :now AND [claim_until] <= :now
         ORDER BY [expires] LIMIT :limit FOR UPDATE SKIP LOCKED)) RETURNING CASE WHEN [expires] > 0 THEN [cache_key] END`,
    ),
    evict: write.call(
      'evict',
      `DELETE FROM [table] WHERE ctid = ANY(ARRAY(
         SELECT ctid FROM [table] WHERE [expires] > 0 AND [claim_until] <= :now
         ORDER BY [used] LIMIT :limit FOR UPDATE SKIP LOCKED)) RETURNING [cache_key]`,
    ),
    use: overKeys(use),
    tally: write.call(
      'tally',
      `INSERT INTO [table] AS was ([cache_key], [number], [expires], [used])
       VALUES (:key, NULL, ${COUNT_OF_ROWS}, ${NEVER})
       ON CONFLICT ([cache_key]) DO UPDATE SET [number] = was.[number] + :by::bigint RETURNING [number]`,
    ),
  }
}

function setManyOf(statement: Call['statement'], rows: readonly Row[]): Call {
  return give(statement, {
    keys: listOf(rows.map(({ key }) => key)),
    values: new BytesList(rows.map(({ value }) => value)),
    numbers: `{${rows.map(({ number }) => number ?? 'NULL').join()}}`,
    ends: `{${rows.map(({ expires }) => expires).join()}}`,
    now: rows[0]?.now ?? 0,
  })
}

function listOf(keys: readonly Value[]): BytesList {
  return new BytesList(keys.map((key) => (key instanceof Uint8Array ? key : null)))
}

const BACKSLASH = 0x5c
const ZERO = 0x30

/**
 * Bytes from the form `escape`: a backslash is two, and what is no ASCII (or is NUL) a backslash and three octal digits. What stands
 * between them is moved at once.
 */
function unescaped(text: string): Buffer {
  const bytes = Buffer.from(text, 'latin1')
  const end = bytes.length
  let from = bytes.indexOf(BACKSLASH)
  if (from < 0) return bytes
  let to = from
  while (from < end) {
    if (bytes[from + 1] === BACKSLASH) {
      bytes[to++] = BACKSLASH
      from += 2
    } else {
      const high = ((bytes[from + 1]! - ZERO) << 6) | ((bytes[from + 2]! - ZERO) << 3)
      bytes[to++] = high | (bytes[from + 3]! - ZERO)
      from += 4
    }
    if (bytes[from] === BACKSLASH) continue
    const next = bytes.indexOf(BACKSLASH, from)
    const until = next < 0 ? end : next
    bytes.copyWithin(to, from, until)
    to += until - from
    from = until
  }
  return bytes.subarray(0, to)
}

/** Short enough for what follows it in the name of an index, which no other index may have: a long one ends in a digest of all of it. */
function cut(name: string): string {
  if (Buffer.byteLength(name) <= 48) return name
  let text = name
  while (Buffer.byteLength(text) > 40) text = text.slice(0, -1)
  return `${text}_${digest(name)}`
}

function meaning(code: string): Meaning {
  switch (code) {
    case '42P01':
      return 'missing-table'
    case '40001':
    case '40P01':
    case '55P03':
      return 'transient'
    case '54000':
    case '53200':
      return 'too-large'
    // A server that has become a replica; one that starts or stops; one with no connection left; who we are.
    case '25006':
    case '53300':
    case '3D000':
    case '28P01':
    case '28000':
      return 'no-answer'
    default:
      return /^(08|57P)/.test(code) ? 'no-answer' : 'refused'
  }
}
