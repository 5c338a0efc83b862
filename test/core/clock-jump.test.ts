import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, afterEach, describe, expect, it, vi } from 'vitest'
import { type Backend, createCaches, file, memory } from '../../src/index.ts'

const home = mkdtempSync(join(tmpdir(), 'warm-jump-'))
afterAll(() => rmSync(home, { recursive: true, force: true }))
afterEach(() => {
  vi.restoreAllMocks()
})

const TTL = 400
const HOUR = 3_600_000
const wall = Date.now

describe.each<[string, () => Backend]>([
  ['memory', () => memory()],
  ['file', () => file({ directory: join(home, 'cache') })],
])('F47 F90 the wall clock jumps while %s holds entries', (_, make) => {
  it.each([
    ['on', HOUR],
    ['back', -HOUR],
  ])('an hour %s: what was to live 400 ms lives 400 ms, and nothing throws', async (_, jump) => {
    const caches = createCaches({ default: { backend: make() } })
    const cache = caches.default
    await cache.set('long', 1, 60)
    const before = performance.now()
    await cache.set('short', 1, TTL / 1000)
    const after = performance.now()
    vi.spyOn(Date, 'now').mockImplementation(() => wall() + jump)
    for (let gone = false; !gone; await sleep(5)) {
      const began = performance.now()
      gone = (await cache.get('short')) === undefined
      // Judged by when it was asked and when it was answered: a slow machine changes neither.
      if (gone) expect(performance.now()).toBeGreaterThanOrEqual(before + TTL - 1)
      else expect(began).toBeLessThan(after + TTL + 50)
    }
    expect(await cache.get('long')).toBe(1)
    const { age, expiresAt } = (await cache.inspect('long')) as { age?: number; expiresAt: number }
    expect(age ?? 0).toBeGreaterThanOrEqual(0)
    expect(expiresAt - wall()).toBeGreaterThan(55_000)
    expect(expiresAt - wall()).toBeLessThanOrEqual(60_100)
    await caches.close()
  })
})
