/**
 * A line to pg-boss: an instance of our own, the queues it has made sure of, and its sockets, which a frozen server would keep
 * open for ever. Of pg-boss only what versions 10 (Node 20) and 12 both have is used.
 */
import { Socket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { ConfigError } from '../../../core/errors.ts'
import { load } from '../../installed.ts'
import type { EngineSettings } from '../../queue-options.ts'

export const WHERE = 'pgBoss()'

/** Making queues takes locks on all of them: processes that start at once run into each other, and one of them has to come again. */
const DEADLOCK = '40P01'
const CREATE_TRIES = 20

/** A query that takes longer has no server any more, in milliseconds. */
const QUERY_TIMEOUT = 10_000

export interface Settings extends EngineSettings {
  readonly connection: Readonly<Record<string, unknown>>
  readonly schema: string
  readonly migrate: boolean
  readonly pollInterval: number
}

/** What is used of pg-boss. */
export interface Boss {
  on(event: 'error', heard: (error: unknown) => void): unknown
  start(): Promise<unknown>
  stop(options: { graceful: boolean }): Promise<unknown>
  createQueue(name: string, options: object): Promise<unknown>
  getQueue(name: string): Promise<{ policy?: string } | null>
  send(name: string, data: object, options: object): Promise<string | null>
  fetch(name: string, options: { batchSize: number; includeMetadata: true }): Promise<Fetched[]>
  deleteJob(name: string, id: string): Promise<unknown>
  fail(name: string, id: string, reason: object): Promise<unknown>
  /** Gives the tasks of dead workers back, in version 10. */
  expire?(): Promise<unknown>
  /** The same, in version 12. */
  supervise?(): Promise<unknown>
  getDb(): { executeSql(text: string, values: unknown[]): Promise<unknown> }
}

export interface Fetched {
  readonly id: string
  readonly data: unknown
  /** Of the last failure. */
  readonly output: unknown
  readonly retryCount: number
  readonly retryLimit: number
}

/** A pg-boss of our own, the queues it has made sure of, and its sockets, which a frozen server would keep open for ever. */
export class Line {
  readonly boss: Boss
  readonly #sockets: Set<Socket>
  readonly #queues = new Map<string, Promise<void>>()

  private constructor(boss: Boss, sockets: Set<Socket>) {
    this.boss = boss
    this.#sockets = sockets
  }

  /**
   * Connects to nothing yet.
   *
   * @param supervise looks for the tasks of dead workers.
   * @param heard told of faults that no call shows.
   */
  static async make(settings: Settings, supervise: boolean, heard: (error: unknown) => void): Promise<Line> {
    const { connection, schema, migrate, opTimeout, deadAfter } = settings
    const PgBoss = await loadPgBoss()
    const sockets = new Set<Socket>()
    const stream = () => {
      const socket = new Socket()
      sockets.add(socket)
      return socket.on('close', () => sockets.delete(socket))
    }
    const look = Math.ceil(deadAfter / 3_000)
    const boss = new PgBoss({
      max: 4,
      connectionTimeoutMillis: Math.max(opTimeout, 2_000),
      query_timeout: QUERY_TIMEOUT,
      application_name: 'stillwarm',
      // How often the tasks of dead workers are looked for: the first is version 10's, the others are 12's.
      maintenanceIntervalSeconds: look,
      superviseIntervalSeconds: look,
      monitorIntervalSeconds: look,
      ...connection,
      schema,
      migrate,
      supervise,
      schedule: false,
      stream,
    })
    boss.on('error', heard)
    return new Line(boss, sockets)
  }

  async start(): Promise<void> {
    await this.boss.start()
  }

  /**
   * Gives the tasks of dead workers to the living. pg-boss begins to look only after its first interval, which none would live to see where
   * workers die one after the other.
   */
  async expire(): Promise<void> {
    await (this.boss.supervise?.() ?? this.boss.expire?.())
  }

  /** Makes the queue, with its dead letters, where it is not there; once. */
  queue(name: string): Promise<void> {
    const made = this.#queues.get(name) ?? this.#make(name)
    this.#queues.set(name, made)
    return made
  }

  async #make(name: string): Promise<void> {
    for (let left = CREATE_TRIES; ; left--) {
      try {
        await this.#create(name)
        break
      } catch (error) {
        if (left === 0 || !(error instanceof Error && 'code' in error && error.code === DEADLOCK)) throw error
        await sleep(Math.random() * 100)
      }
    }
    const there = await this.boss.getQueue(name)
    if (there?.policy !== 'short') {
      throw new ConfigError(
        'QUEUE_POLICY',
        `${WHERE}: the queue ${name} is there already, and not with the policy 'short', by which a task waits once: name another queue`,
      )
    }
  }

  async #create(name: string): Promise<void> {
    const deadLetter = `${name}.dead`
    if (await this.boss.getQueue(name)) return
    await this.boss.createQueue(deadLetter, {})
    await this.boss.createQueue(name, { policy: 'short', deadLetter })
  }

  async close(): Promise<void> {
    await this.boss.stop({ graceful: false })
    this.drop()
  }

  drop(): void {
    this.boss.stop({ graceful: false }).catch(() => {})
    for (const socket of this.#sockets) socket.destroy()
  }
}

/** The class is the module's default in 10, and has its name in 12. */
async function loadPgBoss(): Promise<new (options: object) => Boss> {
  const module: object = await load(WHERE, ['pg-boss'], import('pg-boss'))
  const found = 'PgBoss' in module ? module.PgBoss : 'default' in module ? module.default : undefined
  return found as new (
    options: object,
  ) => Boss
}
