/**
 * What happened, named for what it is. Metrics, dashboards and traces read these and nothing else; values never travel in
 * them.
 */
export type CacheEvent = { alias: string } & (
  | { type: 'hit' | 'miss' | 'stale'; key: string }
  | { type: 'set'; key: string }
  /** `found`: it was there; not known of the keys of a `deleteMany`. */
  | { type: 'delete'; key: string; found?: boolean }
  | { type: 'clear'; everything: boolean }
  /** A load began because nothing usable was there, or (`background`) to replace what is stale or soon will be. */
  | { type: 'load'; key: string; background: boolean }
  /** It ended well, after so many milliseconds. */
  | { type: 'loaded'; key: string; background: boolean; ms: number }
  | { type: 'load-failed'; key: string; background: boolean; ms: number; error: unknown }
  /** A load's answer was not kept: the key was set, deleted or cleared meanwhile. */
  | { type: 'late'; key: string }
  /** A caller joined a load that was under way. */
  | { type: 'joined'; key: string }
  /** The store would not keep a value: too large, full, or down. */
  | { type: 'dropped'; key: string; reason: 'too-large' | 'refused' }
  | { type: 'evicted'; key: string; reason: 'room' | 'expired' }
  /** Stored bytes gave no value: damaged, another format's, or another application's. To the caller it was a miss. */
  | { type: 'decode-failed'; key: string; reason: string }
  /** The server stopped answering: until it is back, calls are answered at once, without it. Once a change. */
  | { type: 'backend-down'; backend: string; error: unknown }
  /** It is back, and what was lost meanwhile has been repaired. */
  | { type: 'backend-up'; backend: string; downFor: number; repaired: number }
  /** A job's stale or missing value is to be made anew, elsewhere. */
  | { type: 'refresh-asked'; job: string; key: string }
  /** A refresh had nothing to do: the value was new already, or deleted. */
  | { type: 'refresh-skipped'; job: string; key: string; reason: 'fresh' | 'gone' }
  /** A refresh failed. `last`: it is not tried again, until somebody asks anew. */
  | { type: 'refresh-failed'; job: string; key: string; last: boolean; error: unknown }
  /** A refresh could not be handed to the runner; what then is decided by the job's `onQueueError`. */
  | { type: 'queue-failed'; job: string; key: string; runner: string; error: unknown }
  /** The backend failed; what the caller got instead is decided by `onBackendError`. */
  | { type: 'backend-failed'; verb: string; error: unknown }
)

/** The names of events. */
export type EventType = CacheEvent['type']

/** Gets one type of event (`'*'` all). */
export type Listener<T extends EventType | '*'> = (
  event: T extends EventType ? CacheEvent & { type: T } : CacheEvent,
) => void
