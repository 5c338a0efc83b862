/** What is promised of calls that are made in one turn: they share a statement, and nobody can tell. */
import { expect, it } from 'vitest'
import { makeSpace } from '../../../src/core/values/space.ts'
import { anyTable, later, type ServerSetting, what } from './setting.ts'

export function turnSuite({ make, ask, quote }: ServerSetting): void {
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
    const keys = Array.from({ length: 500 }, (_, i) => `key ${i % 400}`)
    const sets = keys.map((key, i) => backend.set(space, key, i % 50 === 0 ? large : what(key), later()))
    expect(new Set(await Promise.all(sets))).toEqual(new Set([true]))
    expect(await backend.size?.()).toEqual({ entries: 400 })
    await backend.close()
  })
}
