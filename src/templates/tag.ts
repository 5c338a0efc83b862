/**
 * What every engine's `cache` tag is: a ttl and a name, what it varies on, and `using=` (FRG-01 … FRG-05). An engine evaluates its
 * own expressions; what they came to is judged here, so that a fault reads the same everywhere.
 */
import type { Registry } from '../core/caches.ts'
import { UnknownCacheError } from '../core/errors.ts'
import { checkOptions, kindOf } from '../core/options.ts'
import { MAKE_OPTION_NAMES, type MakeOptions } from '../core/settings.ts'
import { durationToMs, type Ttl } from '../core/values/expiry.ts'
import {
  cacheFragment,
  cacheFragmentSync,
  checkRegistry,
  FragmentError,
  type FragmentOptions,
  type Render,
} from './fragment.ts'

/** What all fragments of an engine have in common. */
export interface TagOptions extends MakeOptions {
  /** The alias for tags without `using=`. */
  using?: string
}

/** What one tag came to. */
export interface TagCall {
  /** A number of seconds, `'15m'`, digits, or `null` for ever. */
  ttl: unknown
  name: string
  varyOn: readonly unknown[]
  /** Left out: the engine's, else the usual alias. */
  using?: unknown
  /** Where it stands, as the message begins, when the engine does not say so itself: `line 3`. */
  where?: string | undefined
}

/** A tag that has been judged. */
export interface Fragment {
  readonly name: string
  readonly options: FragmentOptions
}

/** The tags of one engine over one registry. */
export class Tags {
  readonly #caches: Registry
  readonly #options: TagOptions

  constructor(caches: Registry, options: TagOptions) {
    checkRegistry(caches)
    checkOptions('cacheTag()', options, ['using', ...MAKE_OPTION_NAMES])
    if (options.using !== undefined) caches.get(options.using)
    this.#caches = caches
    this.#options = options
  }

  /** Judges what a tag came to, before anything is rendered or looked up. */
  settle(call: TagCall): Fragment {
    const where = `${call.where ? `${call.where}: ` : ''}cache ${JSON.stringify(call.name)}`
    const using = 'using' in call ? this.#alias(where, call.using) : this.#options.using
    const ttl = readTtl(where, call.ttl)
    return { name: call.name, options: { ...this.#options, ttl, varyOn: call.varyOn, using } }
  }

  /** The HTML of a tag; everything that is wrong rejects. */
  async render(call: TagCall, body: Render): Promise<string> {
    const { name, options } = this.settle(call)
    return cacheFragment(this.#caches, name, body, options)
  }

  /** The HTML of a tag, in this turn. */
  renderSync(call: TagCall, body: () => string): string {
    const { name, options } = this.settle(call)
    return cacheFragmentSync(this.#caches, name, body, options)
  }

  #alias(where: string, using: unknown): string {
    if (typeof using === 'string' && [...this.#caches].includes(using)) return using
    const what = typeof using === 'string' ? JSON.stringify(using.slice(0, 100)) : kindOf(using)
    throw new UnknownCacheError(
      'UNKNOWN_CACHE',
      `${where}: using= must be the name of a cache, not ${what}; there are ${[...this.#caches].join(', ')}`,
    )
  }
}

/** FRG-03. Digits in a string count here, since that is what a variable of a template often holds. */
function readTtl(where: string, ttl: unknown): Ttl {
  if (ttl === null) return null
  if (typeof ttl === 'number' && Number.isFinite(ttl)) return ttl
  if (typeof ttl === 'string') {
    if (/^[+-]?\d+$/.test(ttl)) return Number(ttl)
    if (isDuration(ttl)) return ttl
  }
  throw new FragmentError(
    'FRAGMENT_TTL',
    `${where}: the ttl must be a number of seconds, a duration such as "15m", or none (null) for ever; not ${
      typeof ttl === 'string' && ttl !== '' ? 'another string' : kindOf(ttl)
    }`,
  )
}

function isDuration(text: string): text is Extract<Ttl, string> {
  try {
    return durationToMs('ttl', text) >= 0
  } catch {
    return false
  }
}

/** What is said of a tag that has too little in it (FRG-02). */
export const TOO_FEW =
  '"cache" tag requires at least 2 arguments, a ttl and a name, as in cache 500 sidebar user.name'

/** What is said of `using=` that something follows (FRG-04). */
export const USING_LAST = '"cache" tag: using= must be the last argument'
