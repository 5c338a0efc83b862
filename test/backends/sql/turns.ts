/** What is promised of calls that are made in one turn: they share a statement, and nobody can tell. */
import { expect, it } from 'vitest'
import { makeSpace } from '../../../src/core/values/space.ts'
import { createCaches } from '../../../src/index.ts'
import { anyTable, later, type ServerSetting, what } from './setting.ts'

export function turnSuite({ make, ask, quote, server }: ServerSetting): void {
  const space = makeSpace('p', 1)

  /** One connection, so that statements come in the order in which they left. */
  async function alone() {
    const table = anyTable()
    const backend = make({ table, poolSize: 1 })
    await backend.table.create()
    return { backend, table }
  }

  it('decision 12: of the sets of one turn the last for a key counts, and they come before what the turn asks for next', async () => {
    const { backend } = await alone()
    const sets = ['a', 'b', 'a', 'c'].map((key, i) => backend.set(space, key, what(`${i}`), later()))
    const gone = backend.delete(space, 'b')
    expect(await Promise.all(sets)).toEqual([true, true, true, true])
    expect(await gone).toBe(true)
    expect(await backend.getMany(space, ['a', 'b', 'c'])).toEqual(
      new Map([
        ['a', what('2')],
        ['c', what('3')],
      ]),
    )
    await backend.close()
  })

  it('decision 12: of the sets of one turn each ends at its own time', async () => {
    const { backend } = await alone()
    const ends = [later(), later() + 60_000, Number.POSITIVE_INFINITY].map((end) => Math.floor(end))
    await Promise.all(ends.map((end, i) => backend.set(space, `${i}`, what('1'), end)))
    const kept = await Promise.all(ends.map((_, i) => backend.peek?.(space, `${i}`)))
    expect(kept.map((one) => one?.expiresAt)).toEqual(ends)
    await backend.close()
  })

  it('decision 12: the sets of one turn end the claims of their keys', async () => {
    const { backend } = await alone()
    const claims = await Promise.all(['a', 'b'].map((key) => backend.claim(space, key, 60_000)))
    await Promise.all(['a', 'b'].map((key) => backend.set(space, key, what('set'), later())))
    for (const [i, { token }] of claims.entries()) {
      expect(await backend.fill(space, 'ab'[i]!, token!, what('filled'), later())).toBe(false)
    }
    expect(await backend.get(space, 'a')).toEqual(what('set'))
    await backend.close()
  })

  it('decision 12: of the sets of one turn, one that the database refuses fails its caller alone', async () => {
    const { backend, table } = await alone()
    await ask(`ALTER TABLE ${quote(table)} ADD CHECK (${quote('expires')} < 9000000000000)`)
    const sets = ['a', 'bad', 'c'].map((key) =>
      backend.set(space, key, what(key), key === 'bad' ? 9_000_000_000_001 : later()),
    )
    const [a, bad, c] = await Promise.allSettled(sets)
    expect([a, c]).toEqual([
      { status: 'fulfilled', value: true },
      { status: 'fulfilled', value: true },
    ])
    expect(bad).toMatchObject({ status: 'rejected', reason: { meaning: 'refused' } })
    expect(await backend.get(space, 'bad')).toBeUndefined()
    await backend.close()
  })

  it('decision 12: five hundred sets of one turn, some of them large, are all stored, and counted once each', async () => {
    const { backend } = await alone()
    const large = what('x'.repeat(100_000))
    const keys = Array.from({ length: 500 }, (_, i) => `key-${i % 400}`)
    const sets = keys.map((key, i) => backend.set(space, key, i % 50 === 0 ? large : what(key), later()))
    expect(new Set(await Promise.all(sets))).toEqual(new Set([true]))
    expect(await backend.size?.()).toEqual({ entries: 400 })
    await backend.close()
  })

  it('decision 12: of hundreds of sets of one key in one turn the last counts, though each statement may have its own connection', async () => {
    const table = anyTable()
    const backend = make({ table, poolSize: 4 })
    await backend.table.create()
    for (let round = 0; round < 10; round++) {
      // More rows than one statement takes, and each of them again behind all of them.
      const keys = Array.from({ length: 600 }, (_, i) => `key-${i % 300}`)
      const values = keys.map((_, i) => what(`${round} ${i}`))
      const same = Array.from({ length: 300 }, (_, i) => backend.set(space, 'one', what(`${i}`), later()))
      const sets = keys.map((key, i) => backend.set(space, key, values[i]!, later()))
      expect(new Set(await Promise.all([...same, ...sets]))).toEqual(new Set([true]))
      expect(await backend.get(space, 'one')).toEqual(what('299'))
      const last = new Map(keys.map((key, i) => [key, values[i]!]))
      expect(await backend.getMany(space, keys.slice(0, 300))).toEqual(last)
    }
    expect(await backend.size()).toEqual({ entries: 301 })
    await backend.close()
  })

  it('decision 12: sets of one key of which the database refuses the last: each is told its own, and what it took stays', async () => {
    const { backend, table } = await alone()
    await ask(`ALTER TABLE ${quote(table)} ADD CHECK (${quote('expires')} < 9000000000000)`)
    const ends = [later(), later(), 9_000_000_000_001]
    const told = await Promise.allSettled(ends.map((end, i) => backend.set(space, 'a', what(`${i}`), end)))
    expect(told.map(({ status }) => status)).toEqual(['fulfilled', 'fulfilled', 'rejected'])
    expect(await backend.get(space, 'a')).toEqual(what('1'))
    await backend.close()
  })

  it('sets that nobody has waited for when the caches are closed are each told, and end nothing', async () => {
    const { backend, table } = await alone()
    const caches = createCaches({ default: { backend, onBackendError: 'throw' } })
    await caches.default.set('first', 0)
    const sets = Array.from({ length: 300 }, (_, i) => caches.default.set(`key-${i}`, i))
    const told = Promise.allSettled(sets)
    await caches.close()
    for (const one of await told) {
      if (one.status === 'rejected') expect(one.reason).toMatchObject({ code: 'CLOSED' })
      else expect(one.value).toBe(true)
    }
    const again = make({ table })
    expect(await again.size()).toEqual({ entries: expect.any(Number) })
    await again.close()
  })

  it('F31 sets of one turn under which the server dies are each told, and when it is back sets are stored', async () => {
    const table = anyTable()
    const backend = make({ table, opTimeout: 400 })
    await backend.table.create()
    const caches = createCaches({ default: { backend } })
    const cache = caches.default
    expect(await cache.set('first', 0)).toBe(true)
    await server().freeze()
    const sets = Array.from({ length: 300 }, (_, i) => cache.set(`key-${i}`, i))
    await server().kill()
    sets.push(...Array.from({ length: 300 }, (_, i) => cache.set(`later-${i}`, i)))
    expect(new Set(await Promise.all(sets))).toEqual(new Set([false]))
    await server().restart()
    // The servers of the tests write late: one that is killed may have lost it.
    const maker = make({ table })
    await maker.table.create()
    await maker.close()
    await expect.poll(() => cache.set('back', 1), { timeout: 8_000, interval: 50 }).toBe(true)
    const more = Array.from({ length: 300 }, (_, i) => cache.set(`key-${i}`, i))
    expect(new Set(await Promise.all(more))).toEqual(new Set([true]))
    expect(await cache.get('key-299')).toBe(299)
    await caches.close()
  })
}
