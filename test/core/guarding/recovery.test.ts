/** What an outage lost: nothing that was deleted or overwritten is ever served by the process that did it. */
import fc from 'fast-check'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { plainBackend } from '../plain-backend.ts'
import { A_PROBE, guarded, pass, stopTime, within } from './kit.ts'

beforeEach(stopTime)
afterEach(() => void vi.useRealTimers())

// Times of their own make an entry say when it was made.
const AGED = { ttl: 600, staleFor: 600 }

for (const [kind, options] of [
  ['values that say when they were made', AGED],
  ['bare values', { ttl: 600 }],
] as const) {
  describe(`${kind}: what an outage lost`, () => {
    for (const fault of ['throw', 'hang', 'lose'] as const) {
      it(`T7 deletes during an outage (${fault}): none is served afterwards`, async () => {
        const { cache, backend, seen } = guarded()
        for (let i = 0; i < 200; i++) await cache.set(`k${i}`, i, options)
        await cache.set('other', 'kept', options)
        await pass(10)
        backend.fault = fault
        const deletes = Array.from({ length: 200 }, (_, i) => cache.delete(`k${i}`))
        expect(await within(300, Promise.all(deletes))).toEqual(Array(200).fill(false))
        backend.fault = undefined
        await pass(A_PROBE)
        expect(seen.at(-1)).toMatchObject({ type: 'backend-up', repaired: 200 })
        for (let i = 0; i < 200; i++) expect(await cache.get(`k${i}`)).toBe(undefined)
        expect(await cache.get('other')).toBe('kept')
      })

      it(`a lost overwrite (${fault}) leaves nothing: missing is better than old`, async () => {
        const { cache, backend } = guarded()
        for (const key of ['a', 'b', 'c', 'd']) await cache.set(key, 'old', options)
        await pass(10)
        backend.fault = fault
        const writes = Promise.all([
          cache.set('a', 'new', options),
          cache.setMany({ b: 'new' }, options),
          cache.deleteMany(['c']),
          cache.set('d', 'new', 0),
        ])
        expect(await within(300, writes)).toEqual([false, ['b'], 0, false])
        backend.fault = undefined
        await pass(A_PROBE)
        // A write that was done after all is no old value.
        const done = fault === 'lose' ? [undefined, 'new'] : [undefined]
        for (const key of ['a', 'b']) expect(done).toContain(await cache.get(key))
        for (const key of ['c', 'd']) expect(await cache.get(key)).toBe(undefined)
      })
    }

    it('one timed-out delete while others are answered: the key is a miss at once, and repaired', async () => {
      const { cache, backend } = guarded()
      await cache.set('a', 'old', options)
      await pass(10)
      backend.fault = (verb) => (verb === 'delete' ? 'hang' : undefined)
      const lost = cache.delete('a')
      await pass(200)
      expect(await cache.get('a')).toBe('old') // not told yet that it failed
      backend.fault = (verb) => (verb === 'deleteMany' ? { delay: 100 } : undefined)
      expect(await within(60, lost)).toBe(false)
      expect(await cache.get('a')).toBe(undefined)
      expect(await cache.has('a')).toBe(false)
      expect(await cache.getMany(['a'])).toEqual(new Map())
      expect(await cache.inspect('a')).toMatchObject({ status: 'missing' })
      expect(await cache.touch('a', 60)).toBe(false)
      expect(await cache.getOrSet('a', () => 'new', options)).toBe('new')
      await pass(5_000)
      expect([undefined, 'new']).toContain(await cache.get('a'))
    })

    it('a read that looked before the repair and is answered after it is a miss as well', async () => {
      const inside = plainBackend(true)
      const look = inside.get.bind(inside)
      const { cache, backend } = guarded({}, {}, inside)
      await cache.set('a', 'old', options)
      await pass(10)
      backend.fault = (verb) =>
        verb === 'delete' ? 'refuse' : verb === 'deleteMany' ? { delay: 20 } : undefined
      expect(await cache.delete('a')).toBe(false)
      inside.get = async (space, key) => {
        const found = await look(space, key)
        await new Promise((resolve) => setTimeout(resolve, 100))
        return found
      }
      const answers = Promise.all([cache.get('a'), cache.getMany(['a']), cache.has('a')])
      await pass(60)
      expect(backend.calls.deleteMany).toBe(1)
      expect(await within(60, answers)).toEqual([undefined, new Map(), false])
    })

    it('a refused delete is tried again until it is done, ever more rarely', async () => {
      const { cache, backend } = guarded()
      await cache.set('a', 'old', options)
      await pass(10)
      backend.fault = (verb) => (verb.startsWith('delete') ? 'refuse' : undefined)
      expect(await cache.delete('a')).toBe(false)
      expect(await cache.get('a')).toBe(undefined)
      await pass(600_000)
      expect(await cache.get('a')).toBe(undefined)
      expect(backend.calls.deleteMany).toBeGreaterThan(5)
      expect(backend.calls.deleteMany).toBeLessThan(30)
      backend.fault = undefined
      await pass(61_000)
      const { deleteMany } = backend.calls
      await pass(200_000)
      expect(backend.calls.deleteMany).toBe(deleteMany)
    })

    it('a lost clear that takes for ever holds up nobody: nothing older is read, what is newer is, and it is asked for again', async () => {
      const { cache, backend, seen } = guarded()
      await cache.set('a', 'old', options)
      await pass(10)
      backend.fault = 'throw'
      expect(await cache.clear()).toBe(false)
      backend.fault = (verb) => (verb === 'clear' ? 'hang' : undefined)
      await pass(A_PROBE)
      expect(seen.at(-1)).toMatchObject({ type: 'backend-up' })
      expect(await cache.get('a')).toBe(undefined)
      expect(await cache.set('b', 'new', options)).toBe(true)
      expect(await cache.get('b')).toBe('new')
      expect(await cache.getMany(['a', 'b'])).toEqual(new Map([['b', 'new']]))
      const { clear } = backend.calls
      backend.fault = undefined
      await pass(180_000)
      expect(backend.calls.clear).toBe(clear! + 1)
      expect(await cache.get('a')).toBe(undefined)
    })

    it('a lost clear is done before anything is read, and is no obstacle where it cannot be done', async () => {
      for (const refused of [false, true]) {
        const { cache, backend } = guarded()
        for (const key of ['a', 'b']) await cache.set(key, 'old', options)
        await pass(10)
        backend.fault = 'throw'
        expect(await cache.clear()).toBe(false)
        await pass(10)
        backend.fault = (verb) => (refused && verb === 'clear' ? 'refuse' : undefined)
        await pass(A_PROBE)
        expect(await cache.get('a')).toBe(undefined)
        expect(await cache.set('b', 'new', AGED)).toBe(true)
        expect(await cache.get('b')).toBe('new')
        backend.fault = undefined
        await pass(120_000)
        expect(await cache.get('a')).toBe(undefined)
        expect(await cache.get('b')).toBe(refused ? undefined : 'new')
      }
    })

    it('a clear that nobody answers is given up, since nothing else is answered either', async () => {
      const { cache, backend } = guarded()
      await cache.set('a', 'old', options)
      backend.fault = 'hang'
      expect(await within(510, cache.clear())).toBe(false)
      expect(await cache.get('a')).toBe(undefined)
    })

    it('a clear that takes its time is waited for while the server answers others', async () => {
      const { cache, backend, seen } = guarded()
      await cache.set('a', 'old', options)
      backend.fault = (verb) => (verb === 'clear' ? { delay: 3_000 } : undefined)
      expect(await within(3_100, cache.clear())).toBe(true)
      expect(seen).toEqual([])
    })
  })
}

it('a repair leaves what another process made after the loss', async () => {
  const inside = plainBackend(true)
  const mine = guarded({}, { shared: true }, inside)
  const theirs = guarded({}, { shared: true }, inside)
  await mine.cache.set('a', 'old', AGED)
  await mine.cache.set('b', 'old', AGED)
  await pass(10)
  mine.backend.fault = 'throw'
  await mine.cache.delete('a')
  await mine.cache.delete('b')
  await pass(10)
  await theirs.cache.set('a', 'theirs', AGED)
  mine.backend.fault = undefined
  await pass(A_PROBE)
  expect(await mine.cache.get('a')).toBe('theirs')
  expect(await theirs.cache.get('a')).toBe('theirs')
  expect(await theirs.cache.get('b')).toBe(undefined)
})

it('a write that the server does after the repair is not believed, and goes with the second', async () => {
  const inside = plainBackend(true)
  const { cache, backend } = guarded({}, {}, inside)
  await pass(10)
  // Done 550 ms after the connection was given up: the server was asleep, and finds it in its buffer.
  backend.fault = (verb) => (verb === 'set' ? { delay: 800 } : undefined)
  const late = cache.set('a', 'late', AGED)
  await pass(200)
  await cache.get('other')
  await pass(100)
  expect(await late).toBe(false)
  expect(await cache.delete('a')).toBe(false)
  await pass(600)
  expect(await cache.get('a')).toBe(undefined)
  await pass(5_000)
  expect(await cache.getMany(['a'])).toEqual(new Map())
  expect(backend.calls.deleteMany).toBeGreaterThanOrEqual(2)
})

it('counters: an unknown incr is no loss; after a lost delete they start anew', async () => {
  const { cache, backend } = guarded()
  await cache.set('n', 5)
  await cache.set('gone', 5)
  await pass(10)
  backend.fault = 'hang'
  expect(await within(300, cache.incr('n'))).toBe(undefined)
  expect(await cache.delete('gone')).toBe(false)
  backend.fault = undefined
  await pass(A_PROBE)
  expect(await cache.get('n')).toBe(5)
  expect(await cache.incr('gone', 1, { initial: 0 })).toBe(1)
  expect(await cache.get('gone')).toBe(1)
  await pass(10_000)
  expect(await cache.get('gone')).toBe(1)
})

it('while a loss is not repaired, add finds nothing there and incr does not build on it', async () => {
  const { cache, backend } = guarded()
  await cache.set('a', 7)
  await cache.set('b', 7)
  backend.fault = (verb) => (verb.startsWith('delete') ? 'refuse' : undefined)
  await cache.deleteMany(['a', 'b'])
  backend.fault = (verb) => (verb === 'deleteMany' ? 'refuse' : undefined)
  expect(await cache.add('a', 1)).toBe(true)
  expect(await cache.incr('b', 1, { initial: 0 })).toBe(1)
})

it('beyond 100,000 losses everything older is ignored, and what is written since is not', async () => {
  const { cache, backend } = guarded()
  await cache.set('old', 'old', AGED)
  await cache.set('n', 1)
  await pass(10)
  backend.fault = 'throw'
  for (let i = 0; i < 100_002; i++) await cache.delete(`k${i}`)
  await pass(10)
  backend.fault = undefined
  await pass(A_PROBE)
  expect(await cache.get('old')).toBe(undefined)
  expect(await cache.get('n')).toBe(undefined)
  await cache.set('old', 'new', AGED)
  expect(await cache.get('old')).toBe('new')
  expect(await cache.incr('n', 1, { initial: 10 })).toBe(11)
  expect(await cache.get('n')).toBe(11)
})

it('F66 a load that began before a lost delete is not kept after the server is back', async () => {
  const inside = plainBackend(true)
  const { cache, backend } = guarded({}, { shared: true }, inside)
  const other = guarded({}, { shared: true }, inside)
  const early = cache.getOrSet(
    'a',
    () => new Promise((resolve) => setTimeout(() => resolve('old'), 3_000)),
    AGED,
  )
  const theirs = other.cache.getOrSet(
    'b',
    () => new Promise((resolve) => setTimeout(() => resolve('old'), 3_000)),
    AGED,
  )
  await pass(100)
  backend.fault = 'throw'
  await cache.delete('a')
  await cache.delete('b')
  backend.fault = undefined
  await pass(5_000)
  expect(await early).toBe('old')
  expect(await theirs).toBe('old')
  expect(await cache.get('a')).toBe(undefined)
  expect(await cache.get('b')).toBe(undefined)
  expect(await other.cache.get('a')).toBe(undefined)
})

it('L1 whatever fails, and when: what this process reads is never what it had overwritten or deleted before', async () => {
  const step = fc.oneof(
    fc.record({
      verb: fc.constantFrom('get', 'set', 'delete', 'setMany', 'deleteMany', 'clear'),
      key: fc.constantFrom('a', 'b'),
    }),
    fc.record({ fault: fc.constantFrom('throw', 'hang', 'lose', 'refuse', 'slow', undefined) }),
    fc.record({ pass: fc.constantFrom(1, 100, 300, 1_200) }),
  )
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 30 }), fc.boolean(), async (steps, aged) => {
      const { cache, backend, close } = guarded()
      /** The oldest value that may still be read, by key: the last that was acknowledged or tried. */
      const oldest: Record<string, number> = { a: 0, b: 0 }
      let n = 0
      const options = aged ? AGED : { ttl: 600 }
      for (const one of steps) {
        if ('pass' in one) await pass(one.pass)
        else if ('fault' in one) backend.fault = one.fault === 'slow' ? { delay: 200 } : one.fault
        else {
          const { verb, key } = one
          n++
          await pass(1)
          const value = `v${n}`
          const call: Promise<unknown> =
            verb === 'get'
              ? cache.get(key)
              : verb === 'set'
                ? cache.set(key, value, options)
                : verb === 'setMany'
                  ? cache.setMany({ [key]: value }, options)
                  : verb === 'delete'
                    ? cache.delete(key)
                    : verb === 'deleteMany'
                      ? cache.deleteMany([key])
                      : cache.clear()
          const answer = await within(1_000, call)
          expect(answer).not.toBe('pending')
          if (verb === 'get') {
            if (answer !== undefined)
              expect(Number(String(answer).slice(1)), key).toBeGreaterThanOrEqual(oldest[key]!)
          } else if (verb === 'clear') oldest.a = oldest.b = n + 0.5
          else oldest[key] = verb.startsWith('delete') ? n + 0.5 : n
        }
      }
      backend.fault = undefined
      await pass(5_000)
      for (const key of ['a', 'b']) {
        const last = await cache.get(key)
        if (last !== undefined)
          expect(Number(String(last).slice(1)), key).toBeGreaterThanOrEqual(oldest[key]!)
      }
      await cache.set('a', 'works', options)
      expect(await cache.get('a')).toBe('works')
      await close()
    }),
    { numRuns: Number(process.env.STILLWARM_RUNS ?? 200) },
  )
})
