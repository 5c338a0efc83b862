/** What rests, read: its value, and whether it may still be served. The one place that says so. */
import type { Clock } from './clock.ts'
import type { Observer } from './seeing/observe.ts'
import { Carried } from './values/carried.ts'
import { Entry, type Stored } from './values/entry.ts'
import { freshness } from './values/expiry.ts'
import type { Form, Found } from './values/form.ts'

export class Reader {
  readonly form: Form
  readonly #observer: Observer
  readonly #clock: Clock

  constructor(form: Form, observer: Observer, clock: Clock) {
    this.form = form
    this.#observer = observer
    this.#clock = clock
  }

  /** `undefined` for what gives no value: damaged, foreign. To the caller that is a miss. */
  read(key: string, what: Stored): Found | undefined {
    const found = this.form.read(what)
    if (typeof found !== 'string') return found
    this.#observer.corrupt(key, found)
    return undefined
  }

  freshness(found: Found): 'fresh' | 'stale' | 'expired' {
    return found.grace ? freshness(this.#clock.now(), found.grace.staleAt, found.grace.staleFor) : 'fresh'
  }

  /** What may still be served of what rests; `undefined` where there is nothing. */
  usable(key: string, what: Stored): Found | undefined {
    const found = what === undefined ? undefined : this.read(key, what)
    return found && this.freshness(found) !== 'expired' ? found : undefined
  }

  isFresh(key: string, what: Stored): boolean {
    const found = this.read(key, what)
    return found !== undefined && this.freshness(found) === 'fresh'
  }

  /** The value for a plain verb, counted as a hit or as stale; `undefined` where there is none to give. */
  value(key: string, what: Stored, staleToo: boolean): unknown {
    // The common hit makes nothing but the reader's own copy, where there is one.
    if (this.form.bare !== undefined && !(what instanceof Entry || what instanceof Carried)) {
      this.#observer.hit(key)
      return this.form.bare(what)
    }
    const found = this.read(key, what)
    if (found === undefined) return undefined
    const state = this.freshness(found)
    if (state === 'fresh') this.#observer.hit(key)
    else if (state === 'stale' && staleToo) this.#observer.stale(key)
    else return undefined
    return found.value
  }
}
