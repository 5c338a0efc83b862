/** The table: made by hand, told from others, quoted. */
import { expect, it } from 'vitest'
import { makeSpace } from '../../../src/core/values/space.ts'
import { createCaches } from '../../../src/index.ts'
import { anyTable, later, type Setting, what } from './setting.ts'

export function tableSuite({ make, ask, quote }: Setting): void {
  it('TBL-02 TBL-03 create makes it once, and again is no fault', async () => {
    const backend = make({ table: anyTable() })
    expect(await backend.table.state()).toBe('missing')
    expect(await backend.table.create()).toBe('created')
    expect(await backend.table.state()).toBe('ours')
    expect(await backend.table.create()).toBe('exists')
    await backend.close()
  })

  it('TBL-05 its statements begin with CREATE TABLE, connect nobody, and make the table', async () => {
    const backend = make({ table: anyTable() })
    const [first, ...rest] = backend.table.statements()
    expect(first).toMatch(/^CREATE TABLE /)
    for (const text of [first!, ...rest]) await ask(text)
    expect(await backend.table.state()).toBe('ours')
    await backend.close()
  })

  it('of several who make it at once each is content', async () => {
    const table = anyTable()
    const backends = Array.from({ length: 4 }, () => make({ table }))
    const made = await Promise.all(backends.map((backend) => backend.table.create()))
    expect(made).toContain('created')
    expect(made.every((one) => one === 'created' || one === 'exists')).toBe(true)
    for (const backend of backends) await backend.close()
  })

  it('a table with other columns is refused, and left as it is', async () => {
    const table = anyTable()
    await ask(`CREATE TABLE ${quote(table)} (cache_key int, value int)`)
    await ask(`INSERT INTO ${quote(table)} VALUES (1, 2)`)
    const backend = make({ table })
    expect(await backend.table.state()).toBe('foreign')
    await expect(backend.table.create()).rejects.toMatchObject({ code: 'FOREIGN_TABLE' })
    expect((await ask(`SELECT * FROM ${quote(table)}`)).map((row) => row.map(Number))).toEqual([[1, 2]])
    await backend.close()
  })

  it('a table with our columns in which cache_key is no key by itself is refused, with the reason', async () => {
    const table = anyTable()
    const backend = make({ table })
    await ask(backend.table.statements()[0]!.replace(' PRIMARY KEY', ''))
    const isRefused = async () => {
      expect(await backend.table.state()).toBe('foreign')
      await expect(backend.table.create()).rejects.toMatchObject({
        code: 'FOREIGN_TABLE',
        message: expect.stringContaining('without a primary or unique key on cache_key alone'),
      })
    }
    await isRefused()
    await ask(`CREATE INDEX plain_${table} ON ${quote(table)} (cache_key)`)
    await ask(`CREATE UNIQUE INDEX both_${table} ON ${quote(table)} (cache_key, expires)`)
    await isRefused()
    await ask(`CREATE UNIQUE INDEX key_${table} ON ${quote(table)} (cache_key)`)
    expect(await backend.table.state()).toBe('ours')
    expect(await backend.table.create()).toBe('exists')
    await backend.close()
  })

  it('TBL-08 a cache that is told never to make tables makes none', async () => {
    const table = anyTable()
    const backend = make({ table, route: { migrate: false } })
    expect(await backend.table.create()).toBe('unrouted')
    expect(await backend.table.state()).toBe('missing')
    expect(backend.table.routed).toBe(false)
    await expect((async () => backend.get(makeSpace('p', 1), 'a'))()).rejects.toThrow(
      /route\.migrate is false.*--dry-run/,
    )
    await backend.close()
  })

  it('F38 a missing table is one error that names the command; then misses, until it is there', async () => {
    const table = anyTable()
    const caches = createCaches({ default: { backend: make({ table }) } })
    const cache = caches.default
    await expect(cache.get('a')).rejects.toMatchObject({
      code: 'MISSING_TABLE',
      message: expect.stringContaining('stillwarm create-table'),
    })
    expect(await cache.get('a')).toBeUndefined()
    expect(await cache.getMany(['b'])).toEqual(new Map())
    expect(await cache.add('c', 1)).toBe(false)
    const maker = make({ table })
    await maker.table.create()
    await maker.close()
    expect(await cache.add('c', 1)).toBe(true)
    expect(await cache.get('c')).toBe(1)
    await caches.close()
  })

  it("A98 DB-01 a table's name is quoted: spaces, quotes and statements are part of it", async () => {
    const space = makeSpace('p', 1)
    for (const table of ['a b', 'Ünï', 'x"; DROP TABLE y; --', "it's", 'back`tick', 'select']) {
      const backend = make({ table })
      await backend.table.create()
      await backend.set(space, 'k', what(table), later())
      expect(await backend.get(space, 'k')).toEqual(what(table))
      expect(await backend.size()).toEqual({ entries: 1 })
      await backend.clear('everything')
      await backend.close()
    }
  })

  it('DB-14 F39 ends rest as milliseconds since 1970, numbers apart from bytes, and a claim is no entry', async () => {
    const table = anyTable()
    const backend = make({ table })
    await backend.table.create()
    const space = makeSpace('p', 1)
    const end = Math.floor(later())
    await backend.set(space, 'a', what('1'), end)
    await backend.set(space, 'n', Buffer.from('41'), Number.POSITIVE_INFINITY)
    const { token } = await backend.claim(space, 'c', 60_000)
    const rows = await ask(`SELECT number, expires FROM ${quote(table)} WHERE expires > 0 ORDER BY expires`)
    expect(rows.map((row) => row.map((value) => (value === null ? null : Number(value))))).toEqual([
      [null, end],
      [41, Number.MAX_SAFE_INTEGER],
    ])
    expect(await backend.size()).toEqual({ entries: 2 })
    await backend.release(space, 'c', token!)
    expect(Number((await ask(`SELECT count(*) FROM ${quote(table)}`))[0]![0])).toBe(2)
    await backend.close()
  })

  it('long keys that differ only at their end are two, and clear finds them by their prefix', async () => {
    const backend = make({ table: anyTable() })
    await backend.table.create()
    const space = makeSpace('p', 1)
    const long = [
      'k'.repeat(10_000),
      `${'k'.repeat(9_999)}K`,
      `${'k'.repeat(9_999)} `,
      '😀'.repeat(3_000),
      'k'.repeat(990),
    ]
    for (const key of long) await backend.set(space, key, what(key.slice(-3)), later())
    for (const key of long) expect(await backend.get(space, key)).toEqual(what(key.slice(-3)))
    await backend.clear(space)
    expect(await backend.size()).toEqual({ entries: 0 })
    await backend.close()
  })
}
