/** What the fill works with: one making, and what it replaces. */
import type { Space } from '../backend.ts'
import type { Stored } from '../values/entry.ts'
import type { Found } from '../values/form.ts'
import type { Load } from './load.ts'

/** What is to be made, settled at the door. */
export interface Making {
  readonly space: Space
  readonly key: string
  readonly load: Load<unknown>
  readonly ttl: number
  readonly staleFor: number
  /** Stored with times of its own even without `staleFor`: early refresh needs to know its age. */
  readonly timed: boolean
  readonly hardTimeout: number | undefined
  /** How long a claim holds without renewal; `undefined`: no claim, one load a process. */
  readonly lease: number | undefined
  /** How long the answer is held in the process while the backend is down. */
  readonly outageHold: number
  /** Load without looking again, and without joining a load that began earlier. */
  readonly fresh: boolean
  /** Everything happens in this turn: a promise from the load is refused. */
  readonly inTurn: boolean
  /** The count of the store's flights when the caller came. */
  readonly came: number
  /** Nobody waits for the answer. */
  readonly background: boolean
  /** Is what is there what this is to replace? Asked under the claim; if not, nothing is made. */
  readonly isDue?: ((found: Found | undefined) => boolean) | undefined
}

/** What lies under the key now and may be kept or served. */
export interface Old {
  stored: Stored
  found: Found
}
