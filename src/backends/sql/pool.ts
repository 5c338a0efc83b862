/**
 * Connections of our own to one server: made when they are needed, at most so many, kept while they live. They are ended,
 * with what is under way on them, when the guard asks for fresh ones; a driver's own pool would keep them.
 */
import type { Answer } from '../../core/answer.ts'
import { ClosedError } from '../../core/errors.ts'
import type { Connection, Lender, OwnConnection } from './executor.ts'
import { failure } from './failure.ts'

interface Waiting {
  resolve(connection: Connection): void
  reject(error: unknown): void
}

export class Pool implements Lender {
  readonly #size: number
  readonly #connect: () => Promise<OwnConnection>
  readonly #idle: OwnConnection[] = []
  /** Each with the one face that it is lent by. */
  readonly #all = new Map<OwnConnection, Connection>()
  readonly #line: Waiting[] = []
  #opening = 0
  #closed = false

  constructor(size: number, connect: () => Promise<OwnConnection>) {
    this.#size = size
    this.#connect = connect
  }

  acquire(): Answer<Connection> {
    if (this.#closed) return Promise.reject(new ClosedError())
    const idle = this.#idle.pop()
    if (idle) return this.#all.get(idle)!
    return new Promise((resolve, reject) => {
      this.#line.push({ resolve, reject })
      if (this.#all.size + this.#opening < this.#size) this.#open()
    })
  }

  drop(): void {
    for (const connection of this.#idle.splice(0)) this.#end(connection)
    for (const { reject } of this.#line.splice(0)) {
      reject(failure('ECONNRESET', 'The connections are made anew', 'no-answer'))
    }
  }

  async close(): Promise<void> {
    this.#closed = true
    for (const { reject } of this.#line.splice(0)) reject(new ClosedError())
    for (const connection of this.#all.keys()) this.#end(connection)
  }

  #lent(connection: OwnConnection): Connection {
    return {
      run: (statement, values) => connection.run(statement, values),
      release: (broken) => {
        if (broken || this.#closed) this.#end(connection)
        else if (this.#all.has(connection)) this.#free(connection)
        this.#next()
      },
    }
  }

  #free(connection: OwnConnection): void {
    const first = this.#line.shift()
    if (first) first.resolve(this.#all.get(connection)!)
    else this.#idle.push(connection)
  }

  /** Those in line get a connection in place of one that ended. */
  #next(): void {
    if (this.#line.length > this.#opening && this.#all.size + this.#opening < this.#size) this.#open()
  }

  #open(): void {
    this.#opening++
    this.#connect().then(
      (connection) => {
        this.#opening--
        if (this.#closed) return connection.destroy()
        this.#all.set(connection, this.#lent(connection))
        connection.onEnd(() => {
          this.#forget(connection)
          this.#next()
        })
        if (this.#all.has(connection)) this.#free(connection)
      },
      (error: unknown) => {
        this.#opening--
        // One attempt speaks for all who wait: they would not fare better.
        for (const { reject } of this.#line.splice(0)) reject(error)
      },
    )
  }

  #end(connection: OwnConnection): void {
    this.#forget(connection)
    connection.destroy()
  }

  #forget(connection: OwnConnection): void {
    this.#all.delete(connection)
    const at = this.#idle.indexOf(connection)
    if (at >= 0) this.#idle.splice(at, 1)
  }
}
