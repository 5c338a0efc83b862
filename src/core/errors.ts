/**
 * Every error of stillwarm. One base, a stable code, the cause where there is one. What the
 * caller did wrong is a native TypeError or RangeError with a `code` of the same kind. What a
 * user's own load throws passes through as it was thrown. docs/errors.md lists every code with its remedy; a
 * retired code is never used again.
 */
export class CacheError extends Error {
  override name = 'CacheError'
  readonly code: string

  constructor(code: string, message: string, options?: { cause?: unknown }) {
    super(message, options)
    this.code = code
  }
}

/** The configuration as a whole cannot work: no `default`, a reserved alias, two aliases that contradict. */
export class ConfigError extends CacheError {
  override name = 'ConfigError'
}

/** `caches.get(name)` with a name that is not configured. Code `UNKNOWN_CACHE`. */
export class UnknownCacheError extends CacheError {
  override name = 'UnknownCacheError'
}

/** `incr`, `decr`, `incrVersion`, `decrVersion` of a key that is not there. Code `KEY_NOT_FOUND`. */
export class KeyNotFoundError extends CacheError {
  override name = 'KeyNotFoundError'
  readonly key: string

  constructor(key: string) {
    super('KEY_NOT_FOUND', `Key ${JSON.stringify(key)} not found: set it first, or give { initial }`)
    this.key = key
  }
}

/** A key that `keys: 'strict'` refuses. Code `INVALID_KEY`. */
export class InvalidKeyError extends CacheError {
  override name = 'InvalidKeyError'
}

/** A value that could not be kept unchanged; `path` says where in it. Code `NOT_SERIALIZABLE`. */
export class SerializeError extends CacheError {
  override name = 'SerializeError'
  readonly path: string

  constructor(path: string, what: string, options?: { cause?: unknown }) {
    super('NOT_SERIALIZABLE', `${path} is ${what}`, options)
    this.path = path
  }
}

/** A load took longer than its `hardTimeout`. It may still end and be kept. Code `LOAD_TIMEOUT`. */
export class LoadTimeoutError extends CacheError {
  override name = 'LoadTimeoutError'
}

/** A load that waits, directly or through others, for itself. Code `DEADLOCK`. */
export class DeadlockError extends CacheError {
  override name = 'DeadlockError'
}

/** The backend cannot do this at all; the message says what to do instead. Code `NOT_SUPPORTED`. */
export class NotSupportedError extends CacheError {
  override name = 'NotSupportedError'
}

/** Any verb after `close()`. Code `CLOSED`. */
export class ClosedError extends CacheError {
  override name = 'ClosedError'

  constructor(message = 'This cache is closed: make new caches with createCaches()') {
    super('CLOSED', message)
  }
}

/** The backend failed, and the cache was told to say so (`onBackendError: 'throw'`). Code `BACKEND_FAILED`. */
export class BackendError extends CacheError {
  override name = 'BackendError'
}

/**
 * No server to ask: the breaker is open, or too much is under way. Told once, when the state changed, and not again for every
 * call.
 */
export class UnavailableError extends BackendError {
  override name = 'UnavailableError'
}

/** A stored value that is no whole number was to be counted. */
export function notANumber(key: string): CacheError {
  return new CacheError(
    'NOT_A_NUMBER',
    `Key ${JSON.stringify(key)} holds no whole number: only what was set as one, without staleFor, can be counted`,
  )
}

/** A native error for a fault of the caller, with a code like every CacheError. */
export function argumentError(
  kind: new (message: string) => Error,
  code: string,
  message: string,
): Error & { code: string } {
  const error = Object.assign(new kind(message), { code })
  deliberate.add(error)
  return error
}

const deliberate = new WeakSet<Error>()

/** Is it an answer of ours to the caller, rather than a store that failed? */
export function isDeliberate(error: unknown): boolean {
  if (error instanceof BackendError) return false
  return error instanceof CacheError || (error instanceof Error && deliberate.has(error))
}
