/** A pool of the user's: whatever he has set on it for his own statements, and whatever becomes of its connections. */
import { setTimeout as sleep } from 'node:timers/promises'
import { expect, it } from 'vitest'
import type { SqlBackend } from '../../../src/backends/sql/sql.ts'
import { createCaches } from '../../../src/index.ts'
import { anyTable, type ServerSetting } from './setting.ts'

/** One value of each kind by each verb. */
export async function everyVerb(backend: SqlBackend): Promise<void> {
  await backend.table.create()
  expect(await backend.table.state()).toBe('ours')
  const caches = createCaches({ default: { backend, onBackendError: 'throw' } })
  const cache = caches.default
  const rich = { text: 'ÿ€\\x', at: new Date(5) }
  expect(await cache.set('rich', rich)).toBe(true)
  expect(await cache.get('rich')).toEqual(rich)
  expect((await cache.inspect('rich')).value).toEqual(rich)
  expect(await cache.set('número 1', 41)).toBe(true)
  expect(await cache.get('número 1')).toBe(41)
  expect(await cache.incr('número 1')).toBe(42)
  expect(await cache.decr('número 1', 50)).toBe(-8)
  expect((await cache.inspect('número 1')).value).toBe(-8)
  expect(await cache.add('número 1', 1)).toBe(false)
  expect(await cache.add('added', 1)).toBe(true)
  expect(await cache.touch('added', 50)).toBe(true)
  expect(await cache.touch('added', 50)).toBe(true)
  expect(await cache.setMany({ p: 1, q: [2], r: 'text' })).toEqual([])
  const many = { p: 1, q: [2], r: 'text', 'número 1': -8 }
  expect(await cache.getMany(['z', ...Object.keys(many)])).toEqual(new Map(Object.entries(many)))
  expect(await Promise.all(Object.keys(many).map((key) => cache.get(key)))).toEqual(Object.values(many))
  expect(await cache.getOrSet('made', () => ['once'])).toEqual(['once'])
  expect(await cache.getOrSet('made', () => ['twice'])).toEqual(['once'])
  expect(await cache.incrVersion('q')).toBe(2)
  expect(await cache.has('rich')).toBe(true)
  expect(await cache.delete('p')).toBe(true)
  expect(await cache.delete('p')).toBe(false)
  expect(await cache.deleteMany(['rich', 'nope', 'r'])).toBe(2)
  expect(await backend.size()).toEqual({ entries: 4 })
  expect(await backend.table.cull()).toBe(0)
  await cache.clear()
  expect(await backend.size()).toEqual({ entries: 0 })
  await caches.close()
}

export function poolSuite({ make, server, pools, oddPools }: ServerSetting): void {
  it.each(oddPools)('its own settings touch nothing of ours: $name', async ({ open }) => {
    const { pool, end } = open()
    await everyVerb(make({ table: anyTable(), url: undefined, driver: undefined, pool }))
    await end()
  })

  it('F31 F94 frozen before the first call: one deadline, of connecting or, though a pool would wait for ever, of the operation', async () => {
    await server().freeze()
    const given = pools(2)
    try {
      const own = given.map(({ name }) => make({ table: 'any', driver: name, connectTimeout: 300 }))
      const theirs = given.map(({ pool }) => make({ table: 'any', url: undefined, pool, opTimeout: 300 }))
      await Promise.all(
        [...own, ...theirs].map(async (backend) => {
          const caches = createCaches({ default: { backend } })
          const began = performance.now()
          expect(await caches.default.get('a')).toBeUndefined()
          expect(performance.now() - began).toBeLessThan(550)
          await caches.close()
        }),
      )
    } finally {
      server().thaw()
    }
    for (const { end } of given) await end()
  })

  it('F31 killed while statements of ours are under way: misses, and nothing ends the process', async () => {
    const uncaught: unknown[] = []
    const heard = (error: unknown) => void uncaught.push(error)
    const others = process.listeners('uncaughtException')
    process.removeAllListeners('uncaughtException').on('uncaughtException', heard)
    const table = anyTable()
    const given = pools(3)
    const all = given.map(({ pool }) =>
      createCaches({ default: { backend: make({ table, url: undefined, pool, opTimeout: 500 }) } }),
    )
    try {
      const maker = make({ table })
      await maker.table.create()
      await maker.close()
      for (const { default: cache } of all) expect(await cache.set('a', 1)).toBe(true)
      await server().freeze()
      const asked = all.flatMap(({ default: cache }) => [cache.get('a'), cache.getOrSet('b', () => 'made')])
      await sleep(50)
      await server().kill()
      expect(new Set(await Promise.all(asked))).toEqual(new Set([undefined, 'made']))
      await sleep(50)
      expect(uncaught).toEqual([])
    } finally {
      process.off('uncaughtException', heard)
      for (const other of others) process.on('uncaughtException', other)
      for (const caches of all) await caches.close()
      for (const { end } of given) await Promise.race([end().catch(() => {}), sleep(1_000)])
      await server().restart()
    }
  })
}
