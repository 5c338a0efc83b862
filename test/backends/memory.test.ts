import { describe, expect, it } from 'vitest'
import { type MemoryOptions, memory } from '../../src/backends/memory.ts'
import { Entry } from '../../src/core/values/entry.ts'
import { makeSpace } from '../../src/core/values/space.ts'
import { fakeClock } from '../../src/testing/clock.ts'
import { hostWith } from '../core/keeping/host.ts'
import { checkAgainstModel } from '../core/keeping/model.ts'

const space = makeSpace('', 1)
const never = Number.POSITIVE_INFINITY

function set(store: ReturnType<typeof memory>, key: string, value: unknown): boolean {
  const admitted = store.admit(value, never)
  return admitted !== undefined && store.set(space, key, admitted, never)
}

describe('memory', () => {
  it('does as a Map in order of use does, whatever comes', () => {
    checkAgainstModel((options) => memory(options))
  })

  it('F57 what was set and what was got can be changed without anybody noticing', () => {
    const store = memory()
    const value = { list: [1] }
    set(store, 'k', value)
    value.list.push(2)
    const one = store.lend(store.get(space, 'k')) as typeof value
    expect(one).toEqual({ list: [1] })
    one.list.push(3)
    expect(store.lend(store.get(space, 'k'))).toEqual({ list: [1] })
  })

  it('frozen masters are shared, and the store of one way is not that of the other', () => {
    const store = memory({ copies: 'frozen' })
    set(store, 'k', { a: [1] })
    const one = store.lend(store.get(space, 'k'))
    expect(one).toBe(store.lend(store.get(space, 'k')))
    expect(Object.isFrozen(one)).toBe(true)
    memory({ name: 'memory.test.copies' })
    expect(() => memory({ name: 'memory.test.copies', copies: 'frozen' })).toThrow(
      expect.objectContaining({ code: 'CONTRADICTING_OPTIONS' }),
    )
  })

  it.each<[string, unknown]>([
    ['UNKNOWN_OPTION', { maxEntrys: 5 }],
    ['INVALID_OPTION', { copies: 'frozn' }],
    ['INVALID_OPTION', { maxBytes: '64 megs' }],
    ['INVALID_OPTION', { name: 5 }],
    ['INVALID_OPTION', { maxEntries: null }],
  ])('%s is thrown when it is made: %o', (code, options) => {
    expect(() => memory(options as MemoryOptions)).toThrow(expect.objectContaining({ code }))
  })
})

describe('names', () => {
  it('LOC-01 each call is a store of its own; a name, the empty one too, shares one', () => {
    const [one, other] = [memory(), memory()]
    set(one, 'k', 1)
    expect(other.get(space, 'k')).toBeUndefined()
    for (const name of ['', 'memory.test']) {
      set(memory({ name }), 'k', name)
      expect(memory({ name }).get(space, 'k')).toBe(name)
    }
    expect(memory({ name: 'memory.test.other' }).get(space, 'k')).toBeUndefined()
  })

  it('a named store outlives its closing, as in a hot reload; one without a name does not', () => {
    const before = memory({ name: 'memory.test.reload' })
    const clock = fakeClock()
    const [old, young] = [hostWith(clock), hostWith(clock)]
    before.open(old)
    before.set(space, 'k', 1, clock.now() + 1000)
    const after = memory({ name: 'memory.test.reload' })
    after.open(young)
    before.close()
    expect(after.get(space, 'k')).toBe(1)
    clock.advance(1000)
    expect(after.get(space, 'k')).toBeUndefined()
    expect([old.gone, young.gone]).toEqual([[], ['k expired']])

    const plain = memory()
    set(plain, 'k', 1)
    plain.close()
    expect(plain.size().entries).toBe(0)
  })

  it('options that contradict those of the first are refused', () => {
    memory({ name: 'memory.test.limits', maxEntries: 5 })
    expect(() => memory({ name: 'memory.test.limits', maxEntries: 6 })).toThrow(/other options/)
  })
})

describe('bytes', () => {
  it('F52 A25 what is over a limit is told before it is stored', () => {
    const store = memory({ maxBytes: '1mb' })
    expect(store.admit('x'.repeat(2000), 1000)).toBeUndefined()
    set(store, 'old', 'here')
    expect(set(store, 'old', 'x'.repeat(2 ** 20))).toBe(false)
    expect(store.get(space, 'old')).toBeUndefined()
  })

  it('counts the same whether a value is stored in the turn it was admitted in, later, or as an Entry', () => {
    const store = memory({ maxBytes: '1mb' })
    const values = [{ list: ['a', { b: 'é€' }] }, new Map([['k', new Set([1.5])]]), 'text', Buffer.alloc(100)]
    for (const value of values) {
      store.clear('everything')
      store.set(space, 'k', store.admit(value, never), never)
      const { bytes } = store.size()
      const admitted = store.admit(value, never)
      store.admit('another', never)
      store.set(space, 'k', admitted, never)
      expect(store.size().bytes).toBe(bytes)
      store.set(space, 'k', new Entry(admitted, 1, 2, 3), never)
      expect(store.size().bytes).toBeGreaterThan(bytes!)
    }
  })
})

describe('timers', () => {
  it('F56 no timer keeps the process alive, and none is left after close', () => {
    const timers = () => process.getActiveResourcesInfo().filter((kind) => kind === 'Timeout').length
    const before = timers()
    const store = memory()
    store.set(space, 'k', 1, Date.now() + 120_000)
    expect(store.get(space, 'k')).toBe(1)
    expect(timers()).toBe(before)
    store.close()
  })

  it('what is over is gone within moments, though nobody asks', async () => {
    const store = memory()
    for (let i = 0; i < 1000; i++) store.set(space, `k${i}`, i, Date.now() + 20)
    await expect.poll(() => store.size().entries, { timeout: 5000 }).toBe(0)
    store.close()
  })
})
