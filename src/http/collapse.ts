/**
 * One call of the handler for all who ask for a page meanwhile. Unlike a value, a page may turn out not to be
 * shareable: then each who waited gets a call of its own, and for a while nobody waits for that URL again
 * (hit-for-miss).
 */
import type { StoredPage } from './resting.ts'

/** How long a URL whose answer could not be shared is not waited for, in milliseconds. */
const UNSHARED = 10_000
/** URLs remembered for that. */
const MOST_UNSHARED = 10_000
/** After a failed refresh, so many milliseconds before the next is tried. */
const RETRY_AFTER = 1_000
/** Nobody waits longer than so many milliseconds for another's response. */
export const LONGEST_WAIT = 10_000

export class Flight {
  /** Under which it will be stored; `null` while that is being learned. */
  generation: string | undefined | null = null
  isOver = false
  readonly #landing: Promise<StoredPage | undefined>
  #land: (page: StoredPage | undefined) => void = () => {}

  constructor() {
    this.#landing = new Promise((resolve) => {
      this.#land = resolve
    })
  }

  /** The page, or `undefined` where there is none to share (or it takes too long). */
  wait(): Promise<StoredPage | undefined> {
    let timer: NodeJS.Timeout | undefined
    const enough = new Promise<undefined>((resolve) => {
      timer = setTimeout(() => resolve(undefined), LONGEST_WAIT).unref()
    })
    return Promise.race([this.#landing, enough]).finally(() => clearTimeout(timer))
  }

  land(page: StoredPage | undefined): void {
    this.isOver = true
    this.#land(page)
  }
}

/** The flights of one place that pages rest in: by URL, and what selects among its pages. */
export class Flights {
  readonly #flying = new Map<string, Map<string, Flight>>()
  readonly #unshared = new Map<string, number>()

  get(url: string, selected: string): Flight | undefined {
    return this.#flying.get(url)?.get(selected)
  }

  start(url: string, selected: string): Flight {
    const flight = new Flight()
    const ofUrl = this.#flying.get(url)
    if (ofUrl) ofUrl.set(selected, flight)
    else this.#flying.set(url, new Map([[selected, flight]]))
    return flight
  }

  /** Ends a flight: those who wait get the page, or start anew. */
  end(url: string, selected: string, flight: Flight, page: StoredPage | undefined): void {
    const ofUrl = this.#flying.get(url)
    if (ofUrl?.get(selected) === flight) {
      ofUrl.delete(selected)
      if (ofUrl.size === 0) this.#flying.delete(url)
    }
    flight.land(page)
  }

  /** The URL has become invalid: who comes now does not join what began before. */
  detach(url: string): void {
    this.#flying.delete(url)
  }

  /** Its answer was not one to share. */
  unshared(url: string, selected: string, now: number): void {
    const key = framed(url, selected)
    this.#unshared.delete(key)
    if (this.#unshared.size >= MOST_UNSHARED) this.#unshared.delete(this.#unshared.keys().next().value ?? '')
    this.#unshared.set(key, now + UNSHARED)
  }

  shared(url: string, selected: string): void {
    if (this.#unshared.size > 0) this.#unshared.delete(framed(url, selected))
  }

  refreshFailed(url: string, now: number): void {
    this.unshared(url, 'refresh', now - UNSHARED + RETRY_AFTER)
  }

  /** May a refresh be tried, or did the last one fail a moment ago? */
  mayRefresh(url: string, now: number): boolean {
    return this.mayShare(url, 'refresh', now)
  }

  /** May the next answer be waited for? */
  mayShare(url: string, selected: string, now: number): boolean {
    if (this.#unshared.size === 0) return true
    const until = this.#unshared.get(framed(url, selected))
    return until === undefined || until <= now
  }
}

function framed(url: string, selected: string): string {
  return `${selected.length}:${selected}${url}`
}
