import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { describe, expect, it } from 'vitest'
import { checkLimits, type LimitOptions } from '../../../src/core/keeping/limits.ts'
import { Slots } from '../../../src/core/keeping/slots.ts'
import { Store } from '../../../src/core/keeping/store.ts'
import { Entry } from '../../../src/core/values/entry.ts'
import { makeSpace } from '../../../src/core/values/space.ts'
import { fakeClock } from '../../../src/testing/clock.ts'
import { hostWith } from './host.ts'

const space = makeSpace('', 1)
const never = Number.POSITIVE_INFINITY

function open(options: LimitOptions & { maxBytes?: number } = {}, weigh?: (what: unknown) => number) {
  const clock = fakeClock()
  const host = hostWith(clock)
  const store = new Store(checkLimits('test', options), weigh)
  store.open(host)
  const set = (key: string, what: unknown = key, ttl = never) =>
    store.set(space, key, what, clock.now() + ttl)
  const keys = (from: string) => [...from].filter((key) => store.has(space, key)).join('')
  return { clock, host, store, set, keys }
}

describe('order of use', () => {
  it('LOC-02 get, set and incr are a use; has, touch, peek, replace and an add that fails are not', () => {
    const { store, set, keys, clock } = open({ maxEntries: 3 })
    const afterUse = (use: () => void) => {
      store.clear('everything')
      for (const key of 'abc') set(key, 1)
      use()
      set('d')
      return keys('abcd')
    }
    expect(afterUse(() => {})).toBe('bcd')
    expect(afterUse(() => store.get(space, 'a'))).toBe('acd')
    expect(afterUse(() => set('a'))).toBe('acd')
    expect(afterUse(() => store.incr(space, 'a', 1))).toBe('acd')
    expect(afterUse(() => store.has(space, 'a'))).toBe('bcd')
    expect(afterUse(() => store.touch(space, 'a', clock.now() + 5))).toBe('bcd')
    expect(afterUse(() => store.peek(space, 'a'))).toBe('bcd')
    expect(afterUse(() => store.replace(space, 'a', 1, 2, never))).toBe('bcd')
    expect(afterUse(() => store.add(space, 'a', 2, never))).toBe('bcd')
  })

  it('LOC-03 LR-12 evicts one at a time and tells which', () => {
    const { set, keys, host } = open({ maxEntries: 3 })
    for (const key of 'abcde') set(key)
    expect(keys('abcde')).toBe('cde')
    expect(host.gone).toEqual(['a room', 'b room'])
  })

  it('LOC-04 LR-10 an overwrite evicts nobody', () => {
    const { set, keys } = open({ maxEntries: 9, cullFrequency: 3 })
    for (const key of 'abcdefghi') set(key)
    set('e', 'again')
    expect(keys('abcdefghi')).toBe('abcdefghi')
  })

  it('LOC-05 LR-8 what has expired goes before what lives, however long unused', () => {
    const { set, keys, clock, host } = open({ maxEntries: 3 })
    set('a')
    set('b', 1, 1000)
    set('c', 1, 500)
    clock.advance(999)
    set('d')
    expect(keys('abd')).toBe('abd')
    clock.advance(1)
    set('e')
    expect(keys('ade')).toBe('ade')
    expect(host.gone).toEqual(['c expired', 'b expired'])
  })
})

describe('culling', () => {
  const left = (options: LimitOptions, sets: number) => {
    const { set, store } = open(options)
    for (let i = 0; i < sets; i++) set(`cull${i}`)
    return store.size().entries
  }

  it('LOC-08 as Django: room for 30, 49 sets; a third at once leaves 29, all at once 19', () => {
    expect(left({ maxEntries: 30, cullFrequency: 3 }, 49)).toBe(29)
    expect(left({ maxEntries: 30, cullFrequency: 0 }, 49)).toBe(19)
  })

  it('LOC-06 LR-11 evicts at least one, so that the limit is never exceeded', () => {
    expect(left({ maxEntries: 2, cullFrequency: 3 }, 10)).toBe(2)
    expect(left({ maxEntries: 50, cullFrequency: 100 }, 200)).toBe(50)
  })

  it('CUL-01 a limit below one does not fail, and the new key is stored', () => {
    for (const maxEntries of [-1, 0, 1]) {
      for (const cullFrequency of [undefined, 0, 3]) {
        const { set, keys } = open({ maxEntries, cullFrequency })
        for (const key of 'abc') expect(set(key)).toBe(true)
        expect(keys('abc')).toBe('c')
      }
    }
  })

  it('holds 10,000 entries when nothing is said', () => {
    expect(left({}, 10_050)).toBe(10_000)
  })

  it('a store emptied in the middle of a set takes the new key all the same', () => {
    const { set, store } = open({ maxEntries: 2000, cullFrequency: 0 })
    for (let i = 0; i < 2001; i++) set(`k${i}`, i)
    expect(store.size().entries).toBe(1)
    expect(store.get(space, 'k2000')).toBe(2000)
  })
})

describe('ends', () => {
  it('an entry is over at its instant, for every verb', () => {
    const verbs = (at: number) => {
      const { store, set, clock } = open()
      const when = (ask: () => unknown) => {
        set('k', 1, 1000)
        clock.advance(at)
        return ask()
      }
      return [
        when(() => store.get(space, 'k')),
        when(() => store.has(space, 'k')),
        when(() => store.peek(space, 'k')?.stored),
        when(() => store.touch(space, 'k', clock.now() + 5)),
        when(() => store.delete(space, 'k')),
        when(() => store.incr(space, 'k', 1)),
        when(() => store.replace(space, 'k', 1, 2, never)),
        when(() => !store.add(space, 'k', 2, never)),
      ]
    }
    expect(verbs(999)).toEqual([1, true, 1, true, true, 2, true, true])
    expect(verbs(1000)).toEqual([undefined, false, undefined, false, false, undefined, false, false])
  })

  it('F55 a ttl beyond 2^31 ms, and beyond all spans of the wheel, ends on time', () => {
    for (const ttl of [2 ** 30 - 1, 2 ** 30, 2 ** 31 - 1, 2 ** 31, 2 ** 33 + 5, 4e12]) {
      const { store, set, clock } = open()
      set('k', 1, ttl)
      clock.advance(ttl - 1)
      expect(store.prune()).toBe(0)
      expect(store.get(space, 'k')).toBe(1)
      clock.advance(1)
      expect(store.prune()).toBe(1)
    }
  })

  it('an end that moves, either way, is where it was moved to', () => {
    const { store, set, clock } = open()
    for (let i = 0; i < 200; i++) set(`k${i}`, i, 1000 + i)
    for (let i = 0; i < 200; i++) store.touch(space, `k${i}`, clock.now() + (i % 2 ? 10 : 100_000))
    clock.advance(10)
    expect(store.prune()).toBe(100)
    clock.advance(99_989)
    expect(store.prune()).toBe(0)
    clock.advance(1)
    expect(store.prune()).toBe(100)
  })

  it('a place that was vacated and taken again ends when the new one does', () => {
    const { store, set, clock } = open()
    set('a', 1, 100)
    store.delete(space, 'a')
    set('b', 1, 50)
    clock.advance(50)
    expect(store.prune()).toBe(1)
    set('c', 1, 5000)
    clock.advance(100)
    expect(store.prune()).toBe(0)
    expect(store.get(space, 'c')).toBe(1)
  })

  it('CB-33 an Entry is left as it was by touch, for the handle to rewrite', () => {
    const { store, set, clock } = open()
    const entry = new Entry('v', 1, 2, 3)
    set('k', entry, 1000)
    expect(store.touch(space, 'k', clock.now() + 5000)).toBe('graced')
    expect(store.peek(space, 'k')).toEqual({ stored: entry, expiresAt: clock.now() + 1000, createdAt: 1 })
  })
})

describe('spaces', () => {
  it('versions and prefixes are apart, and clear() takes all versions of its own', () => {
    const { store } = open()
    const all = [makeSpace('a', 1), makeSpace('a', 2), makeSpace('a:b', 1), makeSpace('', 1)]
    for (const [i, one] of all.entries()) store.set(one, 'k', i, never)
    expect(all.map((one) => store.get(one, 'k'))).toEqual([0, 1, 2, 3])
    store.clear(all[0]!)
    expect(all.map((one) => store.get(one, 'k'))).toEqual([undefined, undefined, 2, 3])
  })

  it('two spaces of one prefix and version are one table, also after it stood empty', () => {
    const { store } = open()
    const [one, other, third] = [makeSpace('p', 1), makeSpace('p', 1), makeSpace('p', 2)]
    for (const round of [1, 2, 3]) {
      expect(store.get(other, 'k')).toBeUndefined()
      store.set(one, 'k', round, never)
      expect(store.get(other, 'k')).toBe(round)
      store.get(third, 'k')
      expect(store.delete(other, 'k')).toBe(true)
      expect(store.get(one, 'k')).toBeUndefined()
      store.get(third, 'k')
    }
  })

  it('a key function that writes the plain recipe meets what the recipe wrote', () => {
    const { store } = open()
    const made = makeSpace('x', 7, (key) => `shop:eu:1:${key}`)
    store.set(makeSpace('shop:eu', 1), 'k:2:l', 'plain', never)
    expect(store.get(made, 'k:2:l')).toBe('plain')
    store.clear(makeSpace('shop:eu', 9))
    expect(store.get(made, 'k:2:l')).toBeUndefined()
  })

  it('A12 versions by the hundred thousand leave nothing behind', () => {
    const { store } = open({ maxEntries: 10 })
    setFlagsFromString('--expose-gc')
    const gc = runInNewContext('gc')
    const heap = () => {
      gc()
      gc()
      return process.memoryUsage().heapUsed
    }
    const put = (version: number) => store.set(makeSpace('p', version), 'k', version, never)
    for (let version = 0; version < 100_000; version++) put(version)
    const before = heap()
    for (let version = 100_000; version < 400_000; version++) put(version)
    expect(store.size().entries).toBe(10)
    // A table each would be more than 100 MB.
    expect(heap() - before).toBeLessThan(15e6)
  })

  it('F53 a store with room for millions does as a small one', () => {
    const { store, set, clock } = open({ maxEntries: 1_000_000 })
    for (let i = 0; i < 20_000; i++) set(`key${i}`, i, i % 2 ? 1000 : never)
    clock.advance(1000)
    expect(store.prune()).toBe(10_000)
    store.clear(makeSpace('', 5))
    expect(store.size().entries).toBe(0)
    set('again', 1)
    expect(store.get(space, 'again')).toBe(1)
  })

  it('A06 names of Object.prototype are keys like any other', () => {
    const { store, set } = open()
    for (const key of ['__proto__', 'constructor', 'hasOwnProperty', 'toString']) {
      expect(store.get(space, key)).toBeUndefined()
      set(key, key)
      expect(store.get(space, key)).toBe(key)
    }
  })
})

describe('slots', () => {
  it('in one Map or in many, a key has the slot that it was given', () => {
    for (const maxEntries of [10, 2 ** 20]) {
      const slots = new Slots(maxEntries)
      const keys = Array.from({ length: 500 }, (_, i) => 'x'.repeat(i % 3) + i.toString(36))
      for (const [i, key] of keys.entries()) slots.add(key, i + 1)
      expect(slots.size).toBe(500)
      expect(keys.map((key) => slots.get(key))).toEqual(keys.map((_, i) => i + 1))
      expect(new Map(slots)).toEqual(new Map(keys.map((key, i) => [key, i + 1])))
      for (const key of keys.slice(0, 250)) slots.remove(key)
      expect([slots.size, slots.get(keys[0]!), slots.get(keys[250]!)]).toEqual([250, undefined, 251])
      slots.clear()
      expect([slots.size, [...slots]]).toEqual([0, []])
    }
  })
})

describe('counting', () => {
  it('keeps the expiry, and refuses what is no bare whole number, unchanged', () => {
    const { store, set, clock } = open()
    set('n', 41, 1000)
    expect(store.incr(space, 'n', 1)).toBe(42)
    expect(store.peek(space, 'n')?.expiresAt).toBe(clock.now() + 1000)
    for (const what of ['1', 1.5, 1n, null, 2 ** 53, new Entry(1, 1, 1, 1), Number.NaN]) {
      set('k', what)
      expect(() => store.incr(space, 'k', 1)).toThrow(expect.objectContaining({ code: 'NOT_A_NUMBER' }))
      expect(store.get(space, 'k')).toBe(what)
    }
  })

  it('is exact up to 2^53 − 1 and refused beyond, unchanged', () => {
    const { store, set } = open()
    for (const [most, by] of [
      [Number.MAX_SAFE_INTEGER, 1],
      [Number.MIN_SAFE_INTEGER, -1],
    ] as const) {
      set('n', most - by)
      expect(store.incr(space, 'n', by)).toBe(most)
      expect(() => store.incr(space, 'n', by)).toThrow(RangeError)
      expect(store.get(space, 'n')).toBe(most)
    }
  })
})

describe('bytes', () => {
  const weigh = (what: unknown) => (what as { weight: number }).weight

  it('F52 what is larger than all of it is not stored, evicts nobody, and the old one is gone', () => {
    const { store, set, keys } = open({ maxBytes: 10_000 }, weigh)
    for (const key of 'abc') set(key, { weight: 100 })
    expect(set('b', { weight: 10_000 })).toBe(false)
    expect(set('d', { weight: 10_000 })).toBe(false)
    expect(keys('abcd')).toBe('ac')
    expect(store.replace(space, 'a', store.get(space, 'a'), { weight: 10_000 }, never)).toBe(false)
    expect(keys('abcd')).toBe('c')
  })

  it('F51 never holds more than the limit, oldest out first, and counts back to nothing', () => {
    const { store, set, keys } = open({ maxBytes: 10_000 }, weigh)
    for (const key of 'abcdefgh') {
      set(key, { weight: 2000 })
      expect(store.size().bytes).toBeLessThanOrEqual(10_000)
    }
    expect(keys('abcdefgh')).toBe('efgh')
    const full = store.size().bytes!
    set('h', { weight: 1000 })
    expect(store.size().bytes).toBe(full - 1000)
    for (const key of 'efgh') store.delete(space, key)
    expect(store.size()).toEqual({ entries: 0, bytes: 0 })
  })

  it('an overwrite of the oldest that grows puts out others, not itself', () => {
    const { set, keys } = open({ maxBytes: 10_000 }, weigh)
    for (const key of 'abcd') set(key, { weight: 1000 })
    set('a', { weight: 8000 })
    expect(keys('abcd')).toBe('ad')
  })

  it('what has expired goes before what lives', () => {
    const { set, keys, clock } = open({ maxBytes: 10_000 }, weigh)
    set('a', { weight: 4000 })
    set('b', { weight: 4000 }, 10)
    clock.advance(10)
    set('c', { weight: 4000 })
    expect(keys('abc')).toBe('ac')
  })
})

describe('options', () => {
  it('limits that are no whole numbers are refused', () => {
    const code = expect.objectContaining({ code: 'INVALID_OPTION' })
    for (const bad of [
      { maxEntries: 1.5 },
      { maxEntries: Number.NaN },
      { cullFrequency: -1 },
      { cullFrequency: 0.5 },
      { maxBytes: 0 },
    ]) {
      expect(() => checkLimits('x', bad)).toThrow(code)
    }
    expect(() => checkLimits('x', { maxEntries: '5' } as object)).toThrow(code)
    expect(checkLimits('x', { maxEntries: Number.POSITIVE_INFINITY }).maxEntries).toBe(2 ** 23)
  })
})
