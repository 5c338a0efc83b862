/**
 * Where a case of the cache plays: the handle as people get it, over a backend of its own, with a prefix that no other
 * case uses. A fault of the backend is an error here, never a quiet miss.
 */
import { randomUUID } from 'node:crypto'
import type { Backend } from '../core/backend.ts'
import type { Cache } from '../core/cache.ts'
import type { Registry } from '../core/caches.ts'
import type { CacheOptions } from '../core/settings.ts'
import type { Case, CaseContext } from './case.ts'
import { needed } from './stage.ts'

type Options = Partial<Omit<CacheOptions, 'backend'>>

export class CacheStage {
  readonly backend: Backend
  readonly cache: Cache
  readonly prefix = `case-${randomUUID()}`
  readonly #context: CaseContext
  readonly #registries: Registry[] = []

  constructor(context: CaseContext, backend: Backend, options: Options) {
    this.#context = context
    this.backend = backend
    this.cache = this.another(options)
  }

  /** Another cache over the same backend; of the same prefix where the options name none. */
  another(options: Options, backend: Backend = this.backend): Cache {
    const { prefix } = this
    const registry = this.#context.createCaches(
      { default: { backend, keyPrefix: prefix, onBackendError: 'throw', ...options } },
      { clock: this.#context.clock },
    )
    this.#registries.push(registry)
    return registry.get('default')
  }

  /** The same cache as another process has it. */
  async elsewhere(): Promise<Cache> {
    return this.another({}, await needed(this.#context.peer, 'peer')(this.backend))
  }

  /** A ttl, in seconds, that a case waits for. */
  get short(): number {
    return Math.max(1_000, 2 * this.#context.granularity) / 1_000
  }

  /** Lets so many seconds pass, and as much more as the backend may be late. */
  async pass(seconds: number): Promise<void> {
    await this.#context.clock.advance(seconds * 1_000 + this.#context.granularity)
  }

  async end(): Promise<void> {
    for (const registry of this.#registries) await registry.close()
  }
}

/** A case of the cache. */
export function onCache(
  name: string,
  play: (cache: Cache, stage: CacheStage) => Promise<void>,
  options: Options = {},
): Case {
  return {
    name,
    async run(context) {
      const stage = new CacheStage(context, await context.backend(), options)
      try {
        await play(stage.cache, stage)
      } finally {
        await stage.end()
      }
    },
  }
}
