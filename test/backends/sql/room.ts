/** Who goes when there is no room. */
import { expect, it } from 'vitest'
import type { SqlBackend } from '../../../src/backends/sql/sql.ts'
import type { Host } from '../../../src/core/backend.ts'
import { makeSpace } from '../../../src/core/values/space.ts'
import { fakeClock } from '../../../src/testing/index.ts'
import { anyTable, type Setting, what } from './setting.ts'

const space = makeSpace('p', 1)

export function roomSuite({ make, ask, quote }: Setting): void {
  async function limited(maxEntries: number, cullFrequency?: number, table = anyTable()) {
    const clock = fakeClock()
    const told: string[] = []
    const host: Host = {
      clock,
      evicted: (_, why) => void told.push(why),
      corrupt() {},
      failed: (verb, e) => void told.push(`${verb} ${e}`),
    }
    const backend = make({ table, maxEntries, ...(cullFrequency !== undefined && { cullFrequency }) })
    await backend.table.create()
    backend.open(host)
    return { backend, clock, told, table, later: clock.now() + 60_000 }
  }
  const entries = async (backend: SqlBackend) => (await backend.size()).entries
  const many = (from: number, count: number) =>
    new Map(Array.from({ length: count }, (_, i) => [`key${from + i}`, what(`${from + i}`)]))

  it.each([
    [3, 29],
    [0, 18],
  ])('DB-11 30 entries and a frequency of %i leave %i after 49 sets', async (frequency, left) => {
    const { backend, later } = await limited(30, frequency)
    for (let i = 1; i <= 49; i++) {
      await backend.set(space, `key${i}`, what(`${i}`), later)
      expect(await entries(backend)).toBeLessThanOrEqual(33)
    }
    expect(await entries(backend)).toBe(left)
    await backend.close()
  })

  it.each([
    [30, 3],
    [30, 0],
    [30, undefined],
    [0, undefined],
    [1_000, undefined],
    [2_000, undefined],
  ])(
    'F33 setMany of three times %i entries (frequency %s) leaves no more than the limit, the last among them',
    async (max, frequency) => {
      const { backend, later } = await limited(max, frequency)
      const count = Math.max(5, 3 * max)
      expect(await backend.setMany(space, many(0, count), later)).toEqual([])
      expect(await entries(backend)).toBeLessThanOrEqual(Math.max(max + 1, max * 1.04))
      expect(await backend.get(space, `key${count - 1}`)).toEqual(what(`${count - 1}`))
      await backend.close()
    },
  )

  it('DB-10 a small cache that is full loses what is over first, and only then what lives', async () => {
    const { backend, clock, later } = await limited(30, 3)
    await backend.setMany(space, many(0, 10), clock.now() + 1_000)
    await backend.setMany(space, many(10, 21), later)
    clock.advance(1_000)
    await backend.set(space, 'new', what('1'), later)
    expect(await entries(backend)).toBe(22)
    expect((await backend.getMany(space, [...many(10, 21).keys()])).size).toBe(21)
    await backend.close()
  })

  it('CUL-01 with no room at all the newest is stored', async () => {
    const { backend, later } = await limited(-1)
    expect(await backend.set(space, 'a', what('1'), later)).toBe(true)
    expect(await backend.get(space, 'a')).toEqual(what('1'))
    await backend.close()
  })

  it('F33 F34 two that fill a large cache at once leave 90 to 110 %, the newest stay, and nobody was disturbed', async () => {
    const max = 2_000
    const one = await limited(max)
    const two = await limited(max, undefined, one.table)
    let most = 0
    for (let i = 0; i < 3_000; i += 50) {
      await Promise.all([
        one.backend.setMany(space, many(i, 50), one.later),
        two.backend.setMany(makeSpace('q', 1), many(i, 50), two.later),
      ])
      one.clock.advance(1)
      two.clock.advance(1)
      most = Math.max(most, await entries(one.backend))
    }
    await expect.poll(() => entries(one.backend), { timeout: 5_000 }).toBeLessThanOrEqual(max)
    expect(most).toBeLessThanOrEqual(max * 1.1)
    expect(await entries(one.backend)).toBeGreaterThanOrEqual(max * 0.9)
    expect(await one.backend.get(space, 'key2999')).toEqual(what('2999'))
    expect(await one.backend.get(space, 'key1')).toBeUndefined()
    expect([...one.told, ...two.told].every((why) => why === 'room')).toBe(true)
    await Promise.all([one.backend.close(), two.backend.close()])
  })

  it('F33 many who store in bursts are never a tenth above the limit', async () => {
    const max = 4_000
    const first = await limited(max)
    const others = await Promise.all(Array.from({ length: 3 }, () => limited(max, undefined, first.table)))
    let most = 0
    let over = false
    const watch = (async () => {
      while (!over) {
        most = Math.max(most, await entries(first.backend))
        await new Promise((resolve) => setTimeout(resolve, 5))
      }
    })()
    await Promise.all(
      [first, ...others].map(async ({ backend, later, clock }, who) => {
        for (let i = 0; i < 4_000; i += 400) {
          await backend.setMany(makeSpace(`w${who}`, 1), many(i, 400), later)
          clock.advance(1)
        }
      }),
    )
    over = true
    await watch
    expect(most).toBeGreaterThan(max * 0.9)
    expect(most).toBeLessThanOrEqual(max * 1.1)
    await Promise.all([first, ...others].map(({ backend }) => backend.close()))
  })

  it('F33 while nobody makes room what has none is refused, its older value is gone, and what was there stays', async () => {
    const max = 2_000
    const { backend, later, table, clock } = await limited(max)
    await backend.setMany(space, many(0, 1_500), later)
    const held = `UPDATE ${quote(table)} SET claim = 'another', claim_until = ${Math.floor(clock.now()) + 10 ** 9} WHERE expires = -1`
    await expect
      .poll(async () =>
        Number(
          (
            await ask(`SELECT count(*) FROM ${quote(table)} WHERE expires = -1 AND number IS NOT NULL`)
          )[0]![0],
        ),
      )
      .toBe(1)
    await ask(held)
    const stored = await Promise.all(
      [...many(1_000, 1_200)].map(
        async ([key, value]) => [key, await backend.set(space, key, value, later)] as const,
      ),
    )
    const refused = stored.filter(([, kept]) => !kept).map(([key]) => key)
    expect(refused.length).toBeGreaterThan(0)
    expect(await backend.getMany(space, refused)).toEqual(new Map())
    expect(await backend.get(space, 'key1')).toEqual(what('1'))
    expect(await entries(backend)).toBeLessThanOrEqual(max * 1.1)
    await backend.close()
  })

  it('by hand: what is over goes first, then the least recently stored, and a claim stays', async () => {
    const { backend, clock, later } = await limited(2_000)
    await backend.setMany(space, many(0, 500), clock.now() + 1_000)
    clock.advance(2_000)
    const { token } = await backend.claim(space, 'claimed', 50_000)
    await backend.setMany(space, many(1_000, 1_990), later)
    await backend.table.cull()
    // What is taken and not stored yet may count as there: it may have begun by itself, behind.
    expect(await entries(backend)).toBeGreaterThanOrEqual(1_900)
    expect(await entries(backend)).toBeLessThanOrEqual(1_990)
    clock.advance(1)
    await backend.setMany(space, many(4_000, 60), later)
    await backend.table.cull()
    expect(await entries(backend)).toBeGreaterThanOrEqual(1_900)
    expect(await entries(backend)).toBeLessThanOrEqual(2_000)
    expect((await backend.getMany(space, [...many(4_000, 60).keys()])).size).toBe(60)
    expect(await backend.fill(space, 'claimed', token!, what('made'), later)).toBe(true)
    await backend.close()
  })
}
