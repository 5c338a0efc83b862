/** A file that several processes share: busy, deleted, somebody's own, in a transaction. */
import { chmodSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { sqlite } from '../../../src/backends/sql/sql.ts'
import { makeSpace } from '../../../src/core/values/space.ts'
import { checkCaches, createCaches } from '../../../src/index.ts'
import { builtSources } from '../../built.ts'
import { fleetSuite } from './fleet.ts'
import { everyVerb } from './pools.ts'
import { later, type Setting, what } from './setting.ts'
import { ask, DRIVERS, oddHandle, watched } from './sqlite-drivers.ts'

const space = makeSpace('p', 1)

describe.each(DRIVERS)('$name', ({ name: driver, open }) => {
  const home = mkdtempSync(join(tmpdir(), 'stillwarm-sqlite-file-'))
  afterAll(() => rmSync(home, { recursive: true, force: true }))

  it('outlives the process, in WAL, in a file of its user alone', async () => {
    const path = join(home, 'lasting.db')
    const first = sqlite({ path, driver })
    await first.set(space, 'a', what('1'), later())
    await first.close()
    const second = sqlite({ path, driver })
    expect(await second.get(space, 'a')).toEqual(what('1'))
    await second.close()
    expect(statSync(path).mode & 0o777).toBe(0o600)
    const own = open(path)
    expect(ask(own, 'PRAGMA journal_mode')).toEqual([['wal']])
    own.close()
  })

  it('a file that any user may write to is refused, unless it is forced', async () => {
    const path = join(home, 'open.db')
    const maker = sqlite({ path, driver })
    await maker.set(space, 'a', what('1'), later())
    await maker.close()
    chmodSync(path, 0o666)
    const refused = sqlite({ path, driver })
    await expect(refused.get(space, 'a')).rejects.toMatchObject({ code: 'UNSAFE_DIRECTORY' })
    await refused.close()
    const forced = sqlite({ path, driver, force: true })
    expect(await forced.get(space, 'a')).toEqual(what('1'))
    await forced.close()
  })

  it('F37 another who writes for long is waited for 250 ms; then it is a miss, and after it all is well', async () => {
    const path = join(home, 'busy.db')
    const caches = createCaches({ default: { backend: sqlite({ path, driver }) } })
    const cache = caches.default
    await cache.set('a', 1)
    const other = open(path)
    other.exec('BEGIN IMMEDIATE')
    const began = performance.now()
    let turns = 0
    const loop = setInterval(() => turns++, 10)
    expect(await cache.set('a', 2)).toBe(false)
    clearInterval(loop)
    expect(performance.now() - began).toBeGreaterThan(200)
    expect(turns).toBeGreaterThan(3)
    expect(await cache.get('a')).toBe(1)
    const late = cache.set('a', 3)
    other.exec('COMMIT')
    expect(await late).toBe(true)
    expect(await cache.get('a')).toBe(3)
    other.close()
    await caches.close()
  })

  it("F37 a handle of the user's that waits by itself waits once; one that does not is waited for 250 ms", async () => {
    const path = join(home, 'waits.db')
    const [handle, other] = [open(path), open(path)]
    handle.exec('PRAGMA journal_mode = WAL')
    const caches = createCaches({ default: { backend: sqlite({ handle }) } })
    await sqlite({ handle }).table.create()
    other.exec('BEGIN IMMEDIATE')
    for (const timeout of [400, 0]) {
      handle.exec(`PRAGMA busy_timeout = ${timeout}`)
      const began = performance.now()
      expect(await caches.default.set('a', 1)).toBe(false)
      expect(performance.now() - began).toBeGreaterThan(200)
      expect(performance.now() - began).toBeLessThan(2 * 400 + 200)
    }
    other.exec('COMMIT')
    expect(await caches.default.set('a', 1)).toBe(true)
    await caches.close()
    for (const one of [handle, other]) one.close()
  })

  it('F37 a file that was deleted is made again within a second', async () => {
    const path = join(home, 'gone.db')
    const caches = createCaches({ default: { backend: sqlite({ path, driver }) } })
    await caches.default.set('a', 1)
    for (const end of ['', '-wal', '-shm']) rmSync(path + end, { force: true })
    const written = async () =>
      (await caches.default.set('b', 2)) && statSync(path, { throwIfNoEntry: false }) !== undefined
    await expect.poll(written, { timeout: 1_000, interval: 20 }).toBe(true)
    expect(await caches.default.get('b')).toBe(2)
    await caches.close()
  })

  it('F37 a database that cannot be written to, or whose disk is full, still reads: false, and told with its code', async () => {
    const path = join(home, 'full.db')
    const handle = open(path)
    const caches = createCaches({ default: { backend: sqlite({ handle }) } })
    const cache = caches.default
    await sqlite({ handle }).table.create()
    await cache.set('a', 'small')
    const codes: unknown[] = []
    cache.on('backend-failed', ({ error }) => codes.push((error as { code: string }).code))
    const [[pages]] = ask(handle, 'PRAGMA page_count') as [[number]]
    handle.exec(`PRAGMA max_page_count = ${pages}`)
    expect(await cache.set('b', 'x'.repeat(100_000))).toBe(false)
    expect(await cache.setMany({ c: 'x'.repeat(100_000), d: 1 })).toEqual(['c', 'd'])
    expect(await cache.getMany(['a', 'b', 'c', 'd'])).toEqual(new Map([['a', 'small']]))
    handle.exec('PRAGMA max_page_count = 1000000')
    expect(await cache.set('b', 'x'.repeat(100_000))).toBe(true)
    handle.exec('PRAGMA query_only = on')
    expect(await cache.set('a', 2)).toBe(false)
    expect(await cache.delete('a')).toBe(false)
    expect(await cache.incr('n', 1, { initial: 0 })).toBeUndefined()
    expect(await cache.getOrSet('e', () => 'made')).toBe('made')
    expect(await cache.get('a')).toBe('small')
    expect(new Set(codes)).toEqual(new Set(['SQLITE_FULL', 'SQLITE_READONLY']))
    await caches.close()
    handle.close()
  })

  it('F37 a file in a directory that is not there, or that is none of SQLite, is a miss, told with its code', async () => {
    const strange = join(home, 'strange.db')
    writeFileSync(
      strange,
      'no database at all, but a text of some length, longer than a page head of 100 bytes would be, surely',
      { mode: 0o600 },
    )
    for (const [path, code] of [
      [join(home, 'nowhere', 'cache.db'), /CANTOPEN/],
      [strange, /NOTADB/],
    ] as const) {
      const caches = createCaches({ default: { backend: sqlite({ path, driver }) } })
      const codes: string[] = []
      caches.default.on('backend-failed', ({ error }) => codes.push((error as { code: string }).code))
      expect(await caches.default.get('a')).toBeUndefined()
      expect(await caches.default.set('a', 1)).toBe(false)
      expect(await caches.default.getOrSet('a', () => 'made')).toBe('made')
      expect(codes.join()).toMatch(code)
      await caches.close()
    }
  })

  it('CHK-02 a file inside a folder that a web server shows is worth a warning, and no other', () => {
    const warned = (path: string) =>
      checkCaches({ default: { backend: sqlite({ path, driver }) } }, { publicDirs: [join(home, 'public')] })
    expect(warned(join(home, 'public', 'data', 'cache.db'))).toMatchObject([
      {
        id: 'caches.W002',
        alias: 'default',
        message: expect.stringContaining('is inside the public directory'),
      },
    ])
    expect(warned(join(home, 'cache.db'))).toEqual([])
    expect(warned(':memory:')).toEqual([])
  })

  it('TBL-01 a database that is not there yet is made with its table, and that is told', async () => {
    const backend = sqlite({ path: join(home, 'fresh.db'), driver })
    const caches = createCaches({ default: { backend } })
    expect(await backend.table.create()).toBe('created')
    expect(await backend.table.create()).toBe('exists')
    await caches.close()
  })

  it('TBL-06 a table that cannot be made is told with the words of the database', async () => {
    const backend = sqlite({ path: ':memory:', driver, table: 'sqlite_cache' })
    await expect(backend.table.create()).rejects.toMatchObject({
      code: 'SQLITE_ERROR',
      message: 'SQLite: SQLITE_ERROR object name reserved for internal use: sqlite_cache',
    })
    await backend.close()
  })

  it('DB-03 DB-04 DB-12 what a verb takes: one statement, and a cull counts once', async () => {
    const seen: string[] = []
    const handle = watched(open(join(home, 'counted.db')), seen)
    const backend = sqlite({ handle, maxEntries: 30, cullFrequency: 3 })
    await backend.table.create()
    await backend.setMany(space, new Map(Array.from({ length: 31 }, (_, i) => [`k${i}`, what('1')])), later())
    const during = async (act: () => unknown) => {
      seen.length = 0
      await act()
      return seen.map((text) => text.split(' ')[0]).join(' ')
    }
    expect(await during(() => backend.get(space, 'k30'))).toBe('SELECT')
    expect(await during(() => backend.has(space, 'k30'))).toBe('SELECT')
    expect(await during(() => backend.getMany(space, ['k28', 'k29', 'k30', 'k31']))).toBe('SELECT')
    expect(await during(() => backend.touch(space, 'k30', later()))).toBe('UPDATE')
    expect(await during(() => backend.set(space, 'new', what('1'), later()))).toBe(
      'SELECT DELETE DELETE INSERT',
    )
    expect(await during(() => backend.deleteMany(space, ['k28', 'k29', 'k31']))).toBe('DELETE')
    handle.close()
  })

  it("what is set on the user's handle for his own statements touches nothing of ours", async () => {
    const handle = oddHandle(driver, join(home, 'odd.db'))
    await everyVerb(sqlite({ handle }))
    handle.close()
  })

  it("F36 the user's handle is refused while a transaction is open on it, and is never closed", async () => {
    const handle = open(join(home, 'own.db'))
    const backend = sqlite({ handle, table: 'own cache' })
    const caches = createCaches({ default: { backend } })
    const cache = caches.default
    await backend.table.create()
    expect(await cache.set('a', 1)).toBe(true)
    handle.exec('BEGIN')
    await expect(cache.set('a', 2)).rejects.toMatchObject({ code: 'IN_TRANSACTION' })
    await expect(cache.get('a')).rejects.toMatchObject({ code: 'IN_TRANSACTION' })
    handle.exec('ROLLBACK')
    expect(await cache.get('a')).toBe(1)
    await caches.close()
    expect(ask(handle, 'SELECT 1')).toEqual([[1]])
    handle.close()
  })

  describe('several processes', () => {
    const path = join(home, 'fleet.db')
    const setting: Setting = {
      make: (options) => sqlite({ path, driver, ...options }),
      ask: () => [],
      quote: String,
    }
    fleetSuite(setting, () => ({ path, driver }), builtSources())
  })
})
