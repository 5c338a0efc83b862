/** The doors of core that jobs come in by: calls of their own, renewals for nobody, marks beside a key. */
import { describe, expect, it } from 'vitest'
import { insideOf, readThroughOf } from '../../../src/core/handle.ts'
import { markSpace } from '../../../src/core/making/marks.ts'
import type { Call } from '../../../src/core/read-through.ts'
import { makeSpace } from '../../../src/core/values/space.ts'
import { gate, kit, rest } from '../kit.ts'

function callOf(cache: object, load: () => unknown, more: Partial<Call> = {}): Call {
  const { door, settings, store } = insideOf(cache)
  return {
    key: 'key',
    load,
    write: { space: door.space, ttl: 1_000, staleFor: 9_000 },
    make: { ...settings.make, staleFor: 9_000 },
    fresh: false,
    inTurn: false,
    came: store.flights.count,
    ...more,
  }
}

describe('renew', () => {
  it('says what became of the value, and rejects with what the load threw', async () => {
    const { cache } = kit()
    const renew = (load: () => unknown) => readThroughOf(cache).renew(callOf(cache, load), () => true)
    expect(await renew(async () => 'made')).toBe('kept')
    expect(await cache.get('key')).toBe('made')
    expect(await renew(async () => undefined)).toBe('unkept')
    expect(
      await renew(async () => {
        await cache.set('key', 'by hand')
        return 'late'
      }),
    ).toBe('late')
    expect(await cache.get('key')).toBe('by hand')
    await expect(
      renew(() => {
        throw new Error('down')
      }),
    ).rejects.toThrow('down')
  })

  it('asks whether it is due, and again under the claim', async () => {
    const { cache } = kit()
    let loads = 0
    const renew = (isDue: (found: unknown) => boolean) =>
      readThroughOf(cache).renew(
        callOf(cache, () => ++loads),
        isDue,
      )
    expect(await renew(() => false)).toBe(false)
    await cache.set('key', 'there')
    const renewed = renew((found) => found !== undefined)
    cache.sync.delete('key')
    expect(await renewed).toBe(false)
    expect(loads).toBe(0)
  })

  it('a caller who joins a renewal that has nothing to do is not left without a value', async () => {
    const { cache } = kit()
    await cache.set('key', 'old', { ttl: 10, staleFor: 10 })
    let asked = 0
    const renewed = readThroughOf(cache).renew(
      callOf(cache, () => 'renewed'),
      () => asked++ === 0,
    )
    await cache.delete('key')
    const answers = [
      cache.getOrSet('key', () => 'loaded'),
      rest().then(() => cache.getOrSet('key', () => 'loaded')),
    ]
    expect(await Promise.all([renewed, ...answers])).toEqual([false, 'loaded', 'loaded'])
  })

  it('waits for another who is making it', async () => {
    const { cache } = kit()
    const { open, wait } = gate()
    const first = cache.getOrSet('key', () => wait.then(() => 'first'), { ttl: 1, staleFor: 9 })
    await rest()
    const renewed = readThroughOf(cache).renew(
      callOf(cache, () => 'second'),
      () => true,
    )
    open()
    expect(await first).toBe('first')
    expect(await renewed).toBe('found')
    expect(await cache.get('key')).toBe('first')
  })

  it('F70 what a refresh asks for inside another load is not mistaken for that load waiting', async () => {
    const { cache } = kit()
    let renewal: Promise<unknown> | undefined
    const outer = cache.getOrSet('outer', async () => {
      const inner = Promise.resolve(
        readThroughOf(cache).renew(
          callOf(cache, () => cache.getOrSet('outer', () => 'another')),
          () => true,
        ),
      )
      await rest()
      renewal = inner
      return 'outer'
    })
    expect(await outer).toBe('outer')
    expect(await renewal).toBe('kept')
    expect(await cache.get('key')).toBe('outer')
  })
})

describe('marks', () => {
  it('no key of a user is the mark of another key', () => {
    for (const space of [makeSpace('p', 1), makeSpace('', 1, (key) => `own:${key}`)]) {
      const marks = new Set(
        (['unkept', 'asked'] as const).flatMap((mark) =>
          ['a', 'a\ufffd', 'a\ud800', ''].map((key) => markSpace(space, mark).frame(key)),
        ),
      )
      expect(marks.size).toBe(8)
      for (const mark of ['unkept', 'asked']) {
        for (const key of ['a', 'a\ufffd', 'a\ud800', '']) {
          for (const ending of [
            mark,
            `\ufffd${mark}`,
            `\ud800${mark}`,
            ` (${mark})`,
            `\ufffd\ufffd${mark}`,
          ]) {
            expect(marks.has(space.frame(key + ending))).toBe(false)
          }
        }
      }
    }
  })

  it('a mark is the same space each time, and its cache owns it', () => {
    const space = makeSpace('p', 1)
    expect(markSpace(space, 'asked')).toBe(markSpace(space, 'asked'))
    expect(markSpace(space, 'asked')).not.toBe(markSpace(space, 'unkept'))
    expect(space.owns(markSpace(space, 'asked').frame('a'))).toBe(true)
  })

  it('F74 a key that looks like a mark does not keep another from being loaded', async () => {
    const { cache } = kit()
    expect(await cache.getOrSet('a (unkept)', () => 1)).toBe(1)
    expect(await cache.getOrSet('a', () => 2)).toBe(2)
  })
})
