/** The statements that all three databases understand in the same words. */
import type { Statements, Writer } from '../dialect.ts'

/** Numbers are kept exact: ±(2^53 − 1). */
export const MOST = Number.MAX_SAFE_INTEGER

/** The `expires` of the row that holds the count: neither an entry, nor a claim, nor over. */
export const COUNT_OF_ROWS = -1

type Shared =
  | 'get'
  | 'look'
  | 'has'
  | 'touch'
  | 'replace'
  | 'extend'
  | 'fill'
  | 'release'
  | 'unclaim'
  | 'breakClaim'
  | 'range'
  | 'count'
  | 'stretch'
  | 'settle'

/** How a database says: */
interface Words {
  /** what rests there, bytes or the digits of a number */
  readonly found: string
  /** the first byte of the value */
  readonly first: string
  /** that byte of what has times of its own */
  readonly graced: string
}

export function plainStatements(write: Writer, { found, first, graced }: Words): Pick<Statements, Shared> {
  return {
    get: write.call('get', `SELECT ${found} FROM [table] WHERE [cache_key] = :key AND [expires] > :now`),
    look: write.call(
      'look',
      'SELECT [value], [number], [expires], [claim] FROM [table] WHERE [cache_key] = :key',
    ),
    has: write.call(
      'has',
      `SELECT ${first}, [number] FROM [table] WHERE [cache_key] = :key AND [expires] > :now`,
    ),
    touch: write.call(
      'touch',
      `UPDATE [table] SET [expires] = :expires WHERE [cache_key] = :key AND [expires] > :now
       AND ([value] IS NULL OR ${first} <> ${graced})`,
    ),
    replace: write.call(
      'replace',
      `UPDATE [table] SET [value] = :value, [number] = :number, [expires] = :expires, [used] = :now
       WHERE [cache_key] = :key AND [expires] > :now AND ([value] = :was OR [number] = :wasnumber)`,
    ),
    extend: write.call(
      'extend',
      'UPDATE [table] SET [claim_until] = :until WHERE [cache_key] = :key AND [claim] = :token',
    ),
    fill: write.call(
      'fill',
      `UPDATE [table] SET [value] = :value, [number] = :number, [expires] = :expires, [used] = :now,
       [claim] = NULL, [claim_until] = 0 WHERE [cache_key] = :key AND [claim] = :token`,
    ),
    release: write.call(
      'release',
      `UPDATE [table] SET [claim] = NULL, [claim_until] = 0
       WHERE [cache_key] = :key AND [claim] = :token AND [expires] > :now`,
    ),
    unclaim: write.call(
      'unclaim',
      'DELETE FROM [table] WHERE [cache_key] = :key AND [claim] = :token AND [expires] <= :now',
    ),
    breakClaim: write.call(
      'break_claim',
      'UPDATE [table] SET [claim] = NULL, [claim_until] = 0 WHERE [cache_key] = :key',
    ),
    range: write.call(
      'range',
      `SELECT [cache_key] FROM [table] WHERE [cache_key] > :after AND [cache_key] >= :from AND [cache_key] < :to
       ORDER BY [cache_key] LIMIT :limit`,
    ),
    count: write.call('count', 'SELECT count(*) FROM [table] WHERE [expires] > :now'),
    stretch: write.call(
      'stretch',
      `WITH part AS (SELECT [cache_key], [expires] FROM [table] WHERE [cache_key] > :after ORDER BY [cache_key] LIMIT :limit)
       SELECT (SELECT count(*) FROM part WHERE [expires] > 0), (SELECT [cache_key] FROM part ORDER BY [cache_key] DESC LIMIT 1)`,
    ),
    settle: write.call('settle', 'UPDATE [table] SET [number] = :number WHERE [cache_key] = :key'),
  }
}
