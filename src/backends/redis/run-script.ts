/** Runs a script: by its digest, and with its source where the server does not know it yet, or has forgotten it. */
import type { CacheError } from '../../core/errors.ts'
import type { Reply, Word } from './client.ts'
import { answered } from './failure.ts'
import type { Asker, Link } from './link.ts'
import type { Script } from './scripts.ts'

/** `words`: EVALSHA, the digest, how many keys, the keys, the arguments. `joined` as for `Link.ask`. */
export function runScript(
  link: Link,
  { source }: Script,
  words: readonly Word[],
  asker: Asker,
  joined = true,
): void {
  const key = String(words[3])
  link.ask(
    words,
    key,
    false,
    new Told(asker, () => link.ask(['eval', source, ...words.slice(2)], key, false, asker)),
    joined,
  )
}

/** Tells on, but for a script that is unknown. */
class Told implements Asker {
  readonly #asker: Asker
  readonly #unknown: () => void

  constructor(asker: Asker, unknown: () => void) {
    this.#asker = asker
    this.#unknown = unknown
  }

  fits(reply: Reply): boolean {
    return this.#asker.fits?.(reply) ?? true
  }

  replied(reply: Reply): void {
    this.#asker.replied(reply)
  }

  failed(error: CacheError): void {
    if (answered(error, 'NOSCRIPT')) this.#unknown()
    else this.#asker.failed(error)
  }
}
