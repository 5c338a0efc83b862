/**
 * Where a case of the raw contract plays: a backend of its own, opened, with what it may leave out derived as the
 * handle derives it, in a space that no other case uses. Samples are of the kind that the backend holds.
 */
import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import type { Backend, Host, Space } from '../core/backend.ts'
import { Store, sameStored } from '../core/store.ts'
import { Entry, GRACED, PLAIN, type Stored } from '../core/values/entry.ts'
import { makeSpace } from '../core/values/space.ts'
import type { Case, CaseContext, TestClock } from './case.ts'

/** So long lives what is to expire, in milliseconds, at least. */
const SHORT = 1_000

export class Stage {
  readonly backend: Backend
  readonly store: Store
  readonly clock: TestClock
  readonly context: CaseContext
  readonly prefix: string
  readonly space: Space

  constructor(context: CaseContext, backend: Backend, prefix = `case-${randomUUID()}`) {
    const host: Host = { clock: context.clock, evicted() {}, corrupt() {}, failed() {} }
    this.context = context
    this.clock = context.clock
    this.backend = backend
    this.prefix = prefix
    this.space = this.spaceOf(1)
    this.store = new Store(backend, context.clock)
    this.store.open(host)
  }

  spaceOf(version: number, prefix = this.prefix): Space {
    return makeSpace(prefix, version)
  }

  /** Something to store. */
  what(label: string): Stored {
    return this.backend.holds === 'bytes' ? Buffer.concat([Buffer.of(PLAIN), Buffer.from(label)]) : label
  }

  /** A whole number as it rests, so that it can be counted. */
  number(value: number): Stored {
    return this.backend.holds === 'bytes' ? Buffer.from(String(value)) : value
  }

  /** Something with times of its own. */
  graced(label: string): Stored {
    return this.backend.holds === 'bytes'
      ? Buffer.concat([Buffer.of(GRACED), Buffer.alloc(40), Buffer.from(label)])
      : new Entry(label, this.clock.now(), this.later, SHORT)
  }

  /** An end that a case waits for. */
  get soon(): number {
    return this.clock.now() + Math.max(SHORT, 2 * this.context.granularity)
  }

  /** An end that no case lives to see. */
  get later(): number {
    return this.clock.now() + 3_600_000
  }

  /** Moves the clock to an end, or as far beyond as the backend may be late. */
  async passTo(instant: number): Promise<void> {
    await this.clock.advance(instant - this.clock.now() + this.context.granularity)
  }

  async set(key: string, what: Stored, expiresAt = this.later, space = this.space): Promise<void> {
    assert.equal(await this.store.set(space, key, what, expiresAt), true, 'set')
  }

  /** Exactly this rests there. */
  async holds(key: string, what: Stored, space = this.space): Promise<void> {
    const found = await this.store.get(space, key)
    assert.ok(sameStored(found, what), `under ${show(key)} rests ${show(found)}, not ${show(what)}`)
  }

  async isGone(key: string, space = this.space): Promise<void> {
    const found = await this.store.get(space, key)
    assert.equal(found, undefined, `under ${show(key)} rests ${show(found)}`)
  }
}

function show(what: unknown): string {
  const text = what instanceof Uint8Array ? Buffer.from(what).toString('latin1') : String(what)
  return JSON.stringify(text.slice(0, 60))
}

type Choose = (context: CaseContext) => Backend | Promise<Backend>

/** A case of the raw contract. */
export function onStage(
  name: string,
  play: (stage: Stage) => Promise<void>,
  choose: Choose = (context) => context.backend(),
): Case {
  return {
    name,
    async run(context) {
      const stage = new Stage(context, await choose(context))
      try {
        await play(stage)
      } finally {
        await stage.store.close()
      }
    },
  }
}

/** What a topic needs and the context does not give, said plainly. */
export function needed<T>(part: T | undefined, name: string): T {
  assert.ok(part !== undefined, `this topic needs ${name} in its context`)
  return part
}
