/**
 * One command and what becomes of its answer. The connection knows nothing else of it: when it is due, how it is
 * written, and whether a reply was its last. Requests of a connection are a list, linked through `next`.
 */
import { MemcachedError } from './errors.ts'
import type { Outbox } from './outbox.ts'

export abstract class Request<Reply, Result = never> {
  next: Request<Reply> | undefined = undefined
  /** When it is over, on the monotonic clock in milliseconds. */
  deadline = 0
  /** The server's name, for errors. */
  server = ''
  /** Bytes that it keeps waiting. */
  size = 0
  /** The oldest server version that knows the command, as `versionNumber` counts; 0 for any. */
  since = 0
  readonly resolve: (result: Result) => void
  readonly reject: (error: Error) => void

  constructor(resolve: (result: Result) => void, reject: (error: Error) => void) {
    this.resolve = resolve
    this.reject = reject
  }

  /** Writes the command, with tokens from `token` on. How many it took: that many belong to it alone. */
  abstract write(out: Outbox, token: number): number

  /** Takes a reply; `true` when it was the last. Throws `ProtocolDoubt` for one that cannot be its own. */
  abstract take(reply: Reply): boolean

  /** Ends with what the server said it could not do, without harm to the connection. */
  protected refuse(code: ConstructorParameters<typeof MemcachedError>[0], message: string): true {
    this.reject(new MemcachedError(code, message, { server: this.server }))
    return true
  }
}

/** `1.6.27` as 1_006_027; 0 for what is no such number. */
export function versionNumber(version: string): number {
  const parts = /^(\d+)\.(\d+)\.(\d+)/.exec(version)
  return parts === null ? 0 : Number(parts[1]) * 1_000_000 + Number(parts[2]) * 1_000 + Number(parts[3])
}
