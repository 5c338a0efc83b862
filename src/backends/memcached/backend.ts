/** The verbs in Memcached's commands: mostly one for each; what cannot be said in one is compare-and-set, tried again. */
import type { Backend, Claimed, Host, Kept, Network, Space } from '../../core/backend.ts'
import type { CheckContext, Finding } from '../../core/check.ts'
import { systemClock } from '../../core/clock.ts'
import { NotSupportedError } from '../../core/errors.ts'
import { isGraced, type Stored } from '../../core/values/entry.ts'
import { checkServers } from './check.ts'
import { Claims } from './claims.ts'
import { type GetOptions, type Item, MemcachedError } from './client/index.ts'
import { Counting } from './counting.ts'
import { type At, Items } from './items.ts'
import { Link } from './link.ts'
import type { MemcachedSettings } from './options.ts'
import { BARE, GRACED, kindOf, STUB } from './resting.ts'

/** Others who write between our look and our write, so often in a row. */
const ATTEMPTS = 50

export class MemcachedBackend implements Backend {
  readonly name = 'memcached'
  readonly holds = 'bytes'
  readonly sync = false
  readonly shared = true
  readonly network: Network
  readonly #settings: MemcachedSettings
  readonly #link: Link
  readonly #items: Items
  readonly #claims: Claims
  readonly #counting: Counting
  #host: Host | undefined

  constructor(settings: MemcachedSettings) {
    this.#settings = settings
    this.#link = new Link(settings)
    this.network = this.#link
    this.#items = new Items(this.#link, settings, systemClock)
    this.#claims = new Claims(this.#items)
    this.#counting = new Counting(this.#items)
  }

  open(host: Host): void {
    if (this.#host) return
    this.#host = host
    this.#items.clock = host.clock
  }

  close(): Promise<void> {
    return this.#link.close()
  }

  check(context: CheckContext): Finding[] {
    const servers = this.#link.client.servers.map(({ name }) => name)
    return checkServers(this.#settings.client, servers, context)
  }

  get(space: Space, key: string): Promise<Stored | undefined> {
    return this.#items.get(this.#items.at(space, key))
  }

  async getMany(space: Space, keys: readonly string[]): Promise<Map<string, Stored>> {
    const places = this.#places(space, keys)
    // Judged as it begins: it may be mended between the look at its server and the last server's answer.
    const doubtful = this.#link.losses.among(places.keys())
    const { items, failed } = await this.#getMany(places)
    if (failed.size > 0) this.#partly('getMany', failed, places)
    const found = new Map<string, Stored>()
    for (const [wireKey, item] of items) {
      const place = places.get(wireKey)
      if (place === undefined || doubtful.has(wireKey)) continue
      const entry = this.#items.entryOf(place.at, item)
      if (entry !== undefined) found.set(place.key, entry)
    }
    return found
  }

  async has(space: Space, key: string): Promise<boolean | 'graced'> {
    const at = this.#items.at(space, key)
    const kind = await this.#items.kind(at)
    if (kind === undefined || kind === STUB) return false
    if (kind === GRACED) return 'graced'
    if (kind === BARE) return true
    const found = await this.#items.look(at)
    return found?.entry === undefined ? false : isGraced(found.entry) ? 'graced' : true
  }

  async peek(space: Space, key: string): Promise<Kept | undefined> {
    const found = await this.#items.look(this.#items.at(space, key))
    if (found?.entry === undefined) return undefined
    return { stored: found.entry, expiresAt: found.end, createdAt: undefined }
  }

  set(space: Space, key: string, what: Stored, expiresAt: number): Promise<boolean> {
    const at = this.#items.at(space, key)
    const entry = bytes(what)
    return this.#write('set', at, () => this.#items.put(at, entry, expiresAt))
  }

  async setMany(space: Space, entries: ReadonlyMap<string, Stored>, expiresAt: number): Promise<string[]> {
    const at = this.#items.clock.now()
    const places = this.#places(space, entries.keys())
    // Those that rest alike go in one call: with the same flags and expiry.
    const alike = new Map<number, [string, Uint8Array][]>()
    const options = new Map<number, ReturnType<Items['entry']>>()
    for (const [wireKey, place] of places) {
      const what = bytes(entries.get(place.key))
      const how = this.#items.entry(place.at, what, expiresAt)
      const flags = how.flags ?? 0
      options.set(flags, how)
      const group = alike.get(flags)
      if (group) group.push([wireKey, what])
      else alike.set(flags, [[wireKey, what]])
    }
    const [results] = await Promise.all([
      Promise.all(
        Array.from(alike, ([flags, group]) => this.#items.client.setMany(group, options.get(flags))),
      ),
      this.#items.refresh(Array.from(places.values(), ({ at }) => at.mark)),
    ])
    const failed = new Map(results.flatMap((result) => [...result]))
    await Promise.all(
      Array.from(alike, ([flags, group]) =>
        group.map(async ([wireKey, what]) => {
          const place = places.get(wireKey)!
          if (failed.has(wireKey) || !this.#items.isDatedBack(place.at, { flags })) return
          await this.#items.put(place.at, what, expiresAt)
        }),
      ).flat(),
    )
    this.#settle(places, failed, at)
    const refused = [...failed].filter(([, error]) => isRefusal(error))
    if (refused.length > 0) this.#host?.failed('setMany', refused[0]![1])
    if (failed.size > refused.length) this.#partly('setMany', failed, places)
    return Array.from(failed.keys(), (wireKey) => places.get(wireKey)!.key)
  }

  async add(space: Space, key: string, what: Stored, expiresAt: number): Promise<boolean> {
    const at = this.#items.at(space, key)
    const entry = bytes(what)
    const { client } = this.#items
    return this.#write('add', at, async () => {
      for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
        const options = this.#items.entry(at, entry, expiresAt)
        const [added] = await Promise.all([
          client.add(at.wireKey, entry, options),
          this.#items.refresh([at.mark]),
        ])
        if (added && !this.#items.isDatedBack(at, options)) return true
        if (added) continue
        // Something is in the way; a claim, or what an epoch has ended, is nothing.
        const kind = await this.#items.kind(at)
        if (kind === BARE || kind === GRACED) return false
        const found = await this.#items.look(at)
        if (found?.entry !== undefined) return false
        const later = this.#items.entry(at, entry, expiresAt)
        if (found && (await this.#items.over(at, found.cas, entry, later))) return true
      }
      return false
    })
  }

  async touch(space: Space, key: string, expiresAt: number): Promise<boolean | 'graced'> {
    const at = this.#items.at(space, key)
    if (this.#settings.protocol === 'meta') {
      const kind = await this.#items.kind(at)
      if (kind === undefined || kind === STUB) return false
      if (kind === GRACED) return 'graced'
      if (kind === BARE) return this.#items.client.touch(at.wireKey, this.#items.seconds(expiresAt))
    }
    for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
      const found = await this.#items.look(at)
      if (found?.entry === undefined) return false
      if (isGraced(found.entry)) return 'graced'
      if (await this.#items.reclaim(at, found, found.claim, found.entry, expiresAt)) return true
    }
    return false
  }

  delete(space: Space, key: string): Promise<boolean> {
    const at = this.#items.at(space, key)
    // The server says whether an item was there. Whether it was an entry, the look just before it says, in the same batch.
    return this.#write('delete', at, async () => {
      const [kind, there] = await Promise.all([this.#items.kind(at), this.#items.client.delete(at.wireKey)])
      return there && kind !== undefined && kind !== STUB
    })
  }

  async deleteMany(space: Space, keys: readonly string[]): Promise<number> {
    const at = this.#items.clock.now()
    const places = this.#places(space, keys)
    const wireKeys = [...places.keys()]
    const [{ items }, { deleted, failed }] = await Promise.all([
      this.#getMany(places, { value: false }),
      this.#items.client.deleteMany(wireKeys),
    ])
    this.#settle(places, failed, at)
    if (failed.size > 0) this.#partly('deleteMany', failed, places)
    let nothing = 0
    for (const [wireKey, place] of places) {
      const item = items.get(wireKey)
      if (item && (kindOf(item.flags) === STUB || this.#items.isPast(place.at, item))) nothing++
    }
    return Math.max(0, deleted - nothing)
  }

  incr(
    space: Space,
    key: string,
    by: number,
    made?: { initial: number; expiresAt: number },
  ): Promise<number | undefined> {
    const at = this.#items.at(space, key)
    return this.#write('incr', at, () => this.#counting.incr(at, key, by, made)).then((sum) =>
      sum === false ? undefined : sum,
    )
  }

  async replace(space: Space, key: string, was: Stored, what: Stored, expiresAt: number): Promise<boolean> {
    const at = this.#items.at(space, key)
    const entry = bytes(what)
    return this.#write('replace', at, async () => {
      for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
        const found = await this.#items.look(at)
        if (found?.entry === undefined || Buffer.compare(found.entry, bytes(was)) !== 0) return false
        if (await this.#items.reclaim(at, found, found.claim, entry, expiresAt)) return true
      }
      return false
    })
  }

  async clear(what: Space | 'everything'): Promise<void> {
    if (what === 'everything') return this.#items.client.flushAll()
    if (!this.#items.clears || what.start === undefined) {
      throw new NotSupportedError(
        'NOT_SUPPORTED',
        "clear(): Memcached cannot list its keys. Use clear({ everything: true }), which empties every server, or another version of the cache; or make the backend with memcached({ clear: 'epoch' })",
      )
    }
    await this.#items.clear(what.start)
  }

  claim(space: Space, key: string, ms: number): Promise<Claimed> {
    return this.#claims.claim(this.#items.at(space, key), ms)
  }

  extend(space: Space, key: string, token: string, ms: number): Promise<boolean> {
    return this.#claims.extend(this.#items.at(space, key), token, ms)
  }

  fill(space: Space, key: string, token: string, what: Stored, expiresAt: number): Promise<boolean> {
    const at = this.#items.at(space, key)
    return this.#write('fill', at, () => this.#claims.fill(at, token, bytes(what), expiresAt))
  }

  release(space: Space, key: string, token?: string): Promise<void> {
    return this.#claims.release(this.#items.at(space, key), token)
  }

  /** Where many keys rest, by their names on the server. */
  #places(space: Space, keys: Iterable<string>): Map<string, { key: string; at: At }> {
    const places = new Map<string, { key: string; at: At }>()
    for (const key of keys) {
      const at = this.#items.at(space, key)
      places.set(at.wireKey, { key, at })
    }
    return places
  }

  /** Many items, and in the same batch the marks that say what is over. */
  async #getMany(
    places: ReadonlyMap<string, { at: At }>,
    options?: GetOptions,
  ): Promise<{ items: Map<string, Item>; failed: Map<string, MemcachedError> }> {
    const marks = Array.from(places.values(), ({ at }) => at.mark)
    const [found] = await Promise.all([
      this.#items.client.getMany([...places.keys()], options),
      this.#items.refresh(marks),
    ])
    return found
  }

  /** One write: what the server has no room for is `false`. */
  async #write<T>(verb: string, at: At, write: () => Promise<T>): Promise<T | false> {
    try {
      const done = await write()
      if (done !== false || verb === 'delete') this.#link.losses.settle(at.wireKey)
      return done
    } catch (error) {
      if (!(error instanceof MemcachedError) || !isRefusal(error)) throw error
      this.#host?.failed(verb, error)
      return false
    }
  }

  /** After a write of many keys: which of them may be old on a server that did not answer. */
  #settle(
    places: ReadonlyMap<string, unknown>,
    failed: ReadonlyMap<string, MemcachedError>,
    at: number,
  ): void {
    const { losses } = this.#link
    for (const wireKey of places.keys()) {
      const error = failed.get(wireKey)
      if (error === undefined) losses.settle(wireKey)
      else if (!losses.add(wireKey, error, at)) throw error
    }
  }

  /** Some of many failed, as when one of several servers is away: that is told. Throws when none succeeded. */
  #partly(
    verb: string,
    failed: ReadonlyMap<string, MemcachedError>,
    places: ReadonlyMap<string, unknown>,
  ): void {
    const [error] = failed.values()
    if (failed.size === places.size) throw error
    this.#host?.failed(verb, error)
  }
}

/** The server is well and will not have this: too large, or no room. Nothing rests there now. */
function isRefusal(error: MemcachedError): boolean {
  return error.code === 'VALUE_TOO_LARGE' || error.code === 'OUT_OF_MEMORY'
}

function bytes(what: Stored): Uint8Array {
  if (what instanceof Uint8Array) return what
  throw new TypeError('memcached keeps bytes: give the cache a codec')
}
