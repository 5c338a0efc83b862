import { describe, expect, it } from 'vitest'
import { gate, kit, rest } from './kit.ts'
import { plainBackend } from './plain-backend.ts'

const GRACED = { ttl: 10, staleFor: 100 }

describe('fresh, stale, missing', () => {
  it('a hit makes no load and no timer, and answers in a promise that is already there', async () => {
    const { cache } = kit()
    await cache.set('key', 1)
    const order: string[] = []
    const got = cache.getOrSet('key', () => 2).then(() => order.push('value'))
    await Promise.resolve().then(() => order.push('next microtask'))
    await got
    expect(order[0]).toBe('value')
  })

  it('F69 within ±1 ms of the end of staleFor it is served, and never after', async () => {
    const { cache, clock } = kit()
    let wrong = 0
    for (let i = 0; i < 2_000; i++) {
      const key = `key${i}`
      const staleFor = 1 + (i % 50)
      await cache.set(key, i, { ttl: 1, staleFor })
      const check = async (value: number | undefined) => {
        if ((await cache.get(key, { stale: true })) !== value) wrong++
      }
      clock.advance(999)
      await check(i)
      if ((await cache.get(key)) !== i) wrong++
      clock.advance(1)
      if ((await cache.get(key)) !== undefined) wrong++
      clock.advance(staleFor * 1_000 - 1)
      await check(i)
      clock.advance(1)
      await check(undefined)
    }
    expect(wrong).toBe(0)
  })

  it('refreshAhead renews a fresh value in the last part of its life, once', async () => {
    for (const refreshAhead of [0.8, '2s'] as const) {
      const { cache, clock } = kit({ refreshAhead })
      let loads = 0
      const load = async () => ++loads
      expect(await cache.getOrSet('key', load, 10)).toBe(1)
      clock.advance(7_999)
      expect(await cache.getOrSet('key', load, 10)).toBe(1)
      await rest()
      expect(loads).toBe(1)
      clock.advance(1)
      expect(await Promise.all([cache.getOrSet('key', load, 10), cache.getOrSet('key', load, 10)])).toEqual([
        1, 1,
      ])
      await rest()
      expect(loads).toBe(2)
      expect(await cache.getOrSet('key', load, 10)).toBe(2)
    }
  })

  it('softTimeout waits for the new value, and serves the stale one when it takes too long or fails', async () => {
    const { cache, clock } = kit()
    const options = { ...GRACED, softTimeout: '20ms' } as const
    await cache.getOrSet('key', () => 'old', options)
    clock.advance(10_000)
    const slow = gate()
    const load = async () => {
      await slow.wait
      return 'new'
    }
    expect(await cache.getOrSet('key', load, options)).toBe('old')
    slow.open()
    await rest()
    expect(await cache.get('key')).toBe('new')
    clock.advance(10_000)
    expect(await cache.getOrSet('key', async () => 'newer', options)).toBe('newer')
    clock.advance(10_000)
    const failed = cache.getOrSet('key', () => Promise.reject(new Error('down')), options)
    expect(await failed).toBe('newer')
  })

  it('F69 a softTimeout that ends after the staleFor serves nothing stale', async () => {
    const { cache, clock } = kit()
    const options = { ...GRACED, softTimeout: '20ms' } as const
    await cache.getOrSet('key', () => 'old', options)
    clock.advance(10_000)
    const slow = gate()
    const waiting = cache.getOrSet('key', () => slow.wait.then(() => 'new'), options)
    clock.advance(100_000)
    setTimeout(slow.open, 60)
    expect(await waiting).toBe('new')
    clock.advance(10_000)
    const error = new Error('down')
    const failing = cache.getOrSet(
      'key',
      async () => {
        clock.advance(100_000)
        throw error
      },
      options,
    )
    await expect(failing).rejects.toBe(error)
  })

  it('hardTimeout is a LoadTimeoutError, its signal is aborted, and the late answer is kept all the same', async () => {
    const { cache } = kit()
    const slow = gate()
    let signal: AbortSignal | undefined
    const waiting = cache.getOrSet(
      'key',
      async (context) => {
        signal = context.signal
        await slow.wait
        return 'late'
      },
      { hardTimeout: '10ms' },
    )
    await expect(waiting).rejects.toMatchObject({ name: 'LoadTimeoutError', code: 'LOAD_TIMEOUT' })
    expect(signal?.aborted).toBe(true)
    slow.open()
    await rest()
    expect(await cache.get('key')).toBe('late')
  })

  it('F64 after a load that never settles the next caller loads anew', async () => {
    const { cache } = kit()
    const never = cache.getOrSet('key', () => new Promise(() => {}), { hardTimeout: '5ms' })
    await expect(never).rejects.toMatchObject({ code: 'LOAD_TIMEOUT' })
    expect(await cache.getOrSet('key', () => 'fine')).toBe('fine')
    expect(await cache.get('key')).toBe('fine')
  })
})

describe('what a load may say', () => {
  it('keep without anything to keep is an error with a code', async () => {
    const { cache } = kit()
    await expect(cache.getOrSet<unknown>('key', ({ keep }) => keep())).rejects.toMatchObject({
      code: 'NOTHING_TO_KEEP',
    })
    expect(await cache.getOrSet('key', () => 1)).toBe(1)
  })

  it('keep does not bring back what was deleted before the load began', async () => {
    const { cache, clock } = kit()
    await cache.set('key', 'old', GRACED)
    clock.advance(10_000)
    expect(await cache.getOrSet<unknown>('key', ({ keep }) => keep(), GRACED)).toBe('old')
    await cache.delete('key')
    await rest()
    expect(await cache.get('key', { stale: true })).toBe(undefined)
  })

  it('F67 a load that says ttl(0) removes what it replaces, and not what was set meanwhile', async () => {
    const { cache, clock } = kit()
    for (const setMeanwhile of [false, true]) {
      await cache.set('key', 'old', GRACED)
      clock.advance(10_000)
      const slow = gate()
      await cache.getOrSet<unknown>(
        'key',
        async ({ ttl }) => {
          await slow.wait
          ttl(0)
          return 'unkept'
        },
        GRACED,
      )
      await rest()
      if (setMeanwhile) await cache.set('key', 'new')
      slow.open()
      await rest()
      expect(await cache.get('key', { stale: true })).toBe(setMeanwhile ? 'new' : undefined)
    }
  })

  it('a ttl or staleFor of the load that is none is refused as at the door', async () => {
    const { cache } = kit()
    const soon = 'soon' as '1s'
    await expect(cache.getOrSet('key', ({ ttl }) => ttl(soon))).rejects.toMatchObject({ code: 'INVALID_TTL' })
    expect(await cache.getOrSet('key', () => 1)).toBe(1)
  })

  it('F74 a hundred waiters of a value that is not kept wait for one load, not for a queue of them', async () => {
    const { cache } = kit()
    let loads = 0
    const load = async ({ skip }: { skip: <T>(value: T) => unknown }) => {
      loads++
      await rest(1)
      return skip({ n: loads })
    }
    const answers = await Promise.all(Array.from({ length: 100 }, () => cache.getOrSet('key', load)))
    expect(loads).toBe(1)
    expect(answers).toEqual(Array.from({ length: 100 }, () => ({ n: 1 })))
  })
})

describe('sync', () => {
  it('getOrSet in this turn loads, stores and refuses a promise', async () => {
    const { cache, clock } = kit()
    expect(cache.sync.getOrSet('key', () => 1)).toBe(1)
    expect(cache.sync.get('key')).toBe(1)
    const promise = (async () => 1) as unknown as () => number
    expect(() => cache.sync.getOrSet('free', promise)).toThrow(TypeError)
    expect(cache.sync.getOrSet('free', () => 2)).toBe(2)
    expect(cache.sync.get('free')).toBe(2)
    cache.sync.set('graced', 'old', GRACED)
    clock.advance(10_000)
    expect(
      cache.sync.getOrSet('graced', () => {
        throw new Error('down')
      }),
    ).toBe('old')
    expect(cache.sync.getOrSet('graced', () => 'new')).toBe('new')
  })

  it('a load that answers with a thenable is refused in this turn, and leaves no claim behind', () => {
    const { cache } = kit()
    const thenable = Object.fromEntries([['then', (done: (value: number) => void) => done(1)]])
    expect(() => cache.sync.getOrSet('key', () => thenable)).toThrow(TypeError)
    expect(cache.sync.getOrSet('key', () => 2)).toBe(2)
    expect(cache.sync.get('key')).toBe(2)
  })

  it('a load in this turn while another is under way answers by itself, and stores nothing', async () => {
    const { cache } = kit()
    const slow = gate()
    const other = cache.getOrSet('key', () => slow.wait.then(() => 'slow'))
    expect(cache.sync.getOrSet('key', () => 'quick')).toBe('quick')
    slow.open()
    expect(await other).toBe('slow')
    expect(await cache.get('key')).toBe('slow')
  })

  it('there is no sync over a backend that answers later', () => {
    expect(kit({}, plainBackend(false)).cache.sync).toBe(undefined)
  })
})

describe('F70 a load that waits for itself', () => {
  it('across two caches, and across two flights, is a DeadlockError at once', async () => {
    const one = kit().cache
    const two = kit().cache
    const circle = one.getOrSet(
      'a',
      (): Promise<unknown> => two.getOrSet('b', () => one.getOrSet('a', () => 1)),
    )
    await expect(circle).rejects.toMatchObject({ code: 'DEADLOCK' })
    const began = [gate(), gate()]
    const crossed = await Promise.allSettled([
      one.getOrSet('x', async (): Promise<unknown> => {
        began[0]!.open()
        await began[1]!.wait
        return one.getOrSet('y', () => 1)
      }),
      one.getOrSet('y', async (): Promise<unknown> => {
        began[1]!.open()
        await began[0]!.wait
        return one.getOrSet('x', () => 1)
      }),
    ])
    expect(crossed.some(({ status }) => status === 'rejected')).toBe(true)
    expect(await one.getOrSet('x', () => 'fine')).toBe('fine')
  })

  it('waiting for the same other load twice is no circle', async () => {
    const { cache } = kit()
    const both = await cache.getOrSet('a', async () =>
      Promise.all([cache.getOrSet('b', async () => 1), cache.getOrSet('b', async () => 2)]),
    )
    expect(both).toEqual([1, 1])
  })
})
