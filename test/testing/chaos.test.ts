import { afterEach, expect, it } from 'vitest'
import { makeSpace } from '../../src/core/values/space.ts'
import { createCaches, memory } from '../../src/index.ts'
import { type ChaosOptions, chaos } from '../../src/testing/index.ts'

const space = makeSpace('p', 1)
const open: (() => Promise<void>)[] = []
afterEach(async () => {
  for (const close of open.splice(0)) await close()
})

function flaky(options: ChaosOptions = {}) {
  const backend = chaos(memory(), { opTimeout: 30, ...options })
  const caches = createCaches({ default: { backend } })
  open.push(() => caches.close())
  return { backend, cache: caches.default }
}

it('fails on demand, and is well again when told so', async () => {
  const { backend, cache } = flaky()
  await cache.set('a', { n: 1 })
  backend.fault = 'throw'
  expect(await cache.get('a')).toBe(undefined)
  expect(await cache.getOrSet('a', () => 'made')).toBe('made')
  backend.fault = undefined
  await expect.poll(() => cache.get('a'), { timeout: 2_000 }).toEqual({ n: 1 })
})

it('hangs, delays, refuses, or does the thing and keeps the answer to itself', async () => {
  const { backend, cache } = flaky({ opTimeout: 100 })
  backend.fault = { delay: 20 }
  expect(await cache.set('a', 1)).toBe(true)
  backend.fault = (verb) => (verb === 'set' ? 'refuse' : undefined)
  expect(await cache.set('b', 1)).toBe(false)
  expect(await cache.get('a')).toBe(1)
  backend.fault = 'lose'
  const began = performance.now()
  expect(await cache.incr('a')).toBe(undefined)
  expect(performance.now() - began).toBeGreaterThan(80)
  backend.fault = undefined
  await expect.poll(() => cache.get('a'), { timeout: 2_000 }).toBe(2)
})

it('fails with a probability, by the numbers it is given', async () => {
  let n = 0
  const { backend } = flaky({ chance: { throw: 0.5 }, random: () => (n++ % 2 ? 0.9 : 0.1) })
  await expect(backend.get(space, 'a')).rejects.toMatchObject({ code: 'ECONNREFUSED' })
  expect(await backend.get(space, 'a')).toBe(undefined)
  expect(backend.calls.get).toBe(2)
})

it('several around one backend are several processes: one load for all of them', async () => {
  const store = memory()
  let loads = 0
  const load = async () => {
    loads++
    await new Promise((resolve) => setTimeout(resolve, 50))
    return 'made'
  }
  const fleet = Array.from({ length: 4 }, () => {
    const caches = createCaches({ default: { backend: chaos(store, { shared: true }) } })
    open.push(() => caches.close())
    return caches.default
  })
  const answers = await Promise.all(
    fleet.flatMap((cache) => Array.from({ length: 10 }, () => cache.getOrSet('cold', load))),
  )
  expect(new Set(answers)).toEqual(new Set(['made']))
  expect(loads).toBe(1)
})

it.each([
  null,
  { chance: 1 },
  { chance: { thorw: 0.1 } },
  { chance: { throw: 2 } },
  { chance: { throw: '0.1' } },
  { chance: { throw: 0.6, hang: 0.6 } },
  { delay: -1 },
  { delay: '400' },
  { random: 5 },
  { opTimeout: 0 },
  { opTimeout: '50' },
  { maxInFlight: 0 },
  { shared: 'yes' },
  { opTimeuot: 50 },
])('A11 options that cannot be meant are refused at start: %o', (options) => {
  // @ts-expect-error what the types refuse must be refused without them
  expect(() => chaos(memory(), options)).toThrow()
})

it('A11 what is no fault is refused as it is set, and from a function as it is asked', async () => {
  const { backend, cache } = flaky()
  for (const fault of ['thorw', 5, null, {}, { delay: 'x' }, { delay: -5 }, { dely: 5 }]) {
    expect(() => Object.assign(backend, { fault })).toThrow(/fault/)
  }
  expect(backend.fault).toBe(undefined)
  Object.assign(backend, { fault: () => 'thorw' })
  await expect(cache.get('a')).rejects.toThrow(/did you mean 'throw'/)
})
