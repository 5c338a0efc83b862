/**
 * One server over time: connects when first asked, tells at once when it is known to be down, and tries again in the
 * background, further and further apart and never in step with other processes. Nothing waits for a server that failed:
 * there is no queue but the bounded one of a connection, and of the first attempt to make it.
 */
import { backoff } from './backoff.ts'
import { Connection, type Owner } from './connection.ts'
import { MemcachedError } from './errors.ts'
import type { Settings } from './options.ts'
import type { Request } from './request.ts'
import type { Address } from './servers.ts'
import type { Dialect, ServerState } from './verbs.ts'

/** A refused password does not get better by the second; in milliseconds. */
const AFTER_REFUSAL = 60_000

export class Server<Reply> implements Owner {
  readonly address: Address
  state: ServerState = 'idle'
  readonly #settings: Settings
  readonly #dialect: Dialect<Reply>
  readonly #changed: () => void
  #connection: Connection<Reply> | undefined
  /** Why it is down; what is asked meanwhile fails with it. */
  #down: MemcachedError | undefined
  #failures = 0
  #retry: NodeJS.Timeout | undefined
  #closed: Promise<void> | undefined
  #whenClosed: (() => void) | undefined

  constructor(address: Address, settings: Settings, dialect: Dialect<Reply>, changed: () => void) {
    this.address = address
    this.#settings = settings
    this.#dialect = dialect
    this.#changed = changed
  }

  /** Does what is asked fail at once? */
  get isDown(): boolean {
    return this.#down !== undefined
  }

  get pending(): number {
    return this.#connection?.pending ?? 0
  }

  ask(request: Request<Reply>): void {
    if (this.state === 'closed') {
      request.reject(new MemcachedError('CLOSED', 'The client is closed'))
      return
    }
    if (this.#down !== undefined) {
      request.reject(this.#down)
      return
    }
    if (this.#connection === undefined) this.#connect()
    const connection = this.#connection
    if (connection === undefined) {
      request.reject(this.#down ?? new MemcachedError('SERVER_DOWN', 'The connection failed'))
      return
    }
    const { maxPending, maxPendingBytes } = this.#settings
    const { pending, pendingBytes } = connection
    // A single request of more bytes than may wait has the queue to itself.
    if (pending >= maxPending || (pendingBytes > 0 && pendingBytes + request.size > maxPendingBytes)) {
      const server = this.address.name
      request.reject(new MemcachedError('QUEUE_FULL', `Too much is waiting already (${server})`, { server }))
      return
    }
    connection.ask(request)
  }

  /** Resolves when what was under way has ended. */
  close(): Promise<void> {
    this.state = 'closed'
    clearTimeout(this.#retry)
    this.#closed ??= new Promise((resolve) => {
      if (this.#connection === undefined) resolve()
      else {
        this.#whenClosed = resolve
        this.#connection.end()
      }
    })
    return this.#closed
  }

  #connect(): void {
    this.state = 'connecting'
    try {
      this.#connection = new Connection(this.address, this.#settings, this.#dialect, this)
    } catch (cause) {
      // TLS options that Node refuses.
      const { name: server } = this.address
      this.lost(
        new MemcachedError('CONNECTION_LOST', `The connection failed (${server})`, { server, cause }),
        false,
      )
    }
  }

  opened(): void {
    this.#failures = 0
    this.#down = undefined
    if (this.state === 'closed') return
    this.state = 'up'
    this.#tell('up')
  }

  waited(): void {
    if (this.#down === undefined) this.#fell(undefined)
  }

  lost(error: MemcachedError, atRest: boolean): void {
    this.#connection = undefined
    if (this.state === 'closed') {
      this.#whenClosed?.()
      return
    }
    if (atRest && this.state === 'up') {
      this.state = 'idle'
      return
    }
    this.state = 'down'
    const wait = isFinal(error) ? AFTER_REFUSAL : backoff(this.#failures, this.#settings, Math.random())
    this.#retry = setTimeout(() => this.#connect(), wait)
    this.#retry.unref()
    this.#failures++
    if (this.#down === undefined) this.#fell(error)
  }

  #fell(error: MemcachedError | undefined): void {
    const server = this.address.name
    const down =
      error !== undefined && isFinal(error)
        ? error
        : new MemcachedError('SERVER_DOWN', `The server does not answer (${server})`, {
            server,
            cause: error,
          })
    this.#down = down
    this.#tell('down', error ?? down)
  }

  #tell(state: 'up' | 'down', error?: MemcachedError): void {
    this.#changed()
    try {
      this.#settings.onState?.(this.address.name, state, error)
    } catch (fault) {
      // The listener's own; our state must not suffer from it.
      queueMicrotask(() => {
        throw fault
      })
    }
  }
}

/** Another attempt would end the same. */
function isFinal(error: MemcachedError): boolean {
  return error.code === 'AUTH_FAILED' || error.code === 'NOT_SUPPORTED'
}
