/**
 * One call of the handler for a whole fleet. Where processes share an alias, the one that makes a page holds the backend's claim
 * on it, renewed while the handler runs, and the others look until it is over: then the page is there, or they take their
 * turn. Who gets the claim looks again, since the one before may have been quicker than his first look. A page that was not one to share leaves a mark, so that those who waited do not go one after the other.
 *
 * The claim is on a name beside the URL's entry, under its generation: what comes after an invalidation waits for nothing
 * that began before it.
 */
import { createHash } from 'node:crypto'
import { type Answer, andThen, isPromise } from '../core/answer.ts'
import type { Inside } from '../core/inside.ts'

/** So long, in milliseconds, those who wait are told that a page was not one to share. */
const UNSHARED = 2_000

/** The right to make a page. */
export class Right {
  readonly #inside: Inside
  readonly #place: string
  readonly #token: string
  readonly #timer: NodeJS.Timeout | undefined

  constructor(inside: Inside, place: string, token: string, lease: number) {
    this.#inside = inside
    this.#place = place
    this.#token = token
    this.#timer = setInterval(() => {
      const { store, door } = inside
      quietly(inside, () =>
        andThen(store.extend(door.space, place, token, lease), (held) => {
          if (!held) clearInterval(this.#timer)
        }),
      )
    }, lease / 3).unref()
  }

  /** Others may make it: what was to be stored is stored. */
  end(): void {
    clearInterval(this.#timer)
    const { store, door } = this.#inside
    quietly(this.#inside, () => store.release(door.space, this.#place, this.#token))
  }

  /** Nothing was stored that others could have waited for. */
  endUnshared(): void {
    clearInterval(this.#timer)
    const { store, door } = this.#inside
    quietly(this.#inside, () =>
      andThen(store.claim(door.space, markOf(this.#place), UNSHARED), () =>
        store.release(door.space, this.#place, this.#token),
      ),
    )
  }

  /** Did the one before leave the mark? */
  isUnshared(): Answer<boolean> {
    const inside = this.#inside
    const mark = markOf(this.#place)
    const looked = attempt(inside, () => inside.store.claim(inside.door.space, mark, UNSHARED), {})
    return andThen(looked, ({ token }: { token?: string }) => {
      if (token) quietly(inside, () => inside.store.release(inside.door.space, mark, token))
      return token === undefined
    })
  }
}

/** Does this alias have claims that others see, and are they wanted? */
export function hasFleet({ settings }: Inside): boolean {
  return settings.backend.shared && settings.make.lease !== undefined
}

/** `'held'`: another process makes it. `undefined`: nobody can tell, the backend is down. */
export function claimPage(
  inside: Inside,
  generation: string,
  selected: string,
): Answer<Right | 'held' | undefined> {
  const lease = inside.settings.make.lease ?? 0
  const place = `flight:${generation}:${createHash('sha256').update(selected).digest('base64url')}`
  const claimed = attempt(inside, () => inside.store.claim(inside.door.space, place, lease), { token: '' })
  return andThen(claimed, ({ token }: { token?: string }) => {
    if (token === undefined) return 'held'
    return token === '' ? undefined : new Right(inside, place, token, lease)
  })
}

function markOf(place: string): string {
  return `${place} (unshared)`
}

function attempt<T>({ policy }: Inside, ask: () => Answer<T>, fallback: T): Answer<T> {
  return policy.attempt('page', ask, fallback)
}

/** For what nobody waits for. */
function quietly(inside: Inside, act: () => Answer<void>): void {
  try {
    const done = attempt(inside, act, undefined)
    if (isPromise(done)) done.catch(() => {})
  } catch {
    // Counted and told by the policy; there is nobody to throw it to.
  }
}
