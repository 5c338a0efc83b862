/**
 * Fragments for engines that cannot wait: a first pass leaves a placeholder where each fragment stands, and once the engine is done
 * the placeholders are filled, all at a time. A body is rendered while it is filled, in a pass of its own, so
 * fragments nest, and what is stored holds no placeholder. What fills one is never searched for others.
 */
import { randomBytes } from 'node:crypto'
import type { Registry } from '../core/caches.ts'
import { answersInTurn, cacheFragment, cacheFragmentSync, FragmentError } from './fragment.ts'
import { fragmentKey } from './key.ts'
import { type Fragment, type TagCall, type TagOptions, Tags } from './tag.ts'

interface Pass {
  /** Digits that nobody can know beforehand, and that no escaping, trimming or change of case alters. */
  secret: string
  fragments: (Fragment & { body: () => string })[]
}

export class Placeholders {
  readonly #caches: Registry
  readonly #tags: Tags
  readonly #howToWait: string
  /** The pass that runs; the engine is synchronous, so there is one at a time. */
  #pass: Pass | undefined

  /** `howToWait` says in an error which render fills placeholders. */
  constructor(caches: Registry, options: TagOptions, howToWait: string) {
    this.#caches = caches
    this.#tags = new Tags(caches, options)
    this.#howToWait = howToWait
  }

  /**
   * What a tag prints: a placeholder in a pass; outside of one its HTML, where the cache answers in the same turn. What is wrong
   * with the tag throws here, where the engine knows the line.
   */
  print(call: TagCall, body: () => string): string {
    const { name, options } = this.#tags.settle(call)
    const pass = this.#pass
    if (pass) {
      fragmentKey(name, options.varyOn)
      return placeholder(pass.secret, pass.fragments.push({ name, options, body }) - 1)
    }
    if (answersInTurn(this.#caches, options.using))
      return cacheFragmentSync(this.#caches, name, body, options)
    throw new FragmentError(
      'FRAGMENT_PLACE',
      `cache ${JSON.stringify(name)}: this cache answers later, and the engine cannot wait: ${this.#howToWait}, or name with using= a cache in memory`,
    )
  }

  /** Runs a pass of the engine, and fills what it leaves. */
  async render(run: () => string): Promise<string> {
    const outer = this.#pass
    const pass: Pass = { secret: digits(), fragments: [] }
    this.#pass = pass
    let page: string
    try {
      page = run()
    } finally {
      this.#pass = outer
    }
    if (pass.fragments.length === 0) return page
    const filled = await Promise.all(
      pass.fragments.map(({ name, options, body }) =>
        cacheFragment(this.#caches, name, () => this.render(body), options),
      ),
    )
    return fill(page, pass.secret, filled)
  }
}

function placeholder(secret: string, index: number): string {
  return `${OPEN}${secret}${MIDDLE}${index}${CLOSE}`
}

// Of Unicode's private use: no keyboard has them, and no engine escapes them.
const OPEN = '\uE000'
const MIDDLE = '\uE001'
const CLOSE = '\uE002'

/** Not by a regular expression: a new secret would be a new one to compile for each page. */
function fill(page: string, secret: string, filled: readonly string[]): string {
  const [start = '', ...parts] = page.split(`${OPEN}${secret}${MIDDLE}`)
  return parts.reduce((text, part) => {
    const end = part.indexOf(CLOSE)
    return text + (filled[Number(part.slice(0, end))] ?? '') + part.slice(end + 1)
  }, start)
}

function digits(): string {
  return BigInt(`0x${randomBytes(16).toString('hex')}`).toString()
}
