/** A backend's behaviour replaced by wrapping it, and the promises proved again: the file backend with another rule of culling. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { type Backend, createCaches, file } from '../../src/index.ts'
import { backendCases, fakeClock } from '../../src/testing/index.ts'

const root = mkdtempSync(join(tmpdir(), 'stillwarm-wrapping-'))
afterAll(() => rmSync(root, { recursive: true, force: true }))

/** Files, of which the one that was stored first goes first, whether it is used or not. */
function firstInFirstOut(directory: string, maxEntries: number): Backend {
  const files = file({ directory, maxEntries: Number.POSITIVE_INFINITY, reads: 'sync' })
  const order = new Map<string, () => unknown>()
  return {
    ...files,
    set(space, key, what, expiresAt) {
      const storageKey = space.frame(key)
      order.delete(storageKey)
      order.set(storageKey, () => files.delete(space, key))
      for (const [oldest, remove] of order) {
        if (order.size <= maxEntries) break
        order.delete(oldest)
        remove()
      }
      return files.set(space, key, what, expiresAt)
    },
  }
}

describe('a backend by wrapping', () => {
  it('culls by its own rule', async () => {
    const backend = firstInFirstOut(join(root, 'fifo'), 3)
    const { default: cache } = createCaches({ default: { backend } })
    for (const key of ['a', 'b', 'c']) await cache.set(key, key)
    await cache.get('a')
    await cache.set('d', 'd')
    expect([...(await cache.getMany(['a', 'b', 'c', 'd'])).keys()]).toEqual(['b', 'c', 'd'])
  })

  let made = 0
  const context = {
    backend: () => firstInFirstOut(join(root, `case-${made++}`), 1_000),
    clock: fakeClock(),
    granularity: 0,
    createCaches,
  }
  for (const topic of ['reading', 'writing', 'adding', 'expiry', 'deleting'] as const) {
    for (const { name, run } of backendCases[topic]) it(`${topic}: ${name}`, () => run(context))
  }
})
