import type { Backend } from '../../src/core/backend.ts'
import type { Cache, SyncCache } from '../../src/core/cache.ts'
import { makeCaches } from '../../src/core/caches.ts'
import type { CacheOptions } from '../../src/core/settings.ts'
import { fakeClock } from '../../src/testing/clock.ts'
import { plainBackend } from './plain-backend.ts'

export function noFormat(): never {
  throw new Error('this backend holds values')
}

export interface Kit {
  cache: Cache & { sync: SyncCache }
  clock: ReturnType<typeof fakeClock>
  close(): Promise<void>
}

/** A cache over the least of backends, or the one given, and a clock that stands still. */
export function kit(options: Partial<CacheOptions> = {}, backend: Backend = plainBackend(true)): Kit {
  const clock = fakeClock()
  const caches = makeCaches({ default: { backend, ...options } }, { clock }, noFormat)
  return { cache: caches.get('default') as Kit['cache'], clock, close: () => caches.close() }
}

/** A door that holds a load until it is opened. */
export function gate(): { open(): void; wait: Promise<void> } {
  let open = () => {}
  const wait = new Promise<void>((resolve) => {
    open = resolve
  })
  return { open, wait }
}

/** Lets everything that is under way in this process come to rest. */
export async function rest(turns = 5): Promise<void> {
  for (let i = 0; i < turns; i++) await new Promise<void>((resolve) => setImmediate(resolve))
}

/** A backend whose methods fail as long as `down` is true. */
export function failing<B extends Backend>(backend: B): B & { down: boolean } {
  const state = { down: false }
  return new Proxy(backend as B & { down: boolean }, {
    get(target, name) {
      if (name === 'down') return state.down
      const member = Reflect.get(target, name)
      if (typeof member !== 'function' || name === 'open' || name === 'close') return member
      return (...args: unknown[]) => {
        if (!state.down) return member.apply(target, args)
        const error = Object.assign(new Error('connection refused'), { code: 'ECONNREFUSED' })
        if (backend.sync) throw error
        return Promise.reject(error)
      }
    },
    set(_target, name, value) {
      if (name === 'down') state.down = value
      return name === 'down'
    },
  })
}
