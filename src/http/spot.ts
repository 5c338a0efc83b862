/** A place that pages rest in: an alias and a prefix, with what is under way there. */
import type { Answer } from '../core/answer.ts'
import { insideOf } from '../core/handle.ts'
import type { Inside } from '../core/inside.ts'
import { Flights } from './collapse.ts'
import { PageStore } from './page-store.ts'
import { type PageUrl, pageKey } from './policy/page-key.ts'

export class Spot {
  readonly store: PageStore
  readonly flights = new Flights()
  readonly #cache: object
  readonly #keyPrefix: string

  constructor(cache: object, keyPrefix: string, maxVariants: number) {
    this.#cache = cache
    this.#keyPrefix = keyPrefix
    this.store = new PageStore(() => insideOf(cache), maxVariants)
  }

  /** Throws `ClosedError` once the cache is closed. */
  get inside(): Inside {
    return insideOf(this.#cache)
  }

  key(url: PageUrl): string {
    return pageKey(this.#keyPrefix, url)
  }

  /** Every page of the URL is gone, and what was begun before is not stored. */
  remove(url: PageUrl): Answer<boolean> {
    const key = this.key(url)
    this.flights.detach(key)
    return this.store.remove(key)
  }
}
