import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, expect, it } from 'vitest'
import { type TieredOptions, tiered } from '../../../src/backends/tiered/tiered.ts'
import type { Backend } from '../../../src/core/backend.ts'
import { createCaches, dummy, file, memory, object } from '../../../src/index.ts'
import { busHub, fakeClock } from '../../../src/testing/index.ts'

const endings: (() => unknown)[] = []
afterEach(async () => {
  for (const end of endings.splice(0).reverse()) await end()
})

/** Nodes over one directory: real, shared, and with no time of its own to wait for. */
function fleet(options: Partial<TieredOptions> = {}, wrap: (far: Backend) => Backend = (far) => far) {
  const directory = mkdtempSync(join(tmpdir(), 'stillwarm-tiered-'))
  endings.push(() => rmSync(directory, { recursive: true, force: true }))
  const hub = busHub()
  const clock = fakeClock()
  const node = () => {
    const near = memory()
    const far = wrap(file({ directory }))
    const backend = tiered({ near, far, bus: hub.bus(), ...options })
    const caches = createCaches({ default: { backend, ttl: 3_600 } }, { clock })
    endings.push(() => caches.close())
    return { backend, near, far, cache: caches.default }
  }
  return { hub, clock, node, directory }
}

/** How many entries rest near. */
function nearly({ near }: { near: Backend }): number {
  const size = near.size?.()
  return size && 'entries' in size ? size.entries : Number.NaN
}

it('a read keeps a near copy, and the next one does not go far', async () => {
  let reads = 0
  const { node } = fleet({}, (far) => counted(far, () => reads++))
  const [a, b] = [node(), node()]
  await a.cache.set('key', { n: 1 })
  expect(await b.cache.get('key')).toEqual({ n: 1 })
  const before = reads
  expect(await b.cache.get('key')).toEqual({ n: 1 })
  expect(await a.cache.get('key')).toEqual({ n: 1 })
  expect(reads).toBe(before)
})

it('T13 after a delete, a set, a touch, an incr and a clear elsewhere no near copy is served', async () => {
  const { node } = fleet()
  const [a, b] = [node(), node()]
  await a.cache.setMany({ gone: 1, changed: 1, short: 1, count: 1, cleared: 1 })
  await b.cache.getMany(['gone', 'changed', 'short', 'count', 'cleared'])
  expect(nearly(b)).toBe(5)
  await a.cache.delete('gone')
  await a.cache.set('changed', 2)
  await a.cache.touch('short', 1)
  await a.cache.incr('count')
  expect(nearly(b)).toBe(1)
  expect(await b.cache.get('gone')).toBeUndefined()
  expect(await b.cache.get('changed')).toBe(2)
  expect(await b.cache.get('count')).toBe(2)
  await a.cache.clear()
  expect(nearly(b)).toBe(0)
  expect(await b.cache.get('cleared')).toBeUndefined()
})

it('X-10 a message that arrives between a far read and the near copy wins', async () => {
  const gate = signal()
  const arrived = signal()
  let hold = false
  const { node } = fleet({}, (far) =>
    replaced(far, 'peek', async (peek, ...args) => {
      const kept = await peek(...args)
      if (hold) {
        hold = false
        arrived.resolve()
        await gate.promise
      }
      return kept
    }),
  )
  const [a, b] = [node(), node()]
  await a.cache.set('key', 'old')
  hold = true
  const reading = b.cache.get('key')
  await arrived.promise
  await a.cache.set('key', 'new')
  gate.resolve()
  expect(await reading).toBe('old')
  expect(nearly(b)).toBe(0)
  expect(await b.cache.get('key')).toBe('new')
})

it('F83 nothing is told before it is written, nor of what was not written', async () => {
  const order: string[] = []
  const { hub, node } = fleet({}, (far) =>
    replaced(far, 'delete', async (remove, ...args) => {
      const done = await remove(...args)
      order.push(`written ${hub.published.length}`)
      return done
    }),
  )
  const a = node()
  await a.cache.set('key', 1)
  const told = hub.published.length
  await a.cache.delete('key')
  expect(order).toEqual([`written ${told}`])
  expect(hub.published.length).toBe(told + 1)
  expect(await a.cache.incr('none').catch(() => 'missing')).toBe('missing')
  await a.cache.touch('none', 5)
  expect(hub.published.length).toBe(told + 1)
})

it('overlapping writes of one key leave nothing near that is not far', async () => {
  const { node } = fleet()
  const a = node()
  for (let round = 0; round < 20; round++) {
    await Promise.all([1, 2, 3].map((n) => a.cache.set('key', n * 10 + round)))
    const near = await a.cache.get('key')
    expect(near).toBe(await node().cache.get('key'))
  }
})

it('a near copy ends after nearTtl, and never later than its entry', async () => {
  let reads = 0
  const { clock, node } = fleet({ nearTtl: 10 }, (far) => counted(far, () => reads++))
  const [a, b] = [node(), node()]
  await a.cache.set('long', 1, 3_600)
  await a.cache.set('short', 1, 5)
  await b.cache.get('long')
  await b.cache.get('short')
  clock.advance(5_000)
  expect(await b.cache.get('short')).toBeUndefined()
  reads = 0
  await b.cache.get('long')
  expect(reads).toBe(0)
  clock.advance(5_000)
  expect(await b.cache.get('long')).toBe(1)
  expect(reads).toBe(1)
})

it('F82 after the bus was away near copies are dropped before one is served, and what was not said is said', async () => {
  const { hub, node } = fleet()
  const [a, b] = [node(), node()]
  const keys = Array.from({ length: 1_000 }, (_, i) => `key-${i}`)
  await a.cache.setMany(Object.fromEntries(keys.map((key) => [key, 'old'])))
  for (const key of keys) await b.cache.get(key)
  hub.leave()
  await a.cache.deleteMany(keys)
  expect(await b.cache.get('key-1')).toBe('old')
  const before = hub.published.length
  hub.comeBack()
  expect((await b.cache.getMany(keys)).size).toBe(0)
  expect(hub.published.length).toBeGreaterThan(before)
})

it('while the bus is away nothing new is kept near, and with busDownLimit 0 nothing is served from there', async () => {
  const { hub, node } = fleet({ busDownLimit: 0 })
  const [a, b] = [node(), node()]
  await a.cache.set('key', 'old')
  await b.cache.get('key')
  hub.leave()
  await a.cache.set('key', 'new')
  expect(await b.cache.get('key')).toBe('new')
  await b.cache.get('other')
  hub.comeBack()
  expect(nearly(b)).toBe(0)
})

it('F85 garbage, other versions, oversized and own messages are counted and do nothing', async () => {
  const { hub, node } = fleet()
  const [a, b] = [node(), node()]
  await a.cache.set('key', 1)
  await b.cache.get('key')
  const good = hub.published.at(-1) ?? new Uint8Array()
  for (const bytes of [Buffer.alloc(0), Buffer.from('garbage'), good.slice(0, -1), good.slice(0, 13)])
    hub.send(bytes)
  hub.send(Buffer.concat([good.slice(0, 2), Buffer.of(9), good.slice(3)]))
  hub.send(Buffer.alloc(1_000_000))
  expect(nearly(b)).toBe(1)
  expect(b.backend.counts().ignored).toEqual({ own: 0, garbage: 4, version: 1, oversized: 1 })
  // The two cut short still bear its name.
  expect(a.backend.counts()).toMatchObject({ said: 1, heard: 0, ignored: { own: 3 } })
})

it('a failing far write drops the near copy and is an error told as any other', async () => {
  let failing = false
  const { node } = fleet({}, (far) =>
    replaced(far, 'set', async (set, ...args) => {
      if (failing) throw new Error('down')
      return set(...args)
    }),
  )
  const a = node()
  await a.cache.set('key', 'old')
  failing = true
  expect(await a.cache.set('key', 'new')).toBe(false)
  expect(nearly(a)).toBe(0)
})

it('readers of a near copy have their own, and an object() lends the one there is', async () => {
  const { node } = fleet()
  const a = node()
  await a.cache.set('key', { list: [1] })
  const mine = (await a.cache.get('key')) as { list: number[] }
  mine.list.push(2)
  expect(await a.cache.get('key')).toEqual({ list: [1] })
})

it('a stale value is served near, and one refresh behind makes it new for all', async () => {
  const { clock, node } = fleet()
  const [a, b] = [node(), node()]
  let n = 0
  const load = async () => ++n
  const options = { ttl: 10, staleFor: 100 } as const
  expect(await a.cache.getOrSet('key', load, options)).toBe(1)
  expect(await b.cache.getOrSet('key', load, options)).toBe(1)
  clock.advance(11_000)
  expect(await b.cache.getOrSet('key', load, options)).toBe(1)
  await expect.poll(() => a.cache.getOrSet('key', load, options)).toBe(2)
  expect(n).toBe(2)
})

it('options that cannot be meant are refused, saying what to give', () => {
  const bus = busHub().bus()
  const far = file({ directory: join(tmpdir(), 'stillwarm-never') })
  const given = (options: object) => () => tiered({ near: object(), far, bus, ...options })
  expect(given({ near: far })).toThrow(/near must hold values/)
  expect(given({ far: memory() })).toThrow(/far/)
  expect(given({ far: dummy() })).toThrow(/far/)
  expect(given({ bus: undefined })).toThrow(/bus must be a bus, such as redisBus\(\), not undefined/)
  expect(given({ nearTTL: 5 })).toThrow(/nearTtl/)
  expect(given({ nearTtl: -1 })).toThrow(RangeError)
})

type Method = (...args: unknown[]) => unknown

/** The same backend with one method of it standing behind another. */
function replaced(
  far: Backend,
  name: keyof Backend,
  by: (old: Method, ...args: unknown[]) => unknown,
): Backend {
  return new Proxy(far, {
    get(target, property) {
      const value = Reflect.get(target, property)
      if (typeof value !== 'function') return value
      const bound: Method = (...args) => Reflect.apply(value, target, args)
      return property === name ? (...args: unknown[]) => by(bound, ...args) : bound
    },
  })
}

function signal(): { promise: Promise<void>; resolve: () => void } {
  let resolve = () => {}
  const promise = new Promise<void>((done) => {
    resolve = done
  })
  return { promise, resolve }
}

function counted(far: Backend, read: () => void): Backend {
  return replaced(
    replaced(far, 'get', (get, ...args) => {
      read()
      return get(...args)
    }),
    'peek',
    (peek, ...args) => {
      read()
      return peek(...args)
    },
  )
}
