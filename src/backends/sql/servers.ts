/**
 * A database behind connections: one place that is written to, others that may be read from, and one where tables are made.
 * Each statement borrows a connection for itself and gives it back, so that none is held while a load waits for one. One
 * whose answer is not waited for any more is ended: whatever was written to it is then over for us.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { type Answer, andThen, isPromise } from '../../core/answer.ts'
import type { Network } from '../../core/backend.ts'
import { ClosedError } from '../../core/errors.ts'
import { withinDeadline } from '../../core/guarding/deadline.ts'
import type { Call, Dialect, Result } from './dialect.ts'
import type { Connection, Lender } from './executor.ts'
import { failure, failureOf, means } from './failure.ts'
import type { Runner } from './runner.ts'

export interface ServerLimits {
  /** How long an operation may take, in milliseconds. */
  readonly opTimeout: number
  /** How long it may take to connect, in milliseconds. */
  readonly connectTimeout: number
  readonly maxInFlight: number
}

/** Where connections are borrowed; asked anew each time, since it may be a function of the user's. */
export type Place = () => Answer<Lender>

export interface Places {
  readonly write: Place
  readonly read: readonly Place[]
  /** `undefined`: tables are never made. */
  readonly migrate: Place | undefined
  /** Every lender that was made so far. */
  lenders(): Iterable<Lender>
  /** Connections of our own may be made, for which a driver is to be loaded first. */
  readonly loads: boolean
}

/** How often what another stood in the way of is tried again. */
const RETRIES = 3
/** How long it may take to load a driver, in milliseconds. */
const LOADING = 2_000
/** A place to read from that failed is left alone for so long, in milliseconds. */
const AVOIDED = 2_000
/** How long making a table may take, in milliseconds. */
const MIGRATING = 30_000

interface Busy {
  readonly connection: Connection
  /** Its place among them; none once it is over. */
  at: number | undefined
  reject(error: Error): void
}

const PING: Call = {
  statement: { name: 'stillwarm_ping', text: 'SELECT 1', params: [], prepared: false },
  values: [],
}

export class Servers implements Runner {
  readonly migrates: boolean
  readonly network: Network
  readonly #places: Places
  readonly #dialect: Dialect
  readonly #connectTimeout: number
  /** How long a replica may take, in milliseconds. */
  readonly #patience: number
  /** A list: a Set of what lives so shortly keeps answers that are long over from the collector, each by the one before. */
  readonly #busy: Busy[] = []
  readonly #avoided = new Map<Place, number>()
  /** Of the connections: those of an older one are ended. */
  #generation = 0
  #cold: boolean
  #closed = false

  constructor(places: Places, dialect: Dialect, limits: ServerLimits) {
    this.#places = places
    this.#dialect = dialect
    this.#connectTimeout = limits.connectTimeout
    this.#patience = limits.opTimeout / 2
    this.migrates = places.migrate !== undefined
    this.#cold = places.loads
    const cold = () => this.#cold
    this.network = {
      // The first operations wait for our driver to be loaded and our connection to be made, which have deadlines of their own.
      get opTimeout() {
        return cold() ? LOADING + limits.connectTimeout + limits.opTimeout : limits.opTimeout
      },
      maxInFlight: limits.maxInFlight,
      noAnswer: (error) => means(error, 'no-answer'),
      reconnect: () => this.#reconnect(),
    }
  }

  read(call: Call): Promise<Result> {
    const place = this.#reader()
    if (place === this.#places.write) return this.#run(place, call)
    // Half of the time that there is, so that the primary has the other half.
    const late = () =>
      failure('ETIMEDOUT', `A replica of ${this.#dialect.title} did not answer in time`, 'no-answer')
    return withinDeadline(this.#patience, this.#run(place, call), 'a replica', late).catch(
      (error: unknown) => {
        if (!means(error, 'no-answer') && !means(error, 'missing-table')) throw error
        // A replica is not the database: the others, and at last the primary, answer for it.
        this.#avoided.set(place, performance.now() + AVOIDED)
        return this.#run(this.#reader(), call)
      },
    )
  }

  readAll(calls: readonly Call[]): Promise<Result[]> {
    return Promise.all(calls.map((call) => this.read(call)))
  }

  write(call: Call): Promise<Result> {
    return this.#run(this.#places.write, call)
  }

  async writeAll(calls: readonly Call[]): Promise<Result[]> {
    const results: Result[] = []
    for (const call of calls) results.push(await this.write(call))
    return results
  }

  async migrate(statements: readonly string[]): Promise<void> {
    const place = this.#places.migrate ?? this.#places.write
    // Several in one text are one transaction, begun and ended by the server itself.
    const texts = this.#dialect.transactional ? [statements.join('; ')] : statements
    await withinDeadline(MIGRATING, this.#each(place, texts), 'create table')
  }

  inspect(call: Call): Promise<Result> {
    const place = this.#places.migrate ?? this.#places.write
    return withinDeadline(this.network.opTimeout, this.#run(place, call), 'look for the table')
  }

  async close(): Promise<void> {
    this.#closed = true
    this.#endBusy(new ClosedError())
    await Promise.all([...this.#places.lenders()].map((lender) => lender.close()))
  }

  #reader(): Place {
    const { read, write } = this.#places
    if (read.length === 0) return write
    const now = performance.now()
    const hopeful = read.filter((place) => (this.#avoided.get(place) ?? 0) < now)
    return hopeful[Math.floor(Math.random() * hopeful.length)] ?? write
  }

  #run(place: Place, call: Call, tries = 0): Promise<Result> {
    const generation = this.#generation
    return this.#once(place, call).catch(async (error: unknown) => {
      const again =
        (means(error, 'transient') && tries < RETRIES) ||
        (tries === 0 && generation === this.#generation && this.#endedIdle(error, call))
      if (!again || this.#closed) throw error
      if (means(error, 'transient')) await sleep(Math.random() * 10 * 2 ** tries)
      return this.#run(place, call, tries + 1)
    })
  }

  /**
   * A connection that the server, or something between, ended while it lay idle: the statement was never run. What must not be done
   * twice is only done again where the server said so.
   */
  #endedIdle(error: unknown, { statement }: Call): boolean {
    if (!means(error, 'no-answer') || !(error instanceof Error) || !('code' in error)) return false
    if (ENDED_BY_SERVER.test(String(error.code))) return true
    return ENDED.test(String(error.code)) && !/_incr_/.test(statement.name)
  }

  /** Every operation passes here: where a connection lies idle it goes out in this turn, for one promise. */
  #once(place: Place, call: Call): Promise<Result> {
    if (this.#closed) return Promise.reject(new ClosedError())
    const generation = this.#generation
    let lent: Answer<Connection>
    try {
      lent = andThen(place(), (lender) => lender.acquire())
    } catch (error) {
      return Promise.reject(this.#failed(error))
    }
    if (!isPromise(lent)) return this.#on(lent, call)
    return lent.then(
      (connection) => {
        if (generation === this.#generation) return this.#on(connection, call)
        connection.release(false)
        throw failure('ECONNRESET', 'The connections were made anew', 'no-answer')
      },
      (error: unknown) => {
        throw this.#failed(error)
      },
    )
  }

  #on(connection: Connection, { statement, values }: Call): Promise<Result> {
    return new Promise((resolve, reject) => {
      const busy: Busy = { connection, at: this.#busy.length, reject }
      this.#busy.push(busy)
      const failed = (error: unknown) => {
        if (!this.#over(busy)) return
        const why = this.#failed(error)
        connection.release(means(why, 'no-answer'))
        reject(why)
      }
      try {
        connection.run(statement, values).then((result) => {
          if (!this.#over(busy)) return
          connection.release(false)
          this.#cold = false
          resolve(result)
        }, failed)
      } catch (error) {
        failed(error)
      }
    })
  }

  /** `false`: it was over already. */
  #over(busy: Busy): boolean {
    const { at } = busy
    if (at === undefined) return false
    busy.at = undefined
    const last = this.#busy.pop()!
    if (last !== busy) {
      this.#busy[at] = last
      last.at = at
    }
    return true
  }

  async #acquire(place: Place): Promise<Connection> {
    try {
      return await (await place()).acquire()
    } catch (error) {
      throw this.#failed(error)
    }
  }

  #failed(error: unknown): Error {
    const { title, meaning } = this.#dialect
    return failureOf(error, title, meaning)
  }

  /** One after the other, on one connection. */
  async #each(place: Place, texts: readonly string[]): Promise<void> {
    const connection = await this.#acquire(place)
    let done = false
    try {
      for (const text of texts) {
        await connection.run({ name: '', text, params: [], prepared: false }, [])
      }
      done = true
    } catch (error) {
      throw this.#failed(error)
    } finally {
      // What had begun is over with the connection.
      connection.release(!done)
    }
  }

  async #reconnect(): Promise<void> {
    if (this.#closed) throw new ClosedError()
    this.#generation++
    this.#endBusy(failure('ECONNRESET', `${this.#dialect.title} is reconnected to`, 'no-answer'))
    for (const lender of this.#places.lenders()) lender.drop()
    await withinDeadline(this.#connectTimeout, this.#once(this.#places.write, PING), 'connect')
  }

  #endBusy(why: Error): void {
    for (const busy of this.#busy.splice(0)) {
      busy.at = undefined
      busy.connection.release(true)
      busy.reject(why)
    }
  }
}

const ENDED_BY_SERVER = /^(57P01|57P05|ER_CLIENT_INTERACTION_TIMEOUT)$/
const ENDED = /^(ECONNRESET|EPIPE|PROTOCOL_CONNECTION_LOST|CONNECTION_CLOSED|CONNECTION_ENDED)$/
