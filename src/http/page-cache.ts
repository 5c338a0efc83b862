/**
 * The page cache: what becomes of a visit. It is answered from the store (200, 206, 304, 504), waits for the
 * answer to another visit, or goes to the handler, whose response is recorded. The rules are `policy/`'s,
 * the place is `page-store.ts`'s, and how a framework does it is the adapter's.
 */
import { type Answer, andThen, isPromise } from '../core/answer.ts'
import { ClosedError } from '../core/errors.ts'
import { nextPoll, pause } from '../core/making/waiting.ts'
import { type Flight, LONGEST_WAIT } from './collapse.ts'
import { Watch } from './credentials.ts'
import { claimPage, hasFleet, type Right } from './fleet.ts'
import { hiddenCredentials } from './hidden-cookies.ts'
import type { PageSettings } from './page-options.ts'
import type { Found } from './page-store.ts'
import { Passage } from './passage.ts'
import { PlainHits } from './plain-hits.ts'
import { requestControl } from './policy/cache-control.ts'
import { forwardFor } from './policy/cache-status.ts'
import { field, overlay } from './policy/fields.ts'
import { remaining } from './policy/freshness.ts'
import { type Hit, lookup, type MissReason } from './policy/lookup.ts'
import type { PageRequest } from './policy/page.ts'
import { type PageUrl, pageUrl } from './policy/page-key.ts'
import type { PageRules } from './policy/page-rules.ts'
import { refreshFields } from './policy/refresh-request.ts'
import { type BypassReason, bypassReason } from './policy/storable.ts'
import { fits, LOCALE, TIME_ZONE, unionOfNames, variantKey } from './policy/vary.ts'
import { Recorder, type RecordingParts } from './recorder.ts'
import { bareReply, replyOf } from './reply.ts'
import type { StoredPage } from './resting.ts'
import type { Spot } from './spot.ts'
import { statusMember } from './status-field.ts'
import type { Course, Visit } from './visit.ts'

/** A visit that may be looked up. */
export interface Asked<R> {
  readonly visit: Visit<R>
  readonly url: PageUrl
  /** The key of its URL. */
  readonly key: string
  /** The request as it is judged: without what the site hides. */
  readonly request: PageRequest
  readonly rules: PageRules
  /** What the site hides, to be taken out of the handler's request too. */
  readonly hidden: PageRequest['fields'] | undefined
}

/** So many answers that came to nothing are waited for; then everyone has one of his own. */
const MOST_JOINED = 2

export class PageCache<R = unknown> {
  readonly spot: Spot
  readonly settings: PageSettings<R>
  /** Where nothing but the URL tells which page a visitor gets. */
  readonly plainHits: PlainHits<R> | undefined
  /** Of refreshes under way, by key: what storing their page came to, or comes to. */
  readonly #renewed = new Map<string, Answer<unknown> | undefined>()
  /** Makes a URL invalid wherever this site keeps pages. */
  readonly #invalidate: (url: PageUrl) => Answer<unknown>

  constructor(spot: Spot, settings: PageSettings<R>, invalidate: (url: PageUrl) => Answer<unknown>) {
    this.spot = spot
    this.settings = settings
    if (!settings.localeOf && !settings.timeZoneOf) this.plainHits = new PlainHits(spot, settings)
    this.#invalidate = invalidate
  }

  /** What becomes of a visit. Never throws or rejects for what a request holds or a store does, unless the alias says `onBackendError: 'throw'`. */
  begin(visit: Visit<R>): Answer<Course> {
    const { fields } = visit
    const { settings } = this
    const trusted = Boolean(visit.trusted) || (settings.trustedProxy?.(visit.request) ?? false)
    const rules = trusted ? settings.trustedRules : settings.rules
    const hidden = hiddenCredentials(fields, settings.ignoreCookies, settings.hideCredentials)
    const request = {
      method: visit.method,
      fields: hidden === undefined ? fields : overlay(fields, hidden),
      ...(settings.localeOf && { locale: settings.localeOf(visit.request) }),
      ...(settings.timeZoneOf && { timeZone: settings.timeZoneOf(visit.request) }),
    }
    const url = urlOf(visit, trusted && visit.trusted !== 'applied', settings.hosts)
    const reason = bypassReason(request, visit.target, rules) ?? (typeof url === 'string' ? url : undefined)
    if (reason !== undefined || typeof url === 'string') {
      return this.#pass(visit, reason ?? 'target-form', typeof url === 'string' ? undefined : url)
    }
    const asked = { visit, url, key: this.spot.key(url), request, rules, hidden }
    try {
      const found = this.spot.store.read(asked.key, request, rules)
      return isPromise(found)
        ? found.then((there) => this.#found(asked, there)).catch((error) => this.#closed(asked, error))
        : this.#found(asked, found)
    } catch (error) {
      return this.#closed(asked, error)
    }
  }

  /** A closed cache keeps no pages; the site goes on. */
  #closed({ visit, url }: Asked<R>, error: unknown): Course {
    if (error instanceof ClosedError) return this.#pass(visit, undefined, url)
    throw error
  }

  #pass(visit: Visit<R>, reason: BypassReason | undefined, url: PageUrl | undefined): Course {
    const fwd = reason === undefined ? 'bypass' : forwardFor(reason)
    const invalidate = url && this.#invalidate
    return {
      do: 'handle',
      exchange: new Passage(visit.method, url, this.settings, { fwd, detail: reason }, invalidate),
    }
  }

  #found(asked: Asked<R>, found: Found | undefined): Answer<Course> {
    const { visit, request, rules } = asked
    const { clock, observer } = this.spot.inside
    const now = clock.now()
    const page = found?.page
    if (visit.refresh) {
      const usable = page !== undefined && fits(page.head, request, rules)
      return this.#make(asked, found, usable ? 'stale' : 'vary-miss', false)
    }
    const verdict = lookup(request, page, rules, now)
    if (verdict.do === 'hit' && (!verdict.refresh || visit.rerun !== undefined)) {
      if (verdict.refresh) {
        observer.stale(asked.key)
        this.#refresh(asked, found, page!)
      } else observer.hit(asked.key)
      return { do: 'reply', reply: this.#reply(asked, verdict, page!, now) }
    }
    observer.miss(asked.key)
    if (verdict.do === 'refuse') {
      return { do: 'reply', reply: bareReply(504, statusMember(this.settings, { detail: 'only-if-cached' })) }
    }
    const [why, onError] = verdict.do === 'miss' ? [verdict.why, verdict.onError] : ['stale' as const, false]
    return this.#miss(asked, found, why, onError)
  }

  /** `joined`: how often it has waited in vain. Who keeps doing so would be served after all the others have failed. */
  #miss(
    asked: Asked<R>,
    found: Found | undefined,
    why: MissReason,
    onError: boolean,
    joined = 0,
  ): Answer<Course> {
    const { flights, inside } = this.spot
    if (!this.settings.collapse || joined > MOST_JOINED) return this.#make(asked, found, why, onError)
    const selected = this.#selected(asked, found)
    const flight = flights.get(asked.key, selected)
    // One that was begun before an invalidation is not joined.
    if (flight && (flight.generation === null || flight.generation === found?.generation)) {
      return flight.wait().then((page) => {
        const now = inside.clock.now()
        const verdict = page && lookup(asked.request, page, asked.rules, now)
        if (page === undefined || verdict?.do !== 'hit') {
          return this.#again(asked, why, onError, flight.isOver ? joined + 1 : Number.POSITIVE_INFINITY)
        }
        inside.observer.see({ type: 'joined', key: asked.key })
        return { do: 'reply', reply: this.#reply(asked, verdict, page, now, forwardFor(why)) }
      })
    }
    // What can never be stored says nothing of what others will get.
    if (!canBeKept(asked.request)) return this.#make(asked, found, why, onError)
    const alone = !flights.mayShare(asked.key, selected, inside.clock.now())
    return this.#make(
      asked,
      found,
      why,
      onError,
      alone ? undefined : flights.start(asked.key, selected),
      selected,
    )
  }

  /** The answer that was waited for was not to be shared, or came to nothing. */
  #again(asked: Asked<R>, why: MissReason, onError: boolean, joined: number): Answer<Course> {
    return andThen(this.spot.store.read(asked.key, asked.request, asked.rules), (found) =>
      this.#miss(asked, found, why, onError, joined),
    )
  }

  #make(
    asked: Asked<R>,
    found: Found | undefined,
    why: MissReason,
    onError: boolean,
    flight?: Flight,
    selected?: string,
  ): Answer<Course> {
    const { store, inside } = this.spot
    const generation = found?.generation ?? (canBeKept(asked.request) ? store.learn(asked.key) : undefined)
    return andThen(generation, (known) => {
      if (flight) flight.generation = known
      const handle = (right?: Right): Course => {
        const exchange = this.#recorder(asked, found, known, why, onError, (page, shareable, stored) => {
          if (asked.visit.refresh) this.#renewed.set(asked.key, stored)
          if (right && shareable) void andThen(stored, () => right.end())
          else right?.endUnshared()
          if (selected === undefined) return
          const { flights } = this.spot
          if (shareable) flights.shared(asked.key, selected)
          else flights.unshared(asked.key, selected, inside.clock.now())
          if (flight) flights.end(asked.key, selected, flight, page)
        })
        return { do: 'handle', exchange }
      }
      if (!flight || selected === undefined || known === undefined || !hasFleet(inside)) return handle()
      return andThen(claimPage(inside, known, selected), (right) =>
        right === undefined ? handle() : this.#await(asked, known, why, flight, selected, handle, right),
      )
    })
  }

  /** Another process is making the page, or has made it between our look and our claim. */
  async #await(
    asked: Asked<R>,
    generation: string,
    why: MissReason,
    flight: Flight,
    selected: string,
    handle: (right?: Right) => Course,
    claimed: Right | 'held',
  ): Promise<Course> {
    const { inside, flights, store } = this.spot
    const over = (page?: StoredPage) => flights.end(asked.key, selected, flight, page)
    const until = performance.now() + LONGEST_WAIT
    try {
      let right: Right | 'held' | undefined = claimed
      for (let turn = 0; performance.now() < until; turn++) {
        if (right === 'held') {
          await pause(nextPoll(turn))
          right = await claimPage(inside, generation, selected)
        }
        if (right === 'held') continue
        if (right === undefined) break
        const page = (await store.read(asked.key, asked.request, asked.rules))?.page
        const now = inside.clock.now()
        const verdict = page && lookup(asked.request, page, asked.rules, now)
        if (page && verdict?.do === 'hit') {
          right.end()
          over(page)
          inside.observer.see({ type: 'joined', key: asked.key })
          return { do: 'reply', reply: this.#reply(asked, verdict, page, now, forwardFor(why)) }
        }
        // Who had not to wait is not one of those who would go one after the other.
        if (claimed !== 'held' || !(await right.isUnshared())) return handle(right)
        right.end()
        break
      }
    } catch (error) {
      over()
      throw error
    }
    // Those who wait for us here need not do so any longer.
    flights.unshared(asked.key, selected, inside.clock.now())
    over()
    return handle()
  }

  #recorder(
    asked: Asked<R>,
    found: Found | undefined,
    generation: string | undefined,
    why: MissReason,
    onError: boolean,
    landed: RecordingParts<R>['landed'],
  ): Recorder<R> {
    const { spot, settings } = this
    return new Recorder({
      spot,
      settings,
      asked,
      generation,
      page: why === 'stale' || why === 'request' ? found?.page : undefined,
      why,
      onError,
      watch: settings.watch ? new Watch(settings.explain) : undefined,
      landed,
    })
  }

  /**
   * What tells apart who may wait for whose answer: what selects the pages of this URL as far as it is known,
   * and whether there are credentials, since an answer made from them is seldom to be shared.
   */
  #selected({ request, rules }: Asked<R>, found: Found | undefined): string {
    const own = [
      ...(request.locale === undefined ? [] : [LOCALE]),
      ...(request.timeZone === undefined ? [] : [TIME_ZONE]),
    ]
    const names = unionOfNames(found?.names ?? [], rules.varyOn ?? [], own)
    const { cookie, authorization } = request.fields
    return `${cookie === undefined ? '' : 'c'}${authorization === undefined ? '' : 'a'}${variantKey(names, request, rules)}`
  }

  #reply(asked: Asked<R>, hit: Hit, page: StoredPage, now: number, fwd?: ReturnType<typeof forwardFor>) {
    const status = statusMember(this.settings, {
      ...(fwd === undefined ? { hit: true } : { fwd, collapsed: true }),
      ttl: remaining(page.head, now),
      ...(this.settings.detail && { key: asked.visit.target }),
    })
    return replyOf(hit, page, status)
  }

  async #isRenewed({ key, request, rules }: Asked<R>): Promise<boolean> {
    const { store, inside } = this.spot
    const page = (await store.read(key, request, rules))?.page
    const verdict = page && lookup(request, page, rules, inside.clock.now())
    return verdict?.do === 'hit' && !verdict.refresh
  }

  /** One refresh behind those who are served the stale page. */
  #refresh(asked: Asked<R>, found: Found | undefined, page: StoredPage): void {
    const { flights, inside } = this.spot
    const { rerun } = asked.visit
    const fields = refreshFields(page.head, asked.request)
    const selected = `refresh${variantKey(page.head.vary, asked.request, asked.rules)}`
    const now = inside.clock.now()
    if (rerun === undefined || fields === undefined) return
    if (flights.get(asked.key, selected) || !flights.mayRefresh(asked.key, now)) return
    const flight = flights.start(asked.key, selected)
    setImmediate(() => {
      Promise.resolve(
        found !== undefined && hasFleet(inside) ? claimPage(inside, found.generation, selected) : undefined,
      )
        .then(async (right) => {
          if (right === 'held') return
          try {
            // Between our look and our claim another process may have renewed it.
            if (right && (await this.#isRenewed(asked))) return
            await rerun(fields)
            await this.#renewed.get(asked.key)
          } finally {
            this.#renewed.delete(asked.key)
            right?.end()
          }
        })
        .catch((error: unknown) => {
          flights.refreshFailed(asked.key, inside.clock.now())
          const { key } = asked
          inside.observer.see({
            type: 'load-failed',
            key,
            background: true,
            ms: inside.clock.now() - now,
            error,
          })
        })
        .finally(() => flights.end(asked.key, selected, flight, undefined))
    })
  }
}

/** Whether the answer to a request might be stored at all, as far as the request can tell. */
function canBeKept({ method, fields }: PageRequest): boolean {
  return method === 'GET' && !requestControl(fields).noStore
}

/** The URL that is keyed: the same scheme and host that the handler sees. */
function urlOf(
  { fields, scheme, host, target }: Visit,
  trusted: boolean,
  hosts: ReadonlySet<string> | undefined,
): ReturnType<typeof pageUrl> {
  const authority = fields[':authority']
  if (!trusted) return pageUrl(scheme, target, { host, ':authority': authority }, hosts)
  // Of several values frameworks believe the first or the last: what is ambiguous is not keyed.
  const proto = field(fields, 'x-forwarded-proto')?.toLowerCase() ?? scheme
  const forwarded = field(fields, 'x-forwarded-host') ?? host
  if (proto !== 'https' && proto !== 'http') return 'host-ambiguous'
  if (forwarded !== host) return pageUrl(proto, target, { host: forwarded }, hosts)
  return pageUrl(proto, target, { host, ':authority': authority }, hosts)
}
