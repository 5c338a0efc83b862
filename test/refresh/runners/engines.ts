/** The engines under test, each with a real server of its own that keeps what it was given when it is killed. */
import { execFileSync } from 'node:child_process'
import type { EngineOptions } from '../../../src/refresh/queue-options.ts'
import type { Runner, Task, TaskOptions } from '../../../src/refresh/runner.ts'
import { bullmq } from '../../../src/refresh/runners/bullmq.ts'
import { pgBoss } from '../../../src/refresh/runners/pg-boss/pg-boss.ts'
import { startPostgres } from '../../servers/postgres.ts'
import { startRedis } from '../../servers/redis.ts'
import type { TestServer } from '../../servers/server.ts'

export interface Engine {
  name: string
  start(): Promise<Running>
}

export interface Running {
  server: TestServer
  /** Where it is, for `connection`. */
  url: string
  runner(options?: EngineOptions): Runner
  /** The tasks given up in a queue, as text that holds them. */
  dead(queue: string): string[]
}

/** Looked for so often, in milliseconds, that tests need not wait. */
const QUICK = { opTimeout: 500, deadAfter: 1_000 }

export const engines: Engine[] = [
  {
    name: 'bullmq',
    async start() {
      const server = await startRedis({ args: ['--appendonly', 'yes', '--appendfsync', 'always'] })
      const url = `redis://${server.address}`
      return {
        server,
        url,
        runner: (options) => bullmq({ connection: url, ...QUICK, ...options }),
        dead(queue) {
          const cli = (...words: string[]) =>
            execFileSync('redis-cli', ['-p', String(server.port), ...words], { encoding: 'utf8' }).trim()
          const ids = cli('zrange', `bull:${queue}:failed`, '0', '-1').split('\n').filter(Boolean)
          return ids.map((id) => cli('hget', `bull:${queue}:${id}`, 'data'))
        },
      }
    },
  },
  {
    name: 'pg-boss',
    async start() {
      const server = await startPostgres()
      return {
        server,
        url: server.url,
        runner: (options) => pgBoss({ connection: server.url, pollInterval: 20, ...QUICK, ...options }),
        dead(queue) {
          const sql = `SELECT data FROM pgboss.job WHERE name = '${queue}.dead'`
          const where = ['-h', server.host, '-p', String(server.port), '-U', 'shop', '-d', 'postgres']
          return execFileSync('psql', [...where, '-Atc', sql], { encoding: 'utf8' })
            .split('\n')
            .filter(Boolean)
        },
      }
    },
  },
]

let tasks = 0

/** A task of its own, or another of the same `id`. */
export function task(given: Partial<Task> = {}): Task {
  tasks++
  return {
    job: 'prices',
    id: `id-${tasks}`,
    key: `key ${tasks}`,
    version: 1,
    args: '["a"]',
    token: `token-${tasks}`,
    replaces: null,
    askedAt: Date.now(),
    ...given,
  }
}

export const OPTIONS: TaskOptions = { tries: 3, backoff: 100, priority: 0, queue: undefined }
