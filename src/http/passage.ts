/** A response that goes by the cache: it is neither looked up nor stored, but what it changed becomes invalid. */
import { type Answer, isPromise } from '../core/answer.ts'
import type { PageSettings } from './page-options.ts'
import type { CacheStatus } from './policy/cache-status.ts'
import { type Fields, field } from './policy/fields.ts'
import { invalidatedUrls } from './policy/invalidate.ts'
import type { PageUrl } from './policy/page-key.ts'
import { statusField } from './status-field.ts'
import type { Exchange, Verdict } from './visit.ts'

export class Passage implements Exchange {
  readonly changes = undefined
  readonly watch = undefined
  readonly #method: string
  readonly #url: PageUrl | undefined
  readonly #settings: Pick<PageSettings, 'cacheStatus' | 'detail'>
  readonly #status: CacheStatus
  readonly #invalidate: ((url: PageUrl) => Answer<unknown>) | undefined

  constructor(
    method: string,
    url: PageUrl | undefined,
    settings: Pick<PageSettings, 'cacheStatus' | 'detail'>,
    status: CacheStatus,
    invalidate: ((url: PageUrl) => Answer<unknown>) | undefined,
  ) {
    this.#method = method
    this.#url = url
    this.#settings = settings
    this.#status = status
    this.#invalidate = invalidate
  }

  head(status: number, fields: Fields): Verdict {
    const set = { ...statusField(this.#settings, field(fields, 'cache-status'), this.#status) }
    if (this.#url === undefined || this.#invalidate === undefined) return { do: 'send', set }
    const removed = invalidatedUrls(this.#method, this.#url, status, fields)
      .map(this.#invalidate)
      .filter((answer) => isPromise(answer))
    // The answer goes out when nobody is served the old page any more, whatever the store does meanwhile.
    return removed.length === 0
      ? { do: 'send', set }
      : { do: 'send', set, after: Promise.allSettled(removed) }
  }

  /** What passes the site's cache by passes its routes' by as well. */
  adopt(): boolean {
    return true
  }

  chunk(): boolean {
    return true
  }

  end(): undefined {}

  fail(): undefined {}
}
