/**
 * Refreshes through pg-boss on PostgreSQL. A task waits once for its key; tries, backoff and priority are pg-boss's own, and what
 * is beyond help ends in a dead letter queue.
 */
import { checkInteger, checkOptions, kindOf } from '../../../core/options.ts'
import { type Engine, EngineRunner } from '../../engine.ts'
import { checkInstalled } from '../../installed.ts'
import {
  checkObject,
  checkUrl,
  ENGINE_OPTIONS,
  type EngineOptions,
  MOST_DEATHS,
  refused,
  settleEngine,
} from '../../queue-options.ts'
import type { Runner } from '../../runner.ts'
import { Line, type Settings, WHERE } from './line.ts'
import { PgBossWorking } from './worker.ts'

export interface PgBossOptions extends EngineOptions {
  /** Where PostgreSQL is: a URL, or options of pg's `Pool` and of pg-boss. Left out, pg's own `PGHOST`, `PGUSER` … say it. */
  connection?: string | object
  /** The schema of pg-boss's tables; `pgboss` by default. They are made when they are not there, unless `migrate: false`. */
  schema?: string
  migrate?: boolean
  /** How often an idle worker looks for tasks, in milliseconds; 500 by default. */
  pollInterval?: number
}

const NAMES = [...ENGINE_OPTIONS, 'connection', 'schema', 'migrate', 'pollInterval']

/** What makes two tasks one, and where they are stored. */
const OURS = [
  ...['id', 'db', 'group', 'retryLimit', 'expireInSeconds', 'expireInMinutes', 'expireInHours', 'deadLetter'],
  ...['singletonKey', 'singletonSeconds', 'singletonMinutes', 'singletonHours', 'singletonNextSlot'],
]

/**
 * Runs refreshes through pg-boss (10.4 or later; 12 needs Node 22) on PostgreSQL.
 *
 * @throws TypeError for options that cannot work; ConfigError `MISSING_PACKAGE` where pg-boss is not installed.
 * @example
 * const runner = pgBoss({ connection: 'postgres://127.0.0.1/shop' })
 * const prices = defineJob({ name: 'prices', cache, load, runner })
 */
export function pgBoss(options: PgBossOptions = {}): Runner {
  checkOptions(WHERE, options, NAMES)
  const { schema = 'pgboss', migrate = true } = options
  if (typeof schema !== 'string' || !/^[a-z_]\w{0,49}$/i.test(schema)) {
    throw refused(`${WHERE}: schema is up to 50 letters, digits and '_', and begins with no digit`)
  }
  if (typeof migrate !== 'boolean')
    throw refused(`${WHERE}: migrate must be true or false, not ${kindOf(migrate)}`)
  const settings: Settings = {
    ...settleEngine(WHERE, options),
    connection:
      typeof options.connection === 'string'
        ? {
            connectionString: checkUrl(`${WHERE}: connection`, options.connection, [
              'postgres:',
              'postgresql:',
            ]),
          }
        : checkObject(`${WHERE}: connection`, options.connection),
    schema,
    migrate,
    pollInterval: checkInteger(`${WHERE}: pollInterval`, options.pollInterval ?? 500, 10, 3_600_000),
  }
  checkInstalled(WHERE, ['pg-boss'], import.meta.url)
  return new EngineRunner(pgBossEngine(settings), settings)
}

function pgBossEngine(settings: Settings): Engine<Line> {
  return {
    name: 'pg-boss',
    where: WHERE,
    ours: OURS,
    async open() {
      const line = await Line.make(settings, false, () => {})
      await line.start().catch((error: unknown) => {
        line.drop()
        throw error
      })
      return line
    },
    drop: (line) => line.drop(),
    close: (line) => line.close(),
    async send(line, queue, task, options, jobOptions) {
      await line.queue(queue)
      // As text: PostgreSQL's JSON has no NUL and no half of a surrogate pair, and a key may have both.
      const data = { job: task.job, task: JSON.stringify(task), tries: options.tries }
      const id = await line.boss.send(queue, data, {
        ...pauses(options.backoff),
        priority: options.priority,
        ...jobOptions,
        retryLimit: options.tries - 1 + MOST_DEATHS,
        singletonKey: task.id,
        expireInSeconds: Math.ceil(settings.deadAfter / 1_000),
      })
      return id !== null
    },
    work: (queues, orders) => new PgBossWorking(settings, orders, queues),
  }
}

/** pg-boss counts in seconds, and with growing pauses from one on. */
function pauses(backoff: number): { retryDelay: number; retryBackoff: boolean } {
  const retryDelay = Math.round(backoff / 1_000)
  return { retryDelay, retryBackoff: retryDelay > 0 }
}
