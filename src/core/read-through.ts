/**
 * `getOrSet`: the one table of what each state of an entry leads to. Jobs and fragments are this too.
 *
 *   fresh              the value (and, if asked to renew ahead, one refresh behind)
 *   stale              the stale value and one refresh behind; with `softTimeout` the new one, if it is there in time
 *   expired, missing   wait for the fill
 */
import { type Answer, andThen, isPromise } from './answer.ts'
import type { GetOrSetOptions } from './cache.ts'
import { checkValue, notBoolean, type Write } from './door.ts'
import type { Inside } from './inside.ts'
import { Filler } from './making/fill.ts'
import type { Fate } from './making/flight.ts'
import type { Load } from './making/load.ts'
import type { Making, Old } from './making/making.ts'
import { orAfter } from './making/waiting.ts'
import { MAKE_OPTION_NAMES, type MakeSettings, settleMake } from './settings.ts'
import { Entry, type Stored } from './values/entry.ts'
import type { Ttl } from './values/expiry.ts'
import type { Found } from './values/form.ts'
import { checkKey } from './values/key.ts'

const GET_OR_SET = ['ttl', 'version', 'fresh', ...MAKE_OPTION_NAMES]

/** One call, settled. */
export interface Call {
  readonly key: string
  readonly load: unknown
  readonly write: Write
  readonly make: MakeSettings
  /** Load without reading what is there. */
  readonly fresh: boolean
  readonly inTurn: boolean
  /** The count of the store's flights when the caller came. */
  readonly came: number
  /** Who decides where loads are made, in place of the table; `undefined`: the table. */
  readonly steering?: Steering | undefined
}

/**
 * Decides for a call what the table leaves to it: load here while the caller waits, or have it loaded elsewhere. A job's part; the
 * states and their limits stay the table's.
 */
export interface Steering {
  /** Nothing usable is there. `undefined`: load here. Else what the caller gets instead. */
  missing(): Answer<{ readonly value: unknown } | undefined>
  /** A stale value is there. `true`: load here, and serve the stale value should that fail; `false`: it is seen to. Throws only to the caller. */
  stale(found: Found): Answer<boolean>
  /** A fresh value is due to be renewed. */
  ahead(found: Found): void
}

export class ReadThrough {
  readonly #inside: Inside
  readonly #filler: Filler

  constructor(inside: Inside) {
    this.#inside = inside
    this.#filler = new Filler(inside)
  }

  getOrSet(
    key: string,
    load: unknown,
    third: Ttl | GetOrSetOptions | undefined,
    inTurn: boolean,
  ): Answer<unknown> {
    const { door, policy, reader, settings, store } = this.#inside
    if (typeof key !== 'string' || key === '') checkKey(key)
    const write = door.write('getOrSet()', third, GET_OR_SET)
    door.asked(write.space, key)
    if (typeof load !== 'function') checkValue(load)
    const options = typeof third === 'object' && third !== null ? third : undefined
    const make = options ? settleMake(options, settings.make) : settings.make
    const fresh = options?.fresh ?? false
    if (typeof fresh !== 'boolean') throw notBoolean('fresh', fresh)
    const came = store.flights.count
    if (fresh) return this.#miss({ key, load, write, make, fresh, inTurn, came })
    let what: Answer<Stored | undefined>
    try {
      what = store.get(write.space, key)
    } catch (error) {
      what = policy.fault('getOrSet', error, undefined)
    }
    // The common hit: a value without times of its own, in this turn.
    if (!isPromise(what)) {
      const value = what === undefined || what instanceof Entry ? undefined : reader.value(key, what, false)
      return value === undefined ? this.#serve({ key, load, write, make, fresh, inTurn, came }, what) : value
    }
    return what
      .catch((error: unknown) => policy.fault('getOrSet', error, undefined))
      .then((stored) => this.#serve({ key, load, write, make, fresh, inTurn, came }, stored))
  }

  /** `getOrSet` for a call that was settled elsewhere: a job's. */
  read(call: Call): Answer<unknown> {
    if (call.fresh) return this.#miss(call)
    return andThen(this.#look(call), (stored) => this.#serve(call, stored))
  }

  /**
   * Renews what is there for nobody who waits for it: a worker's part. `false`: what is there is not what was to be renewed. Rejects
   * with what the load throws.
   *
   * @param isDue is this what was to be renewed? Asked of what is there, `undefined` for nothing, and again under the claim.
   */
  renew(call: Call, isDue: (found: Found | undefined) => boolean): Answer<Fate | false> {
    const { reader } = this.#inside
    return andThen(this.#look(call), (stored): Answer<Fate | false> => {
      const found = reader.usable(call.key, stored)
      if (!isDue(found)) return false
      let due = true
      const making: Making = {
        ...this.#making(call),
        isDue: (now) => {
          due = isDue(now)
          return due
        },
      }
      return this.#filler.make(making, found && { stored, found }).then((fate) => due && fate)
    })
  }

  #look({ write, key }: Call): Answer<Stored | undefined> {
    return this.#inside.policy.attempt('getOrSet', () => this.#inside.store.get(write.space, key), undefined)
  }

  /** The table. */
  #serve(call: Call, stored: Stored | undefined): Answer<unknown> {
    const { reader, observer } = this.#inside
    const found = stored === undefined ? undefined : reader.read(call.key, stored)
    if (found === undefined) return this.#miss(call)
    switch (reader.freshness(found)) {
      case 'fresh':
        observer.hit(call.key)
        if (this.#isDue(found, call.make)) {
          if (call.steering) call.steering.ahead(found)
          else this.#filler.refresh(this.#making(call), { stored, found })
        }
        return found.value
      case 'stale':
        return this.#serveStale(call, { stored, found })
      case 'expired':
        return this.#miss(call)
    }
  }

  #miss(call: Call): Answer<unknown> {
    this.#inside.door.missed(call.write.space, call.key)
    if (!call.fresh) this.#inside.observer.miss(call.key)
    if (call.steering === undefined || call.fresh) return this.#filler.fill(this.#making(call))
    return andThen(call.steering.missing(), (instead) =>
      instead ? instead.value : this.#filler.fill(this.#making(call)),
    )
  }

  /** Never an error while a stale value is allowed: whoever listens hears of it. */
  #serveStale(call: Call, old: Old): Answer<unknown> {
    const stale = () => {
      this.#inside.observer.stale(call.key)
      return old.found.value
    }
    if (call.steering) {
      const seen = call.steering.stale(old.found)
      if (!isPromise(seen)) return seen ? this.#serveRenewed(call, old, stale) : stale()
      // Its limit may have come meanwhile.
      return seen.then((loadHere) => {
        if (this.#inside.reader.freshness(old.found) === 'expired') return this.#miss(call)
        return loadHere ? this.#serveRenewed(call, old, stale) : stale()
      })
    }
    if (call.make.softTimeout <= 0 && !call.inTurn) {
      this.#filler.refresh(this.#making(call), old)
      return stale()
    }
    return this.#serveRenewed(call, old, stale)
  }

  /** The new value; the stale one where that fails or takes too long. */
  #serveRenewed(call: Call, old: Old, stale: () => unknown): Answer<unknown> {
    // Its limit may come while we wait: then there is nothing to fall back on any more.
    const instead = (error: unknown) => {
      if (this.#inside.reader.freshness(old.found) === 'expired') throw error
      return stale()
    }
    try {
      const made = this.#filler.fill(this.#making(call), old)
      if (!isPromise(made)) return made
      return orAfter(call.make.softTimeout, made, () =>
        this.#inside.reader.freshness(old.found) === 'expired' ? made : stale(),
      ).catch(instead)
    } catch (error) {
      return instead(error)
    }
  }

  /** Is it time to renew a fresh value, ahead of its end? */
  #isDue({ createdAt, grace }: Found, { refreshAhead }: MakeSettings): boolean {
    if (refreshAhead === undefined || grace === undefined || createdAt === undefined) return false
    const { staleAt } = grace
    const due = refreshAhead < 0 ? staleAt + refreshAhead : createdAt + (staleAt - createdAt) * refreshAhead
    return this.#inside.clock.now() >= due
  }

  #making({ key, load, write, make, fresh, inTurn, came, steering }: Call): Making {
    return {
      space: write.space,
      key,
      load: typeof load === 'function' ? (load as Load<unknown>) : () => load,
      ttl: write.ttl,
      staleFor: make.staleFor,
      timed: make.refreshAhead !== undefined || steering !== undefined,
      hardTimeout: make.hardTimeout,
      // A claim within the process costs nothing; only one over the network can be switched off.
      lease: make.lease ?? (this.#inside.settings.backend.shared ? undefined : Number.POSITIVE_INFINITY),
      outageHold: this.#inside.settings.outageHold,
      fresh,
      inTurn,
      came,
      background: false,
    }
  }

  close(): Promise<void> {
    return this.#filler.close()
  }
}
