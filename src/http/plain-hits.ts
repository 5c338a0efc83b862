/**
 * The quickest hit: a page that is everyone's, for a request that says nothing a cache has to weigh. It is found by the raw
 * header lines, with nothing parsed and nothing built but the key, and only where the alias answers in the same turn. Whatever
 * is not as plain as that goes the whole way (`page-cache.ts`), and is answered there as it would have been here.
 */
import type { PageSettings } from './page-options.ts'
import { placeInProcess, plainPage } from './page-store.ts'
import { ageInSeconds, isFresh, remaining } from './policy/freshness.ts'
import { plainAnswer, WEIGHED_FIELDS } from './policy/lookup.ts'
import { pageUrl, type Scheme } from './policy/page-key.ts'
import { replyOf } from './reply.ts'
import type { StoredPage } from './resting.ts'
import type { Spot } from './spot.ts'
import { statusMember } from './status-field.ts'
import type { Reply } from './visit.ts'

export class PlainHits<R> {
  readonly #spot: Spot
  readonly #settings: PageSettings<R>
  readonly #weighed: ReadonlySet<string>
  /** By length of a name: a bit for each letter that one which has to be weighed begins with. Most names need no other look. */
  readonly #shapes = new Int32Array(32)
  /** The host that was last asked for, as it was sent, and how the places of its pages begin. */
  #host = ''
  #scheme: Scheme = 'http'
  #begin = ''

  constructor(spot: Spot, settings: PageSettings<R>) {
    this.#spot = spot
    this.#settings = settings
    this.#weighed = new Set([
      ...WEIGHED_FIELDS,
      ...(settings.rules.varyOn ?? []),
      ...(settings.rules.bypassOnCookie ? ['cookie'] : []),
    ])
    for (const name of ['host', ...this.#weighed])
      this.#shapes[name.length & 31]! |= 1 << (name.charCodeAt(0) & 31)
  }

  /** `lines`: names and values in turn, as they were received. */
  find(
    method: string | undefined,
    scheme: Scheme,
    target: string,
    lines: readonly string[],
  ): Reply | undefined {
    if (method !== 'GET') return undefined
    let host: string | undefined
    for (let i = 0; i < lines.length; i += 2) {
      const name = lines[i]!
      // Letters of both cases end in the same five bits.
      if (((this.#shapes[name.length & 31]! >>> (name.charCodeAt(0) & 31)) & 1) === 0) continue
      const lower = name.toLowerCase()
      if (lower === 'host' && host === undefined) host = lines[i + 1]!
      else if (lower === 'host' || this.#weighed.has(lower)) return undefined
    }
    if (host === undefined) return undefined
    if (host !== this.#host || scheme !== this.#scheme) {
      if (!this.#enter(scheme, host)) return undefined
    }
    const place = this.#begin + target
    try {
      const { inside } = this.#spot
      const page = plainPage(inside, place)
      if (page === undefined) return undefined
      const now = inside.clock.now()
      const { head, given } = page
      if (!isFresh(head, now)) return undefined
      const age = ageInSeconds(head, now)
      const ttl = remaining(head, now)
      const known = given !== undefined && given.by === this
      if (!known && !this.#isPlain(page)) return undefined
      inside.observer.hit(place)
      if (known && given.age === age && given.ttl === ttl) return given.reply
      return this.#give(page, target, age, ttl)
    } catch {
      // A store that fails or is closed is dealt with on the long way.
      return undefined
    }
  }

  /** It is for requests that have none of the fields it is selected by. Are those all looked for? */
  #isPlain({ head }: StoredPage): boolean {
    return head.vary.every((name) => this.#weighed.has(name))
  }

  #give(page: StoredPage, target: string, age: number, ttl: number | undefined): Reply {
    const settings = this.#settings
    const status = statusMember(settings, { hit: true, ttl, ...(settings.detail && { key: target }) })
    const reply = replyOf(plainAnswer(page.head, age), page, status)
    page.given = { by: this, age, ttl, reply }
    return reply
  }

  #enter(scheme: Scheme, host: string): boolean {
    const url = pageUrl(scheme, '/', { host }, this.#settings.hosts)
    if (typeof url === 'string') return false
    this.#host = host
    this.#scheme = scheme
    this.#begin = placeInProcess(this.#spot.key({ ...url, target: '' }))
    return true
  }
}
