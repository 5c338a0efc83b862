/**
 * The quickest hit: a page that is everyone's, for a request that says nothing a cache has to weigh. It is found by the raw
 * header lines, with nothing parsed and nothing built but the key, and only where the alias answers in the same turn. Whatever
 * is not as plain as that goes the whole way (`page-cache.ts`), and is answered there as it would have been here.
 */
import type { PageSettings } from './page-options.ts'
import { placeInProcess, plainEntry } from './page-store.ts'
import { ageInSeconds, isFresh, remaining } from './policy/freshness.ts'
import { plainAnswer, WEIGHED_FIELDS } from './policy/lookup.ts'
import { pageUrl, type Scheme } from './policy/page-key.ts'
import { replyOf } from './reply.ts'
import type { StoredPage } from './resting.ts'
import type { Spot } from './spot.ts'
import { statusMember } from './status-field.ts'
import type { Reply } from './visit.ts'

/** A host, as it is sent, and its pages that were found this way. */
interface Host {
  /** How the places of its pages begin. */
  readonly begin: string
  /** By target: the very string that the store has, which need not be made, hashed and compared again. */
  readonly places: Map<string, string>
}

/** More are not remembered. */
const MOST_HOSTS = 100
const MOST_PLACES = 1_000

export class PlainHits<R> {
  readonly #spot: Spot
  readonly #settings: PageSettings<R>
  readonly #weighed: ReadonlySet<string>
  /** By length of a name: a bit for each letter that one which has to be weighed begins with. Most names need no other look. */
  readonly #shapes = new Int32Array(32)
  readonly #hosts = { http: new Map<string, Host>(), https: new Map<string, Host>() }

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
    const known = this.#hosts[scheme].get(host) ?? this.#enter(scheme, host)
    if (known === undefined) return undefined
    const place = known.places.get(target) ?? known.begin + target
    try {
      const { inside } = this.#spot
      const entry = plainEntry(inside, place)
      const page = entry?.page
      if (page === undefined) return undefined
      const now = inside.clock.now()
      const { given } = page
      if (given !== undefined && given.by === this && now >= given.from && now < given.until) {
        inside.observer.hit(place)
        return given.reply
      }
      if (!isFresh(page.head, now) || !this.#isPlain(page)) return undefined
      if (known.places.size >= MOST_PLACES) known.places.clear()
      known.places.set(target, entry!.place)
      inside.observer.hit(place)
      return this.#give(page, target, now)
    } catch {
      // A store that fails or is closed is dealt with on the long way.
      return undefined
    }
  }

  /** It is for requests that have none of the fields it is selected by. Are those all looked for? */
  #isPlain({ head }: StoredPage): boolean {
    return head.vary.every((name) => this.#weighed.has(name))
  }

  #give(page: StoredPage, target: string, now: number): Reply {
    const settings = this.#settings
    const { head } = page
    const age = ageInSeconds(head, now)
    const ttl = remaining(head, now)
    const status = statusMember(settings, { hit: true, ttl, ...(settings.detail && { key: target }) })
    const reply = replyOf(plainAnswer(head, age), page, status)
    const end = head.freshUntil ?? Number.POSITIVE_INFINITY
    // When the age and what remains are other numbers, each of whole seconds.
    const until = Math.min(head.bornAt + (age + 1) * 1000, end - (ttl ?? 0) * 1000)
    page.given = { by: this, from: now, until, reply }
    return reply
  }

  #enter(scheme: Scheme, host: string): Host | undefined {
    const url = pageUrl(scheme, '/', { host }, this.#settings.hosts)
    if (typeof url === 'string') return undefined
    const hosts = this.#hosts[scheme]
    if (hosts.size >= MOST_HOSTS) hosts.clear()
    const known = { begin: placeInProcess(this.#spot.key({ ...url, target: '' })), places: new Map() }
    hosts.set(host, known)
    return known
  }
}
