/** What is inside a cache, once its first verb has opened it: the parts that the verbs and the fill work with. */
import { type Answer, andThen } from './answer.ts'
import type { Kept, Space } from './backend.ts'
import type { Clock } from './clock.ts'
import type { Door } from './door.ts'
import type { FaultPolicy } from './fault-policy.ts'
import type { Reader } from './reader.ts'
import type { Observer } from './seeing/observe.ts'
import type { Settings } from './settings.ts'
import type { Store } from './store.ts'

/** What a question to a backend that is down is answered: not the same as "missing". */
export const DOWN = Symbol('down')

export class Inside {
  readonly settings: Settings
  readonly door: Door
  readonly store: Store
  readonly reader: Reader
  readonly observer: Observer
  readonly clock: Clock
  readonly policy: FaultPolicy

  constructor(
    parts: Pick<Inside, 'settings' | 'door' | 'store' | 'reader' | 'observer' | 'clock' | 'policy'>,
  ) {
    this.settings = parts.settings
    this.door = parts.door
    this.store = parts.store
    this.reader = parts.reader
    this.observer = parts.observer
    this.clock = parts.clock
    this.policy = parts.policy
  }

  /** What rests there with its times; no use of it. */
  peek(verb: string, space: Space, key: string): Answer<Kept | undefined | typeof DOWN> {
    return this.policy.attempt(verb, () => this.store.peek(space, key), DOWN)
  }

  /** Is something fresh there? What is stale is not, for every plain verb. */
  has(verb: string, space: Space, key: string): Answer<boolean | typeof DOWN> {
    const there = this.policy.attempt<boolean | 'graced', typeof DOWN>(
      verb,
      () => this.store.has(space, key),
      DOWN,
    )
    return andThen(there, (answer) => {
      if (answer !== 'graced') return answer
      return andThen(this.peek(verb, space, key), (kept) =>
        kept === DOWN ? DOWN : kept !== undefined && this.reader.isFresh(key, kept.stored),
      )
    })
  }
}
