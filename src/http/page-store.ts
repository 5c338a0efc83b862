/**
 * How a page rests in an alias. Each URL has one entry: a random generation, where its variants are, and
 * the plain page itself. Variants rest under keys that hold the generation, so that removing the entry
 * (purge, unsafe method, `clear`) makes every one of them unreachable at once; and what was begun before
 * finds another generation, or none, and is not stored. The list only says where to look: a page is served
 * if its own Vary fits.
 *
 * A store that fails is a miss, or a page not kept, by the alias's own policy.
 */
import { createHash, randomBytes } from 'node:crypto'
import { type Answer, andThen } from '../core/answer.ts'
import type { Inside } from '../core/inside.ts'
import { bytesOf, Carried } from '../core/values/carried.ts'
import type { PageRequest } from './policy/page.ts'
import type { PageRules } from './policy/page-rules.ts'
import { fits, newer, variantKey } from './policy/vary.ts'
import {
  pageFromBytes,
  pageFromValue,
  pageToBytes,
  type StoredPage,
  type UrlEntry,
  urlEntryFromBytes,
  urlEntryFromValue,
  urlEntryToBytes,
} from './resting.ts'

/** What is there for a request. */
export interface Found {
  readonly generation: string
  /** The page that fits, or else any other of this URL; none where nothing is stored yet. */
  readonly page: StoredPage | undefined
  /** All the names that select its pages. */
  readonly names: readonly string[]
}

/** How long an entry without pages waits for its first one, in milliseconds: longer handlers are not stored. */
const LEARNING = 120_000
/** How often a write that another one overtook is tried again. */
const ATTEMPTS = 4
/** Longer ids are hashed even in the process. */
const MAX_ID = 200

const PROCESS = randomBytes(12).toString('base64url')
let generations = 0

export class PageStore {
  readonly #inside: () => Inside
  readonly #maxVariants: number

  /** @param inside opened with the first page; it throws once the cache is closed. */
  constructor(inside: () => Inside, maxVariants: number) {
    this.#inside = inside
    this.#maxVariants = maxVariants
  }

  /** What rests for this request under the key of its URL. */
  read(url: string, request: PageRequest, rules: PageRules): Answer<Found | undefined> {
    const inside = this.#inside()
    return andThen(this.#entry(inside, restingKey(inside, url)), (entry) => {
      if (entry === undefined) return undefined
      const plain = entry.page
      const fitting = plain !== undefined && fits(plain.head, request, rules) ? plain : undefined
      if (entry.variants.length === 0) {
        return { generation: entry.generation, page: plain, names: plain?.head.vary ?? [] }
      }
      return andThen(this.#variant(inside, entry, request, rules), (variant) => ({
        generation: entry.generation,
        page:
          variant && fitting
            ? newer(variant.head, fitting.head) === fitting.head
              ? fitting
              : variant
            : (variant ?? fitting ?? plain),
        names: namesOf(entry),
      }))
    })
  }

  /** Makes sure that the URL has an entry, before the handler is asked, and answers its generation. */
  learn(url: string): Answer<string | undefined> {
    const inside = this.#inside()
    const { store, door, policy, clock } = inside
    const key = restingKey(inside, url)
    const entry: UrlEntry = {
      place: nameOf(inside, key),
      generation: `${PROCESS}${(generations++).toString(36)}`,
      variants: [],
      page: undefined,
      endsAt: clock.now() + LEARNING,
    }
    const added = policy.attempt(
      'page',
      () => store.add(door.space, key, pack(inside, entry), clock.now() + LEARNING),
      undefined,
    )
    return andThen(added, (done) => {
      if (done !== false) return done && entry.generation
      return andThen(
        policy.attempt('page', () => store.get(door.space, key), undefined),
        (what) => {
          const other = readEntry(inside, key, what)
          if (other !== undefined || what === undefined) return other?.generation
          // What nobody can read would keep its URL from being stored. Only that very thing is replaced.
          const ends = clock.now() + LEARNING
          return andThen(
            policy.attempt(
              'page',
              () => store.replace(door.space, key, what, pack(inside, entry), ends),
              false,
            ),
            (replaced) => (replaced ? entry.generation : undefined),
          )
        },
      )
    })
  }

  /** Stores a page, if its URL still has the generation under which it was begun. */
  write(
    url: string,
    generation: string,
    request: PageRequest,
    page: StoredPage,
    rules: PageRules,
  ): Answer<boolean> {
    const inside = this.#inside()
    const key = restingKey(inside, url)
    const { vary, selected, keepUntil } = page.head
    if (selected.every((value) => value === null)) {
      return this.#change(inside, key, generation, (entry) => ({ ...entry, page }))
    }
    const id = idOf(inside, variantKey(vary, request, rules))
    const { store, door, policy } = inside
    const place = variantPlace(generation, id)
    const what = resting(inside, { ...page, place: nameOf(inside, place) }, pageToBytes)
    const stored = policy.attempt(
      'page',
      () => store.set(door.space, place, what, keepUntil ?? Number.POSITIVE_INFINITY),
      false,
    )
    return andThen(stored, (done) => {
      if (!done) return false
      return this.#change(
        inside,
        key,
        generation,
        (entry) => {
          const others = entry.variants.filter((place) => place.id !== id)
          const over = others.length + 1 - this.#maxVariants
          for (const place of others.splice(0, Math.max(0, over))) this.#drop(inside, generation, place.id)
          return { ...entry, variants: [...others, { id, names: vary }] }
        },
        keepUntil,
      )
    })
  }

  /** Nothing came of it: an entry without pages goes, where that costs no round trip. */
  forget(url: string, generation: string): void {
    const inside = this.#inside()
    if (!inside.settings.backend.sync) return
    const key = restingKey(inside, url)
    void andThen(this.#entry(inside, key), (entry) => {
      if (entry?.generation === generation && entry.page === undefined && entry.variants.length === 0) {
        return this.remove(url)
      }
    })
  }

  /** Makes every page of a URL unreachable. `true` when there was an entry. */
  remove(url: string): Answer<boolean> {
    const inside = this.#inside()
    const { store, door, policy } = inside
    return policy.attempt('page', () => store.delete(door.space, restingKey(inside, url)), false)
  }

  #entry(inside: Inside, key: string): Answer<UrlEntry | undefined> {
    const { store, door, policy } = inside
    return andThen(
      policy.attempt('page', () => store.get(door.space, key), undefined),
      (what) => readEntry(inside, key, what),
    )
  }

  /** The newest of the variants that fit, looked for under each list of names that there is. */
  #variant(
    inside: Inside,
    { generation, variants }: UrlEntry,
    request: PageRequest,
    rules: PageRules,
  ): Answer<StoredPage | undefined> {
    const { store, door, policy } = inside
    const places: string[] = []
    let names: readonly string[] | undefined
    let id = ''
    for (const place of variants) {
      // Nearly always all variants have one list of names.
      if (names === undefined || !sameNames(names, place.names)) {
        names = place.names
        id = idOf(inside, variantKey(names, request, rules))
      }
      if (place.id === id) places.push(variantPlace(generation, id))
    }
    let best: StoredPage | undefined
    const consider = (key: string, what: unknown) => {
      const page = read(what, pageFromBytes, pageFromValue)
      if (what !== undefined && page?.place !== nameOf(inside, key)) {
        inside.observer.corrupt(key, 'page')
        return
      }
      if (page === undefined || !fits(page.head, request, rules)) return
      best = best && newer(best.head, page.head) === best.head ? best : page
    }
    const next = (at: number): Answer<StoredPage | undefined> => {
      const place = places[at]
      if (place === undefined) return best
      const found = policy.attempt('page', () => store.get(door.space, place), undefined)
      return andThen(found, (what) => {
        if (what !== undefined) consider(place, what)
        return next(at + 1)
      })
    }
    return next(0)
  }

  /** Compare and set: what another writer did meanwhile is kept, and what was removed stays removed. */
  #change(
    inside: Inside,
    key: string,
    generation: string,
    change: (entry: UrlEntry) => UrlEntry,
    until?: number | null,
    attempt = 0,
  ): Answer<boolean> {
    const { store, door, policy, clock, observer } = inside
    const { space } = door
    const found = policy.attempt('page', () => store.get(space, key), undefined)
    return andThen(found, (was) => {
      const entry = readEntry(inside, key, was)
      if (entry?.generation !== generation || attempt === ATTEMPTS) {
        observer.see({ type: 'late', key })
        return false
      }
      const changed = change(entry)
      const ends = until === undefined ? (changed.page?.head.keepUntil ?? null) : until
      // Where there are other pages, the entry lasts as long as they do.
      const alone = entry.variants.length === 0 && (entry.page === undefined || until === undefined)
      const endsAt = alone ? ends : later(entry.endsAt, ends)
      const next = { ...changed, endsAt }
      const expiresAt = endsAt ?? Number.POSITIVE_INFINITY
      if (expiresAt <= clock.now()) return false
      return andThen(
        policy.attempt('page', () => store.replace(space, key, was, pack(inside, next), expiresAt), false),
        (done) => {
          if (done) observer.set(key)
          return done || this.#change(inside, key, generation, change, until, attempt + 1)
        },
      )
    })
  }

  #drop({ store, door, policy }: Inside, generation: string, id: string): void {
    void policy.attempt('page', () => store.delete(door.space, variantPlace(generation, id)), false)
  }
}

function readEntry(inside: Inside, key: string, what: unknown): UrlEntry | undefined {
  if (what === undefined) return undefined
  const entry = read(what, urlEntryFromBytes, urlEntryFromValue)
  if (entry !== undefined && entry.place === nameOf(inside, key)) return entry
  inside.observer.corrupt(key, 'page')
  return undefined
}

/** What a record says of where it rests: in the process its key, outside all that tells it from every other. */
function nameOf({ settings, door }: Inside, key: string): string {
  return settings.backend.sync ? key : door.space.frame(key)
}

function pack(inside: Inside, entry: UrlEntry): unknown {
  return resting(inside, entry, urlEntryToBytes)
}

/** As the backend holds it; as both where it keeps values near. */
function resting<T>({ settings }: Inside, value: T, toBytes: (value: T) => Uint8Array): unknown {
  if (settings.backend.holds === 'values') return value
  return settings.backend.near ? new Carried(toBytes(value), value) : toBytes(value)
}

function read<T>(
  what: unknown,
  fromBytes: (bytes: Uint8Array) => T | undefined,
  fromValue: (value: unknown) => T | undefined,
): T | undefined {
  const bytes = bytesOf(what)
  if (bytes === undefined) return fromValue(what)
  const value = fromBytes(bytes)
  if (value !== undefined && what instanceof Carried) what.keep?.(value)
  return value
}

function namesOf(entry: UrlEntry): readonly string[] {
  const names = new Set(entry.page?.head.vary)
  for (const place of entry.variants) for (const name of place.names) names.add(name)
  return [...names].sort()
}

function sameNames(a: readonly string[], b: readonly string[]): boolean {
  return a === b || (a.length === b.length && a.every((name, i) => name === b[i]))
}

function later(a: number | null, b: number | null): number | null {
  return a === null || b === null ? null : Math.max(a, b)
}

/** The entry of a URL that has but one page, where that can be told in this turn. `place`: where it rests. */
export function plainEntry({ store, door, settings }: Inside, place: string): UrlEntry | undefined {
  if (!settings.backend.sync || settings.backend.holds === 'bytes') return undefined
  const entry = urlEntryFromValue(store.get(door.space, place))
  return entry === undefined || entry.place !== place || entry.variants.length > 0 ? undefined : entry
}

/** Where the entry of a URL rests in the process. */
export function placeInProcess(url: string): string {
  return `page:${url}`
}

/** In the process as it is; what leaves it has one length, whatever the URL. */
function restingKey(inside: Inside, url: string): string {
  return inside.settings.backend.sync ? placeInProcess(url) : `page:${digest(url)}`
}

function variantPlace(generation: string, id: string): string {
  return `variant:${generation}:${id}`
}

function idOf(inside: Inside, key: string): string {
  return inside.settings.backend.sync && key.length <= MAX_ID ? key : digest(key)
}

function digest(text: string): string {
  return createHash('sha256').update(text).digest('base64url')
}
