import { afterEach, describe, expect, it, vi } from 'vitest'
import { systemClock } from '../../src/core/clock.ts'
import { CoarseClock } from '../../src/core/coarse-clock.ts'
import { fakeClock } from '../../src/testing/clock.ts'

afterEach(() => {
  vi.restoreAllMocks()
  vi.useRealTimers()
})

describe('coarse clock', () => {
  it('reads the system clock once for a thousand reads', () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
    const read = vi.spyOn(systemClock, 'now')
    const clock = new CoarseClock()
    for (let i = 0; i < 3003; i++) clock.lately()
    expect(read).toHaveBeenCalledTimes(3)
    clock.lately()
    expect(read).toHaveBeenCalledTimes(4)
  })

  it('and again after a millisecond, by one timer at most', () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
    const read = vi.spyOn(systemClock, 'now')
    const clock = new CoarseClock()
    for (let i = 0; i < 5000; i++) clock.lately()
    expect(vi.getTimerCount()).toBe(1)
    read.mockClear()
    vi.advanceTimersByTime(1)
    expect(vi.getTimerCount()).toBe(0)
    clock.lately()
    expect(read).toHaveBeenCalledTimes(1)
    clock.close()
    expect(vi.getTimerCount()).toBe(0)
  })

  it('reads any other clock each time', () => {
    const fake = fakeClock(5)
    const clock = new CoarseClock()
    clock.use(fake)
    expect(clock.lately()).toBe(5)
    fake.advance(1)
    expect(clock.lately()).toBe(6)
  })
})

describe('with the system clock', () => {
  it('decision 12 what ends within a minute is judged by the true time, whatever was read lately', async () => {
    const { memory } = await import('../../src/backends/memory.ts')
    const { makeSpace } = await import('../../src/core/values/space.ts')
    const space = makeSpace('', 1)
    let now = 1e12
    vi.spyOn(systemClock, 'now').mockImplementation(() => now)
    const store = memory()
    store.set(space, 'near', 1, now + 59_000)
    store.set(space, 'far', 1, now + 61_000)
    expect([store.get(space, 'near'), store.get(space, 'far')]).toEqual([1, 1])
    now += 59_000
    expect([store.get(space, 'near'), store.get(space, 'far')]).toEqual([undefined, 1])
    store.close()
  })
})
