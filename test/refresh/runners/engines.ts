/** The engines under test, each with a real server of its own that keeps what it was given when it is killed. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import pg from 'pg'
import type { EngineOptions } from '../../../src/refresh/queue-options.ts'
import type { Runner, Task, TaskOptions } from '../../../src/refresh/runner.ts'
import { bullmq } from '../../../src/refresh/runners/bullmq.ts'
import { pgBoss } from '../../../src/refresh/runners/pg-boss/pg-boss.ts'
import { startPostgres } from '../../servers/postgres.ts'
import { ask, startRedis } from '../../servers/redis.ts'
import type { TestServer } from '../../servers/server.ts'

export interface Engine {
  name: string
  start(): Promise<Running>
}

export interface Running {
  server: TestServer
  /** Where it is, for `connection`. */
  url: string
  runner(options?: EngineOptions & { connection?: string }): Runner
  /** The tasks given up in a queue, as text that holds them. */
  dead(queue: string): Promise<string[]>
}

/** Makes queues one after the other: pg-boss takes a second to find out that two who make some at once are in each other's way. */
export async function makeQueues(place: Running, names: string[]): Promise<void> {
  const jobs = names.map((name) => ({ name, queue: name }))
  const maker = place.runner()
  const orders = { jobs, concurrency: 1, perform: () => Promise.reject(new Error('not yet')), failed() {} }
  await maker.work?.(orders).ready
  await maker.close()
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
        async dead(queue) {
          const ids = (await ask(server, ['zrange', `bull:${queue}:failed`, '0', '-1'])).split('\n')
          const found = ids.filter(Boolean)
          return Promise.all(found.map((id) => ask(server, ['hget', `bull:${queue}:${id}`, 'data'])))
        },
      }
    },
  },
  {
    name: 'pg-boss',
    async start() {
      // What it has taken it keeps, though it is killed.
      const server = await startPostgres({ synchronous_commit: 'on', max_connections: '200' })
      return {
        server: { ...server, ...ofAllProcesses(server) },
        url: server.url,
        runner: (options) => pgBoss({ connection: server.url, pollInterval: 20, ...QUICK, ...options }),
        async dead(queue) {
          const client = new pg.Client({ connectionString: server.url })
          await client.connect()
          try {
            const text = 'SELECT data::text FROM pgboss.job WHERE name = $1'
            const { rows } = await client.query<{ data: string }>(text, [`${queue}.dead`])
            return rows.map(({ data }) => data)
          } finally {
            await client.end()
          }
        },
      }
    },
  },
]

/** Every connection of PostgreSQL is a process of its own, and all of them must stand still, or die. */
function ofAllProcesses(server: TestServer): Pick<TestServer, 'freeze' | 'thaw' | 'kill'> {
  let frozen: number[] = []
  const children = () => {
    const [head] = readFileSync(join(server.directory, 'data', 'postmaster.pid'), 'utf8').split('\n')
    return readFileSync(`/proc/${head}/task/${head}/children`, 'utf8').split(' ').filter(Boolean).map(Number)
  }
  const signal = (name: NodeJS.Signals, processes: number[]) => {
    for (const id of processes) {
      try {
        process.kill(id, name)
      } catch {} // it has ended meanwhile
    }
  }
  return {
    async freeze() {
      await server.freeze()
      frozen = children()
      signal('SIGSTOP', frozen)
    },
    thaw() {
      signal('SIGCONT', frozen)
      server.thaw()
    },
    async kill() {
      const left = children()
      await server.kill()
      signal('SIGKILL', left)
    },
  }
}

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
