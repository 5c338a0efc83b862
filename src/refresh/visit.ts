/** One `get` of a job: a call of core's read-through, steered by what the job says of misses and stale values. */
import { type Answer, andThen } from '../core/answer.ts'
import type { Call, Steering } from '../core/read-through.ts'
import type { Found } from '../core/values/form.ts'
import { forArgs, type ResultCall } from './options.ts'
import type { Opened, Refresher } from './refresher.ts'

export class Visit implements Call, Steering {
  readonly key: string
  readonly came: number
  readonly fresh = false
  readonly inTurn = false
  readonly #refresher: Refresher
  readonly #opened: Opened
  readonly #args: unknown[]
  #status: ResultCall<unknown[]>['status'] = 'fresh'
  #waited: boolean | undefined

  constructor(refresher: Refresher, opened: Opened, key: string, args: unknown[]) {
    this.#refresher = refresher
    this.#opened = opened
    this.#args = args
    this.key = key
    this.came = opened.inside.store.flights.count
  }

  get steering(): Steering {
    return this
  }

  get write() {
    return this.#opened.write
  }

  get make() {
    return this.#opened.make
  }

  get load() {
    return this.#refresher.loading(this.#opened, this.key, this.#args)
  }

  /** For `processResult`. */
  get result(): ResultCall<unknown[]> {
    return { args: this.#args, status: this.#status, waited: this.#waited }
  }

  missing(): Answer<{ value: unknown } | undefined> {
    this.#status = 'missing'
    if (forArgs(this.#refresher.settings.loadOnMiss, this.#args)) {
      this.#waited = true
      return undefined
    }
    return andThen(this.#ask(null), (loadHere) =>
      this.#here(loadHere) ? undefined : { value: this.#refresher.settings.empty(...this.#args) },
    )
  }

  stale(found: Found): Answer<boolean> {
    this.#status = 'stale'
    if (this.#refresher.mustLoad(this.#opened, this.key, this.#args, found)) return this.#here(true)
    return andThen(this.#ask(found.createdAt ?? null), (loadHere) => this.#here(loadHere))
  }

  ahead(found: Found): void {
    this.#refresher.askBehind(this.#opened, this.key, this.#args, found.createdAt ?? null)
  }

  #here(loadHere: boolean): boolean {
    this.#waited = loadHere
    return loadHere
  }

  #ask(replaces: number | null): Answer<boolean> {
    if (this.#refresher.isAsked(this.#opened, this.key, replaces)) {
      if (replaces !== null) this.#status = 'refreshing'
      return false
    }
    return this.#refresher.ask(this.#opened, this.key, this.#args, replaces)
  }
}
