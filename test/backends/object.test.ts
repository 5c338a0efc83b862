import { describe, expect, it } from 'vitest'
import { memory } from '../../src/backends/memory.ts'
import { object } from '../../src/backends/object.ts'
import { makeSpace } from '../../src/core/values/space.ts'
import { checkAgainstModel } from '../core/keeping/model.ts'

const space = makeSpace('', 1)
const never = Number.POSITIVE_INFINITY

describe('object', () => {
  it('does as a Map in order of use does, whatever comes', () => {
    checkAgainstModel((options) => object(options))
  })

  it('LR-1 gives back the very thing that was set, functions and instances too', () => {
    const store = object()
    const things = [() => 1, new (class Money {})(), new WeakMap(), Symbol('s'), { deep: { er: [] } }]
    for (const thing of things) {
      store.set(space, 'k', thing, never)
      expect(store.get(space, 'k')).toBe(thing)
    }
  })

  it('LR-5 tells a stored null, false, 0 and empty string from nothing', () => {
    const store = object()
    for (const value of [null, false, 0, '']) {
      store.set(space, 'k', value, never)
      expect(store.has(space, 'k')).toBe(true)
      expect(store.get(space, 'k')).toBe(value)
    }
  })

  it('LR-15 never shares a store with memory, whatever the name', () => {
    const one = object({ name: 'object.test' })
    const other = memory({ name: 'object.test' })
    one.set(space, 'k', 1, never)
    expect(other.get(space, 'k')).toBeUndefined()
    expect(object({ name: 'object.test' }).get(space, 'k')).toBe(1)
  })

  it('has no limit of bytes, since it cannot weigh what it did not copy, and says so', () => {
    expect(() => object({ maxBytes: '1mb' } as object)).toThrow(
      expect.objectContaining({ code: 'UNKNOWN_OPTION' }),
    )
  })
})
