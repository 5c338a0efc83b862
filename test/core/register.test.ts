import { describe, expect, it } from 'vitest'
import { createCaches, memory, object } from '../../src/index.ts'
import { type Operation, play, type Register, violations } from '../register.ts'

/** `set a 0-1`: an operation on one key, by its time. */
function history(...lines: string[]): Operation[] {
  return lines.map((line) => {
    const [kind, value, time] = line.split(' ') as [Operation['kind'], string, string]
    const [start, end] = time.split('-').map(Number) as [number, number]
    return { key: 'k', kind, value: value === '_' ? undefined : value, start, end }
  })
}

describe('L1 the register checker', () => {
  it.each([
    ['a value that rests', ['set a 0-1', 'get a 2-3', 'get a 4-5']],
    ['a miss at any time', ['set a 0-1', 'get _ 2-3', 'get a 4-5']],
    ['the new value before its set has ended', ['set a 0-1', 'set b 2-9', 'get b 3-4', 'get b 5-6']],
    ['the old value while a set is under way', ['set a 0-1', 'set b 2-9', 'get a 3-4']],
    ['either of two sets at once', ['set a 0-5', 'set b 0-5', 'get a 6-7']],
    ['a read that began before a delete', ['set a 0-1', 'get a 2-9', 'delete _ 3-4']],
  ])('allows %s', (_, lines) => {
    expect(violations(history(...lines))).toEqual([])
  })

  it.each([
    ['what was overwritten', ['set a 0-1', 'set b 2-3', 'get a 4-5']],
    ['what was deleted', ['set a 0-1', 'delete _ 2-3', 'get a 4-5']],
    ['what was never written', ['set a 0-1', 'get x 2-3']],
    ['what is yet to be written', ['get a 0-1', 'set a 2-3']],
    ['the old value after the new one was seen', ['set a 0-1', 'set b 2-9', 'get b 3-4', 'get a 5-6']],
    ['two values in turns', ['set a 0-5', 'set b 0-5', 'get a 6-7', 'get b 8-9', 'get a 10-11']],
  ])('finds a read of %s', (_, lines) => {
    expect(violations(history(...lines))).toHaveLength(1)
  })

  /** A register with the breadth of a network in it. */
  function register(faults: { loses?: number; stale?: number }): Register {
    const rests = new Map<string, string>()
    const before = new Map<string, string>()
    const some = (rate = 0) => Math.random() < rate
    const pause = () => new Promise<void>((resolve) => setImmediate(resolve))
    return {
      async get(key) {
        await pause()
        const value = some(faults.stale) ? before.get(key) : rests.get(key)
        await pause()
        return value
      },
      async set(key, value) {
        await pause()
        if (rests.has(key)) before.set(key, rests.get(key)!)
        rests.set(key, value)
      },
      async delete(key) {
        await pause()
        if (!some(faults.loses)) rests.delete(key)
      },
    }
  }

  it('finds one delete lost in a thousand, one read in a thousand that is old, and nothing where nothing is wrong', async () => {
    expect(violations(await play(register({}), 8, 5000))).toEqual([])
    expect(violations(await play(register({ loses: 1 / 1000 }), 8, 20_000, 50)).length).toBeGreaterThan(0)
    expect(violations(await play(register({ stale: 1 / 1000 }), 8, 5000, 50)).length).toBeGreaterThan(0)
  })

  it.each([
    ['memory', memory],
    ['object', object],
  ])('finds nothing in %s', async (_, backend) => {
    const caches = createCaches({ default: { backend: backend() } })
    const history = await play(caches.default as Register, 8, 2000)
    expect(history.filter(({ kind, value }) => kind === 'get' && value).length).toBeGreaterThan(5000)
    expect(violations(history)).toEqual([])
    await caches.close()
  })
})
