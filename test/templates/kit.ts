/** What the tests of the engines share: caches on a clock of ours, a count of renders, a backend that answers later, one that is dead. */

import type { Backend } from '../../src/index.ts'
import { createCaches, dummy, memory } from '../../src/index.ts'
import { fakeClock } from '../../src/testing/clock.ts'

export function stage() {
  const clock = fakeClock(1e12)
  const caches = createCaches(
    { default: { backend: memory() }, local: { backend: memory() }, none: { backend: dummy() } },
    { clock },
  )
  return { clock, caches }
}

const VERBS = new Set(['get', 'set', 'add', 'touch', 'delete', 'incr', 'clear', 'peek', 'getMany'])

/** In memory, but every verb answers later, as a server would. */
export function slow(): Backend {
  const inner = memory()
  return new Proxy(inner, {
    get(target, name) {
      if (name === 'sync') return false
      const value: unknown = Reflect.get(target, name, target)
      if (typeof value !== 'function') return value
      const bound = value.bind(target)
      if (!VERBS.has(String(name))) return bound
      return async (...args: unknown[]) => {
        await new Promise(setImmediate)
        return bound(...args)
      }
    },
  })
}

/** Every verb fails. */
export function dead(): Backend {
  return new Proxy(memory(), {
    get(target, name) {
      if (name === 'sync') return false
      const value: unknown = Reflect.get(target, name, target)
      if (typeof value !== 'function') return value
      if (!VERBS.has(String(name))) return value.bind(target)
      return () => Promise.reject(new Error('connection refused'))
    },
  })
}

/** Goes on once everything that is under way in the process has had its turns. */
export async function settled(): Promise<void> {
  for (let i = 0; i < 20; i++) await new Promise(setImmediate)
}

/** The next warning of that code. */
export function nextWarning(code: string): Promise<Error> {
  return new Promise((done) => {
    const listen = (warning: Error & { code?: string }) => {
      if (warning.code !== code) return
      process.off('warning', listen)
      done(warning)
    }
    process.on('warning', listen)
  })
}
