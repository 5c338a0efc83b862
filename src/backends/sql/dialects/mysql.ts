/**
 * MariaDB from 10.3 on, and MySQL from 8.0 on. Statements that write answer no rows there, so that some verbs take a second one. Lists
 * are padded with their last key to a power of two: of each statement there are few to prepare.
 */
import {
  type Call,
  type Dialect,
  give,
  inOrder,
  type Meaning,
  NEVER,
  parts,
  type Row,
  type Statement,
  type Statements,
  type TableName,
  type Value,
  Writer,
} from '../dialect.ts'
import { COUNT_OF_ROWS, MOST, plainStatements } from './common.ts'

/** So many keys a statement; a power of two. */
const MOST_KEYS = 256
/** So many bytes of values a statement: well below what a server takes at once (16 MB by default). */
const MOST_BYTES = 2 ** 22

const FOUND = 'COALESCE([value], [number])'

const COLUMNS = '([cache_key], [value], [number], [expires], [used])'
const OVERWRITE = `
  ON DUPLICATE KEY UPDATE [value] = VALUES([value]), [number] = VALUES([number]), [expires] = VALUES([expires]),
    [claim] = NULL, [claim_until] = 0`
const NOTED = ', [used] = VALUES([used])'

/** What `add` sets LAST_INSERT_ID to where something lives: the number of rows does not tell. */
const REFUSED = 9

export const mysql: Dialect = {
  name: 'mysql',
  title: 'MySQL',
  transactional: false,
  returning: false,
  longestName: 64,
  quote: (identifier) => `\`${identifier.replaceAll('`', '``')}\``,
  // Bytes: the collations of text take many keys for one.
  key: (text) => Buffer.from(text),
  text: (key) => (mysql.bytes(key) ?? Buffer.alloc(0)).toString(),
  named: (key) => mysql.text(key),
  bytes: (value) => (value instanceof Buffer ? value : undefined),
  found: (value) => (typeof value === 'number' ? Buffer.from(String(value)) : mysql.bytes(value)),
  kept: ({ last }) => last !== REFUSED,
  // A row that is made counts once, one that is overwritten twice.
  added: ({ changed }, of) => Math.max(0, Math.min(of, 2 * of - changed)),
  statements,
  create: ({ quoted }: TableName) => [
    `CREATE TABLE IF NOT EXISTS ${quoted} (` +
      '`cache_key` VARBINARY(1000) NOT NULL PRIMARY KEY, `value` LONGBLOB, `number` BIGINT, `expires` BIGINT NOT NULL, ' +
      '`used` BIGINT NOT NULL, `claim` VARBINARY(64), `claim_until` BIGINT NOT NULL DEFAULT 0, ' +
      'KEY `expires` (`expires`), KEY `used` (`used`)) ENGINE=InnoDB ROW_FORMAT=DYNAMIC',
  ],
  columns: ({ name, schema }) => ({
    statement: {
      name: 'stillwarm_columns',
      text:
        'SELECT column_name, data_type, column_name IN (SELECT MAX(k.column_name) FROM information_schema.statistics AS k ' +
        'WHERE k.table_schema = c.table_schema AND k.table_name = c.table_name AND k.non_unique = 0 ' +
        'GROUP BY k.index_name HAVING COUNT(*) = 1 AND MAX(k.sub_part) IS NULL) FROM information_schema.columns AS c ' +
        `WHERE table_schema = ${schema === undefined ? 'DATABASE()' : '?'} AND table_name = ?`,
      params: [],
      prepared: false,
    },
    values: schema === undefined ? [name] : [schema, name],
  }),
  types: {
    cache_key: /^varbinary$/i,
    value: /^longblob$/i,
    number: /^bigint$/i,
    expires: /^bigint$/i,
    used: /^bigint$/i,
    claim: /^varbinary$/i,
    claim_until: /^bigint$/i,
  },
  meaning,
}

function statements(table: string): Statements {
  const write = new Writer(table, mysql.quote, () => '?', false, false)
  const getMany = keyed(
    write,
    'get_many',
    `SELECT [cache_key], ${FOUND} FROM [table] WHERE [cache_key] IN (:keys) AND [expires] > :now`,
  )
  const deleteMany = keyed(
    write,
    'delete_many',
    'DELETE FROM [table] WHERE [cache_key] IN (:keys) AND [expires] > :now',
  )
  const deleteDead = keyed(
    write,
    'delete_dead',
    'DELETE FROM [table] WHERE [cache_key] IN (:keys) AND [expires] <= :now',
  )
  const use = keyed(write, 'use', 'UPDATE [table] SET [used] = :now WHERE [cache_key] IN (:keys)')
  const one = `INSERT INTO [table] ${COLUMNS} VALUES (:key, :value, :number, :expires, :now) ${OVERWRITE}`
  const setPlain = write.call<Row>('set', one)
  const setNoted = write.call<Row>('set_noted', one + NOTED)
  const set = (row: Row, noted: boolean) => (noted ? setNoted(row) : setPlain(row))
  return {
    ...plainStatements(write, { found: FOUND, first: 'substring([value], 1, 1)', graced: "x'f2'" }),
    getMany,
    set,
    setMany: (rows, noted) =>
      shares(inOrder(rows)).map((some) =>
        some.length === 1 ? set(some[0]!, noted) : setMany(write, some, noted),
      ),
    add: write.call(
      'add',
      `INSERT INTO [table] ${COLUMNS} VALUES (:key, :value, :number, :expires, :now)
       ON DUPLICATE KEY UPDATE
         [value] = IF([expires] <= :now, VALUES([value]), [value]),
         [number] = IF([expires] <= :now, VALUES([number]), [number]),
         [used] = IF([expires] <= :now, VALUES([used]), [used] + 0 * LAST_INSERT_ID(${REFUSED})),
         [claim] = IF([expires] <= :now, NULL, [claim]),
         [claim_until] = IF([expires] <= :now, 0, [claim_until]),
         [expires] = IF([expires] <= :now, VALUES([expires]), [expires])`,
    ),
    delete: write.call('delete', 'DELETE FROM [table] WHERE [cache_key] = :key AND [expires] > :now'),
    deleteMany,
    deleteDead,
    incr: write.call(
      'incr',
      `UPDATE [table] SET [number] = CAST(LAST_INSERT_ID([number] + :by) AS SIGNED), [used] = :now, [claim] = NULL, [claim_until] = 0
       WHERE [cache_key] = :key AND [expires] > :now AND [number] + :by BETWEEN -${MOST} AND ${MOST}`,
    ),
    claim: write.call(
      'claim',
      `INSERT INTO [table] ([cache_key], [expires], [used], [claim], [claim_until])
       VALUES (:key, 0, ${NEVER}, :token, :until)
       ON DUPLICATE KEY UPDATE
         [claim] = IF([claim_until] > :now, [claim], VALUES([claim])),
         [claim_until] = IF([claim] = VALUES([claim]), VALUES([claim_until]), [claim_until])`,
    ),
    sweep: write.call(
      'sweep',
      'DELETE FROM [table] WHERE [expires] >= 0 AND [expires] <= :now AND [claim_until] <= :now ORDER BY [expires] LIMIT :limit',
    ),
    // By the index on `used`: left to choose, it reads and sorts every row for each batch.
    evict: write.call(
      'evict',
      `DELETE FROM [table] WHERE [used] < ${NEVER} AND [expires] + 0 > 0 AND [claim_until] <= :now ORDER BY [used] LIMIT :limit`,
    ),
    use,
    tally: write.call(
      'tally',
      `INSERT INTO [table] ([cache_key], [number], [expires], [used])
       VALUES (:key, NULL, ${COUNT_OF_ROWS}, ${NEVER}) ON DUPLICATE KEY UPDATE [number] = [number] + :by`,
    ),
  }
}

/** A statement over some keys, for each power of two of them. */
function keyed(write: Writer, verb: string, source: string) {
  const bySize = new Map<number, Statement>()
  const statementOf = (size: number): Statement => {
    let statement = bySize.get(size)
    if (statement === undefined) {
      statement = write.statement(verb, source.replace(':keys', Array(size).fill(':keys').join()))
      bySize.set(size, statement)
    }
    return statement
  }
  return (keys: readonly Value[], now: number): Call[] =>
    parts(keys.toSorted(byBytes), MOST_KEYS).map((some) => {
      const size = 2 ** Math.ceil(Math.log2(some.length))
      const statement = statementOf(size)
      const padded = Array.from({ length: size }, (_, i) => some[Math.min(i, some.length - 1)] ?? null)
      let next = 0
      return {
        statement,
        values: statement.params.map((name) => (name === 'now' ? now : (padded[next++] ?? null))),
      }
    })
}

function setMany(write: Writer, rows: readonly Row[], noted: boolean): Call {
  const places = rows.map(() => '(:key, :value, :number, :expires, :now)').join()
  const statement = write.statement(
    'set_many',
    `INSERT INTO [table] ${COLUMNS} VALUES ${places} ${OVERWRITE}${noted ? NOTED : ''}`,
    false,
  )
  const each = give(statement, {}).statement.params.length / rows.length
  return {
    statement,
    values: statement.params.map((name, i) => rows[Math.floor(i / each)]?.[name] ?? null),
    rows: rows.length,
  }
}

/** Parts of so many rows and bytes at most. */
function shares(rows: readonly Row[]): Row[][] {
  const all: Row[][] = []
  let last: Row[] = []
  let bytes = 0
  for (const row of rows) {
    const size = row.value?.length ?? 0
    if (last.length > 0 && (last.length === MOST_KEYS || bytes + size > MOST_BYTES)) {
      all.push(last)
      last = []
      bytes = 0
    }
    last.push(row)
    bytes += size
  }
  if (last.length > 0) all.push(last)
  return all
}

function byBytes(a: Value, b: Value): number {
  return a instanceof Buffer && b instanceof Buffer ? Buffer.compare(a, b) : 0
}

/** What the server says that stands in the way for a moment. */
const TRANSIENT = /^ER_(LOCK_DEADLOCK|LOCK_WAIT_TIMEOUT|CHECKREAD)$/
const TOO_LARGE = /^ER_(NET_PACKET_TOO_LARGE|MAX_ALLOWED_PACKET)$/
/** Who we are; a server that has become a replica; one with no connection left; one that stops; what the drivers say of none. */
const NO_ANSWER =
  /^ER_(ACCESS_DENIED_ERROR|DBACCESS_DENIED_ERROR|BAD_DB_ERROR|OPTION_PREVENTS_STATEMENT|READ_ONLY_MODE|CON_COUNT_ERROR|TOO_MANY_USER_CONNECTIONS|HOST_|SERVER_SHUTDOWN|CLIENT_INTERACTION_TIMEOUT|SOCKET|CONNECTION|CMD_CONNECTION|CONN|PING|UNEXPECTED|POOL)/

function meaning(code: string): Meaning {
  if (/^ER_NO_SUCH_TABLE$/.test(code)) return 'missing-table'
  if (TRANSIENT.test(code)) return 'transient'
  if (TOO_LARGE.test(code)) return 'too-large'
  return NO_ANSWER.test(code) ? 'no-answer' : 'refused'
}
