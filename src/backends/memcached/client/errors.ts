/**
 * What can go wrong, each with a stable code. No message holds a key, a value or a password. A fault of the caller is a
 * native TypeError or RangeError with a `code`, and is found before anything is sent.
 */

/**
 * - `TIMEOUT`: no answer within `timeout`. Its connection is gone, since the answer may still come.
 * - `CONNECTION_LOST`: the connection broke while this was under way.
 * - `SERVER_DOWN`: not tried: the server does not answer, and the next attempt to connect is not due or not done.
 * - `QUEUE_FULL`: not tried: `maxPending` commands or `maxPendingBytes` bytes are waiting already.
 * - `PROTOCOL`: the server said what it should not have. Its connection is gone.
 * - `AUTH_FAILED`: user name or password refused; tried again once a minute.
 * - `VALUE_TOO_LARGE`: refused by the server (nothing rests there now), or larger than `maxValueBytes` when read.
 * - `OUT_OF_MEMORY`: the server found no room.
 * - `NOT_A_NUMBER`: `incr` or `decr` of what is no unsigned whole number.
 * - `SERVER_ERROR`: the server failed at this command, and goes on.
 * - `NOT_SUPPORTED`: this protocol, or this server's version, cannot do it.
 * - `CLOSED`: after `close()`.
 */
export type MemcachedErrorCode =
  | 'TIMEOUT'
  | 'CONNECTION_LOST'
  | 'SERVER_DOWN'
  | 'QUEUE_FULL'
  | 'PROTOCOL'
  | 'AUTH_FAILED'
  | 'VALUE_TOO_LARGE'
  | 'OUT_OF_MEMORY'
  | 'NOT_A_NUMBER'
  | 'SERVER_ERROR'
  | 'NOT_SUPPORTED'
  | 'CLOSED'

export class MemcachedError extends Error {
  override name = 'MemcachedError'
  readonly code: MemcachedErrorCode
  /** `host:port` or the socket's path, where one server is meant. */
  readonly server: string | undefined
  /** May the server have carried it out, or do so still? `false`: certainly not. */
  readonly uncertain: boolean

  constructor(
    code: MemcachedErrorCode,
    message: string,
    about: { server?: string | undefined; uncertain?: boolean; cause?: unknown } = {},
  ) {
    super(message, 'cause' in about ? { cause: about.cause } : undefined)
    this.code = code
    this.server = about.server
    this.uncertain = about.uncertain ?? false
  }
}

/** The stream can no longer be trusted: what came is not what the protocol allows here. */
export class ProtocolDoubt extends Error {
  override name = 'ProtocolDoubt'
}

/** A fault of the caller: `INVALID_KEY`, `INVALID_VALUE`, `INVALID_ARGUMENT` or `INVALID_OPTION`. */
export function argumentError(
  kind: new (message: string) => Error,
  code: 'INVALID_KEY' | 'INVALID_VALUE' | 'INVALID_ARGUMENT' | 'INVALID_OPTION',
  message: string,
): Error & { code: string } {
  return Object.assign(new kind(message), { code })
}
