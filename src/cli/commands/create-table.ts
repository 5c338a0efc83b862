/** Makes the tables that caches rest in: those that are missing, twice as once, and never over a table that is not ours. */
import { setTimeout as sleep } from 'node:timers/promises'
import { withinDeadline } from '../../core/guarding/deadline.ts'
import type { Table } from '../../core/table.ts'
import type { Command, Context } from '../command.ts'
import { DONE, FAILED, reasonOf } from '../failure.ts'
import { cachesOf, timeoutOf } from '../given.ts'
import { failed } from '../reach.ts'
import { aliasesOf, type TableOf, tablesOf } from '../tables.ts'

type Outcome = 'created' | 'exists' | 'unrouted' | 'failed'

const TOLD: Readonly<Record<Exclude<Outcome, 'failed'>, string>> = {
  created: 'is created',
  exists: 'exists already',
  unrouted: 'is not made from here: route.migrate is false',
}

export const createTable: Command = {
  usage: 'create-table',
  summary: 'make the tables that SQL caches rest in',
  options: [
    ['--cache <alias...>', 'only the tables of these'],
    ['--dry-run', 'print the statements and connect to nothing'],
    ['--timeout <time>', 'how long a server may take to answer (default: 600ms)'],
    ['--json', 'the outcome, or the statements, as JSON'],
  ],
  examples: ['stillwarm create-table', 'stillwarm create-table --dry-run | psql shop'],
  async run({ terminal, load }, _, options) {
    const ms = timeoutOf(options.timeout)
    const { caches } = await load()
    const chosen = cachesOf(caches, options)
    const tables = tablesOf(chosen)
    if (tables.length === 0) {
      const which =
        options.cache === undefined ? 'No cache of this configuration rests' : 'None of these rests'
      terminal.note(`${which} in a table: there is nothing to make`)
    }
    if (options.dryRun) {
      print(tables, terminal, options.json)
      return DONE
    }
    const told: object[] = []
    let code = DONE
    // One after the other: two of them may be one table of one database.
    for (const of of tables) {
      const { outcome, reason } = await make(of, ms)
      told.push({ caches: of.caches.map(({ alias }) => alias), table: of.table.name, outcome, reason })
      if (outcome === 'failed') {
        code = FAILED
        terminal.note(reason ?? '', 'red')
      } else if (!options.json) terminal.out(`${aliasesOf(of)}: table ${of.table.name} ${TOLD[outcome]}`)
    }
    if (options.json) terminal.json(told)
    return code
  },
}

async function make(
  { table, caches: [cache] }: TableOf,
  ms: number,
): Promise<{ outcome: Outcome; reason?: string }> {
  try {
    return { outcome: await created(table, ms) }
  } catch (error) {
    return { outcome: 'failed', reason: reasonOf(failed(cache, error)) }
  }
}

/**
 * Making a table may take its time, but only while the server answers. It is not asked before: where the table is not to be made
 * from here, nothing is asked of that database.
 */
async function created(table: Table, ms: number): ReturnType<Table['create']> {
  const over = new AbortController()
  const creating = table.create()
  const watching = async () => {
    await sleep(ms / 2, undefined, { signal: over.signal })
    await withinDeadline(ms / 2, table.state(), 'looking for the table')
    return creating
  }
  try {
    return await Promise.race([creating, watching()])
  } finally {
    over.abort()
  }
}

/** SQL and nothing else, so that it can be piped into a client. */
function print(tables: readonly TableOf[], terminal: Context['terminal'], json = false): void {
  if (json) {
    terminal.json(
      tables.map(({ caches, table }) => ({
        caches: caches.map(({ alias }) => alias),
        table: table.name,
        statements: table.statements(),
      })),
    )
    return
  }
  for (const { table } of tables)
    for (const statement of table.statements()) terminal.out(terminated(statement))
}

function terminated(statement: string): string {
  return `${statement.trimEnd().replace(/;$/, '')};`
}
