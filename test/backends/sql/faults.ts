/** What is promised when the server does not keep its own promises. */
import { setTimeout as sleep } from 'node:timers/promises'
import { inspect } from 'node:util'
import { beforeAll, expect, it } from 'vitest'
import { makeSpace } from '../../../src/core/values/space.ts'
import { createCaches } from '../../../src/index.ts'
import { faultProxy } from '../../../src/testing/index.ts'
import { anyTable, later, type ServerSetting, what } from './setting.ts'

export function faultSuite({ make, at, server, pools, slowly, endConnections }: ServerSetting): void {
  const table = anyTable()
  const space = makeSpace('p', 1)
  const took = async (act: () => Promise<unknown>) => {
    const began = performance.now()
    await act()
    return performance.now() - began
  }
  beforeAll(async () => {
    const backend = make({ table })
    await backend.table.create()
    await backend.close()
  })

  it('F31 frozen: each operation costs its deadline once, then all are misses at once; thawed, it is back', async () => {
    const caches = createCaches({ default: { backend: make({ table, opTimeout: 300 }) } })
    const cache = caches.default
    await cache.set('a', 1)
    expect(await cache.get('a')).toBe(1)
    await server().freeze()
    let loads = 0
    try {
      const load = async () => ++loads
      const waves = await Promise.all([
        took(() => Promise.all(Array.from({ length: 50 }, () => cache.getOrSet('cold', load)))),
        took(() => cache.get('a')),
        took(() => cache.set('b', 1)),
      ])
      expect(Math.max(...waves)).toBeLessThan(1_000)
      expect(loads).toBe(1)
      expect(await took(() => cache.get('a'))).toBeLessThan(100)
    } finally {
      server().thaw()
    }
    await expect.poll(() => cache.get('a'), { timeout: 5_000, interval: 20 }).toBe(1)
    await caches.close()
  })

  it('F40 a connection that the server ended while it lay idle costs nobody anything', async () => {
    const caches = createCaches({ default: { backend: make({ table }), onBackendError: 'throw' } })
    const cache = caches.default
    await cache.set('a', 1)
    for (let i = 0; i < 3; i++) {
      await endConnections()
      expect(await cache.get('a')).toBe(1)
      await endConnections()
      expect(await cache.set('a', 1)).toBe(true)
    }
    await caches.close()
  })

  it('F08 late answers are never another key’s', async () => {
    const wire = await faultProxy(server())
    const backend = make({ table, url: at(wire.address), opTimeout: 80, poolSize: 3 })
    const caches = createCaches({ default: { backend } })
    const cache = caches.default
    const keys = Array.from({ length: 30 }, (_, i) => `k${i}`)
    await cache.setMany(Object.fromEntries(keys.map((key) => [key, key])))
    wire.answers = { delay: () => (Math.random() < 0.02 ? 200 : 0) }
    let wrong = 0
    await Promise.all(
      Array.from({ length: 6 }, async () => {
        for (let i = 0; i < 60; i++) {
          const key = keys[Math.floor(Math.random() * keys.length)]!
          const found = await cache.get(key)
          if (found !== undefined && found !== key) wrong++
          if (found === undefined) await sleep(5)
        }
      }),
    )
    expect(wrong).toBe(0)
    expect(wire.open).toBeLessThanOrEqual(3)
    await caches.close()
    await expect.poll(() => wire.open, { timeout: 2_000 }).toBe(0)
    await wire.close()
  })

  it('A98 T28 a password is in no error', async () => {
    for (const url of [
      at('127.0.0.1:1').replace(/:[^:@/]+@/, ':hunter2@'),
      at('no.such.host.invalid:1').replace(/:[^:@/]+@/, ':hunter2@'),
    ]) {
      const backend = make({ table, url })
      const error: unknown = await Promise.resolve(backend.get(space, 'a')).catch((why: unknown) => why)
      expect(backend.network!.noAnswer(error)).toBe(true)
      expect(inspect(error, { depth: 9, showHidden: true })).not.toContain('hunter2')
      await backend.close()
    }
    expect(() => make({ table, url: 'ftp://x:hunter2@y/z' })).toThrow(
      expect.objectContaining({ message: expect.not.stringContaining('hunter2') }),
    )
  })

  it('a pool of 10, 50 cold keys, loads on the same pool: all are answered, by one load each', async () => {
    for (const { pool, end, name } of pools(10)) {
      const caches = createCaches({
        default: { backend: make({ table, url: undefined, pool, opTimeout: 10_000 }), keyPrefix: name },
      })
      let loads = 0
      const load = async () => {
        loads++
        await slowly(pool, 20)
        return 'made'
      }
      const asked = Array.from({ length: 100 }, (_, i) => caches.default.getOrSet(`cold${i % 50}`, load))
      expect(new Set(await Promise.all(asked))).toEqual(new Set(['made']))
      expect(loads).toBe(50)
      expect(await caches.default.get('cold49')).toBe('made')
      await caches.close()
      await slowly(pool, 1)
      await end()
    }
  })

  it('route: reads go to the replica, and to the primary when it is silent or gone; writes and claims to the primary', async () => {
    const replica = await faultProxy(server())
    const primary = await faultProxy(server())
    const over = () => make({ table, url: at(primary.address), route: { read: [() => at(replica.address)] } })
    const backend = over()
    await backend.set(space, 'r', what('1'), later())
    const { token } = await backend.claim(space, 'c', 5_000)
    expect(await backend.fill(space, 'c', token!, what('2'), later())).toBe(true)
    expect(replica.made.length).toBe(0)
    expect(await backend.get(space, 'r')).toEqual(what('1'))
    expect(replica.made.length).toBe(1)
    // Connected, and silent.
    replica.answers = { hold: true }
    const began = performance.now()
    expect(await backend.get(space, 'r')).toEqual(what('1'))
    expect(performance.now() - began).toBeLessThan(900)
    expect(await took(() => Promise.resolve(backend.get(space, 'r')))).toBeLessThan(200)
    await backend.close()
    replica.answers = {}
    const another = over()
    expect(await another.get(space, 'r')).toEqual(what('1'))
    expect(replica.open).toBe(1)
    replica.accepts = false
    replica.reset()
    await sleep(20)
    expect(await another.get(space, 'r')).toEqual(what('1'))
    await another.close()
    await replica.close()
    await primary.close()
  })

  it('F32 many who write the same keys in any order: no error', async () => {
    const backends = Array.from({ length: 4 }, () => make({ table, poolSize: 2 }))
    const keys = Array.from({ length: 60 }, (_, i) => `s${i}`)
    const shuffled = () => [...keys].sort(() => Math.random() - 0.5)
    await Promise.all(
      backends.map(async (backend) => {
        for (let i = 0; i < 15; i++) {
          const entries = new Map(shuffled().map((key) => [key, what(key)]))
          expect(await backend.setMany(space, entries, later())).toEqual([])
          if (i % 5 === 4) await backend.deleteMany(space, shuffled().slice(0, 20))
        }
      }),
    )
    for (const backend of backends) await backend.close()
  })

  it('F01 F06 killed: misses at once; started again it is found again', async () => {
    const caches = createCaches({ default: { backend: make({ table }) } })
    const cache = caches.default
    await cache.set('a', 1)
    await server().kill()
    await took(() => cache.get('a'))
    for (let i = 0; i < 10; i++) expect(await took(() => cache.get('a'))).toBeLessThan(100)
    expect(await cache.set('b', 1)).toBe(false)
    await server().restart()
    await expect.poll(() => cache.set('b', 2), { timeout: 8_000, interval: 50 }).toBe(true)
    expect(await cache.get('b')).toBe(2)
    await caches.close()
  })
}
