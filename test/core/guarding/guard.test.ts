/** The guard around a backend that fails when told to: what callers are answered, and when. */
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import type { Fault } from '../../../src/testing/chaos.ts'
import { plainBackend } from '../plain-backend.ts'
import { A_PROBE, guarded, pass, stopTime, within } from './kit.ts'

const unhandled: unknown[] = []
const warnings: Error[] = []
const onUnhandled = (error: unknown) => unhandled.push(error)
const onWarning = (warning: Error) => warnings.push(warning)

beforeEach(() => {
  stopTime()
  unhandled.length = 0
  warnings.length = 0
  process.on('unhandledRejection', onUnhandled)
  process.on('warning', onWarning)
})
afterEach(async () => {
  vi.useRealTimers()
  await new Promise((resolve) => setImmediate(resolve))
  process.off('unhandledRejection', onUnhandled)
  process.off('warning', onWarning)
  expect(unhandled).toEqual([])
})

const codes = () => warnings.map((warning) => (warning as NodeJS.ErrnoException).code)

describe('the breaker', () => {
  for (const fault of ['throw', 'hang'] as const) {
    it(`F01 F02 trips at the first call that nobody answers (${fault}); then calls do not even reach the backend`, async () => {
      const { cache, backend, seen } = guarded()
      await cache.set('a', 1)
      backend.fault = fault
      expect(await within(300, cache.get('a'))).toBe(undefined)
      expect(seen.map(({ type }) => type)).toEqual(['backend-down'])
      const { get } = backend.calls
      for (let i = 0; i < 100; i++) expect(await cache.get('a')).toBe(undefined)
      expect(backend.calls.get).toBe(get)
      expect(cache.stats().backendFailures).toBe(101)
    })
  }

  it('F02 a wave of calls on a frozen server waits its 250 ms once, together', async () => {
    const { cache, backend } = guarded()
    backend.fault = 'hang'
    const wave = Promise.all(Array.from({ length: 100 }, () => cache.get('a')))
    expect(await within(240, wave)).toBe('pending')
    expect(await within(20, wave)).toHaveLength(100)
  })

  it('F06 closes once a probe on a fresh connection is answered: one event and one warning for each change', async () => {
    const { cache, backend, seen } = guarded()
    await cache.set('a', 1)
    backend.fault = 'throw'
    await Promise.all(Array.from({ length: 50 }, () => cache.get('a')))
    await pass(10_000)
    expect(await cache.get('a')).toBe(undefined)
    backend.fault = undefined
    await pass(A_PROBE)
    expect(await cache.get('a')).toBe(1)
    expect(seen).toMatchObject([
      { type: 'backend-down', backend: 'chaos', error: { code: 'ECONNREFUSED' } },
      { type: 'backend-up', repaired: 0, downFor: expect.any(Number) },
    ])
    vi.useRealTimers()
    await new Promise((resolve) => setImmediate(resolve))
    expect(codes()).toEqual(['BACKEND_DOWN', 'BACKEND_UP'])
  })

  it('F03 F13 probes come at any moment of the first second, then about a second apart, never two at once', async () => {
    const firsts: number[] = []
    for (let i = 0; i < 200; i++) {
      const { cache, backend, close } = guarded()
      let first: number | undefined
      const at: number[] = []
      let under = 0
      await cache.get('a')
      const { reconnect } = backend.network
      Object.assign(backend.network, {
        reconnect: async () => {
          first ??= performance.now()
          at.push(performance.now())
          expect(++under).toBe(1)
          await reconnect().finally(() => under--)
        },
      })
      backend.fault = 'throw'
      const down = performance.now()
      await cache.get('a')
      await pass(5_000)
      firsts.push(first! - down)
      for (let n = 1; n < at.length; n++) expect(at[n]! - at[n - 1]!).toBeGreaterThanOrEqual(1_000)
      expect(at.length).toBeGreaterThanOrEqual(4)
      await close()
    }
    const buckets = new Map<number, number>()
    for (const ms of firsts) buckets.set(Math.floor(ms / 100), (buckets.get(Math.floor(ms / 100)) ?? 0) + 1)
    expect(Math.max(...buckets.values())).toBeLessThanOrEqual(0.2 * firsts.length)
  })

  it('F14 a server that refuses has answered: no outage, and an event', async () => {
    const { cache, backend, seen } = guarded()
    await cache.set('b', 1)
    backend.fault = (verb) => (verb === 'set' ? 'refuse' : undefined)
    expect(await cache.set('a', 1)).toBe(false)
    expect(await cache.get('b')).toBe(1)
    expect(seen).toMatchObject([{ type: 'backend-failed', verb: 'set', error: { code: 'REFUSED' } }])
  })

  it('one slow call among answered ones is a miss and a fresh connection, no outage', async () => {
    const { cache, backend, seen } = guarded()
    await cache.set('a', 1)
    backend.fault = (_verb, key) => (key === 'slow' ? 'hang' : undefined)
    const slow = cache.get('slow')
    await pass(100)
    expect(await cache.get('a')).toBe(1)
    expect(await within(200, slow)).toBe(undefined)
    expect(backend.calls.reconnect).toBe(1)
    expect(await cache.get('a')).toBe(1)
    expect(seen).toEqual([])
  })

  it('what was under way on a connection that we end ourselves is no sign of an outage', async () => {
    const { cache, backend, seen } = guarded()
    let cut = (_: Error) => {}
    const { reconnect } = backend.network
    Object.assign(backend.network, {
      reconnect: async () => {
        cut(Object.assign(new Error('cut'), { code: 'ECONNRESET' }))
        await reconnect()
      },
      noAnswer: (error: { code?: string }) => error.code === 'ECONNRESET',
    })
    const get = backend.get.bind(backend)
    backend.get = (space, key) => {
      if (key === 'other') return new Promise((_, reject) => (cut = reject))
      return get(space, key)
    }
    backend.fault = (_verb, key) => (key === 'slow' ? 'hang' : undefined)
    const slow = cache.get('slow')
    await pass(200)
    await cache.get('a')
    const other = cache.get('other')
    expect(await within(60, Promise.all([slow, other]))).toEqual([undefined, undefined])
    expect(seen.filter(({ type }) => type === 'backend-down')).toEqual([])
  })

  it('BACKEND_BUSY one more than maxInFlight fails at once, is no outage, and there is no queue', async () => {
    const { cache, backend, seen } = guarded({ onBackendError: 'throw' }, { maxInFlight: 10 })
    await cache.get('warm')
    backend.fault = { delay: 100 }
    const under = Array.from({ length: 10 }, () => cache.get('a'))
    await expect(cache.get('a')).rejects.toMatchObject({
      code: 'BACKEND_FAILED',
      cause: { code: 'BACKEND_BUSY' },
    })
    expect(backend.calls.get).toBe(11)
    expect(await within(110, Promise.all(under))).toHaveLength(10)
    expect(await within(110, cache.get('a'))).toBe(undefined)
    expect(seen).toEqual([])
  })

  it('F12 nothing asked while it is down is asked later', async () => {
    const { cache, backend } = guarded()
    backend.fault = 'throw'
    await cache.get('a')
    for (let i = 0; i < 1_000; i++) await cache.set(`k${i}`, i)
    expect(backend.calls.set).toBe(undefined)
    backend.fault = undefined
    await pass(A_PROBE)
    expect(backend.calls.set).toBe(undefined)
    expect(await cache.get('k1')).toBe(undefined)
  })
})

describe('F91 our own blocked loop', () => {
  for (const when of ['in the turn of the call', 'after it'] as const) {
    it(`is never taken for a dead server (blocked ${when})`, async () => {
      vi.useRealTimers()
      const { cache, backend, seen, close } = guarded({}, { opTimeout: 50 })
      await cache.set('a', 1)
      backend.fault = { delay: 20 }
      const answer = cache.get('a')
      if (when === 'after it') await new Promise((resolve) => setTimeout(resolve, 5))
      // Eight times as long as an operation may take.
      const until = performance.now() + 400
      while (performance.now() < until);
      expect(await answer).toBe(1)
      expect(seen).toEqual([])
      await close()
    })
  }
})

const DOWN: [string, (cache: import('../../../src/core/cache.ts').Cache) => Promise<unknown>, unknown][] = [
  ['get', (cache) => cache.get('key'), undefined],
  ['get with a default', (cache) => cache.get('key', { default: 'x' }), 'x'],
  ['getMany', (cache) => cache.getMany(['key', 'other']), new Map()],
  ['set', (cache) => cache.set('key', 2), false],
  ['set with a ttl of 0', (cache) => cache.set('key', 2, 0), false],
  ['add', (cache) => cache.add('key', 2), false],
  ['touch', (cache) => cache.touch('key', 5), false],
  ['delete', (cache) => cache.delete('key'), false],
  ['deleteMany', (cache) => cache.deleteMany(['key']), 0],
  ['has', (cache) => cache.has('key'), false],
  ['setMany', (cache) => cache.setMany({ a: 1, b: 2 }), ['a', 'b']],
  ['incr', (cache) => cache.incr('key'), undefined],
  ['incr with initial', (cache) => cache.incr('key', 1, { initial: 0 }), undefined],
  ['decr', (cache) => cache.decr('key'), undefined],
  ['incrVersion', (cache) => cache.incrVersion('key'), undefined],
  ['expire', (cache) => cache.expire('graced'), false],
  ['clear', (cache) => cache.clear(), false],
  ['prune', (cache) => cache.prune(), 0],
  ['getOrSet', (cache) => cache.getOrSet('key', () => 'made'), 'made'],
]

describe('design §6: every verb on a backend that is down', () => {
  for (const fault of ['throw', 'hang'] as const satisfies Fault[]) {
    for (const [name, call, answer] of DOWN) {
      it(`${name} (${fault}): answered by the first caller’s deadline, then at once`, async () => {
        const { cache, backend } = guarded({ outageHold: 0 })
        await cache.set('key', 1)
        await cache.set('graced', 1, { ttl: 60, staleFor: 60 })
        backend.fault = fault
        expect(await within(510, call(cache))).toEqual(answer)
        expect(await within(0, call(cache))).toEqual(answer)
        const strict = guarded({ onBackendError: 'throw' })
        strict.backend.fault = fault
        const first = within(510, call(strict.cache))
        await expect(first).rejects.toMatchObject({ name: 'BackendError', code: 'BACKEND_FAILED' })
        await expect(within(0, call(strict.cache))).rejects.toMatchObject({ code: 'BACKEND_FAILED' })
      })
    }
  }

  it('prune of a backend without one is not asked', async () => {
    const { cache, backend } = guarded({ onBackendError: 'throw' })
    Object.assign(backend, { prune: undefined })
    expect(await cache.prune()).toBe(0)
  })
})

describe('the source in an outage', () => {
  it('F63 an answer is held 1 s, so that the end of a load does not start the next', async () => {
    const { cache, backend } = guarded()
    backend.fault = 'throw'
    let loads = 0
    const load = async () => ({ n: ++loads })
    for (let i = 0; i < 9; i++) {
      expect(await cache.getOrSet('a', load)).toEqual({ n: 1 })
      await pass(100)
    }
    await pass(200)
    expect(await cache.getOrSet('a', load)).toEqual({ n: 2 })
  })

  it('F04 100 callers on a frozen server: one load, all answered by the deadline', async () => {
    const { cache, backend } = guarded()
    backend.fault = 'hang'
    let loads = 0
    const answers = Promise.all(Array.from({ length: 100 }, () => cache.getOrSet('a', async () => ++loads)))
    expect(await within(260, answers)).toEqual(Array(100).fill(1))
  })

  for (const verb of ['set', 'delete', 'deleteMany', 'setMany', 'clear'] as const) {
    it(`a held answer is broken by ${verb}, though that comes to nothing`, async () => {
      const { cache, backend } = guarded()
      backend.fault = 'throw'
      let loads = 0
      const load = async () => ++loads
      expect(await cache.getOrSet('a', load)).toBe(1)
      if (verb === 'set') await cache.set('a', 9)
      else if (verb === 'setMany') await cache.setMany({ a: 9 })
      else if (verb === 'delete') await cache.delete('a')
      else if (verb === 'deleteMany') await cache.deleteMany(['a'])
      else await cache.clear()
      expect(await cache.getOrSet('a', load)).toBe(2)
    })
  }

  it('F66 a load that began before a delete is not held after it', async () => {
    const { cache, backend } = guarded()
    backend.fault = 'throw'
    await cache.get('a')
    const early = cache.getOrSet('a', async () => {
      await new Promise((resolve) => setTimeout(resolve, 100))
      return 'old'
    })
    await pass(50)
    await cache.delete('a')
    await pass(60)
    expect(await early).toBe('old')
    expect(await cache.getOrSet('a', async () => 'new')).toBe('new')
  })

  it('it is held no longer than its own ttl, nor than outageHold says, and at most 1,000 keys are', async () => {
    const { cache, backend } = guarded({ outageHold: '5s' })
    backend.fault = 'throw'
    let loads = 0
    const load = async () => ++loads
    await cache.getOrSet('short', load, '100ms')
    await pass(110)
    expect(await cache.getOrSet('short', load, '100ms')).toBe(2)
    for (let i = 0; i < 1_001; i++) await cache.getOrSet(`k${i}`, load, 60)
    expect(await cache.getOrSet('k1000', load, 60)).toBe(1_003)
    expect(await cache.getOrSet('k0', load, 60)).toBe(1_004)
    await pass(5_100)
    expect(await cache.getOrSet('k1000', load, 60)).toBe(1_005)
  })

  it('it is gone once the server is back', async () => {
    const { cache, backend } = guarded({ outageHold: '1h' })
    await cache.set('a', 'kept')
    backend.fault = 'throw'
    expect(await cache.getOrSet('a', async () => 'held')).toBe('held')
    backend.fault = undefined
    await pass(A_PROBE)
    expect(await cache.getOrSet('a', async () => 'anew')).toBe('kept')
  })
})

describe('F87 closing', () => {
  it('ends within 500 ms on a backend that does not answer, and leaves no timer', async () => {
    const { cache, backend, close } = guarded()
    await cache.get('a')
    Object.assign(backend, { close: () => new Promise(() => {}) })
    backend.fault = 'hang'
    const pending = cache.get('a')
    expect(await within(510, close())).toBe(undefined)
    expect(await pending).toBe(undefined)
    expect(vi.getTimerCount()).toBe(0)
  })

  it('a backend whose close fails is closed all the same', async () => {
    const { cache, backend, close } = guarded()
    await cache.get('a')
    Object.assign(backend, {
      close: () => {
        throw new Error('no')
      },
    })
    await close()
    await expect(cache.get('a')).rejects.toMatchObject({ code: 'CLOSED' })
  })

  it('while it is down nothing of ours keeps the process alive', async () => {
    vi.useRealTimers()
    const { cache, backend } = guarded({}, { opTimeout: 20 })
    backend.fault = 'throw'
    const before = process.getActiveResourcesInfo().filter((kind) => kind === 'Timeout').length
    await cache.get('a')
    await cache.delete('a')
    // The deadlines are looked at once more, 5 ms later. Only timers that hold the process are listed.
    await new Promise((resolve) => setTimeout(resolve, 15))
    expect(process.getActiveResourcesInfo().filter((kind) => kind === 'Timeout').length).toBeLessThanOrEqual(
      before,
    )
  })
})

it('a backend that answers in the same turn is guarded as well', async () => {
  const { cache } = guarded({}, {}, plainBackend(false))
  expect(await cache.set('a', 1)).toBe(true)
  expect(await cache.get('a')).toBe(1)
})
