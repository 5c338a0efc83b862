/** The command over a real database: SQLite in a file, in which somebody has a table of their own. */
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { site } from './kit.ts'
import { run } from './process.ts'

let shop: ReturnType<typeof site>

beforeAll(() => {
  shop = site({
    'stillwarm.config.mjs': `
      import { createCaches } from 'stillwarm'
      import { sqlite } from 'stillwarm/backends/sql'
      const path = new URL('./data/shop.db', import.meta.url)
      export default createCaches({
        default: { backend: sqlite({ path, maxEntries: 10 }) },
        sessions: { backend: sqlite({ path, table: 'sessions' }) },
        by_hand: { backend: sqlite({ path, table: 'by hand', route: { migrate: false } }) },
      })`,
    'theirs.mjs': `
      import { createCaches } from 'stillwarm'
      import { sqlite } from 'stillwarm/backends/sql'
      const path = new URL('./data/shop.db', import.meta.url)
      export default createCaches({ default: { backend: sqlite({ path, table: 'sqlite_stat1' }) } })`,
  })
  mkdirSync(join(shop.folder, 'data'), { mode: 0o700 })
})

afterAll(() => shop.remove())

const type = (line: string) => run(line.split(' '), shop.folder)

it('TBL-05 a dry run is statements, and makes no database', async () => {
  const { code, stdout } = await type('create-table --cache sessions --dry-run')
  expect(code).toBe(0)
  expect(stdout).toMatch(/^CREATE TABLE [^;]*"sessions"[^;]*;\nCREATE INDEX /)
  expect((await type('get k --cache by_hand')).code).not.toBe(0)
})

it('TBL-01 check names the missing table and the command, which makes it, twice as once', async () => {
  await type('set k 1')
  const before = await type('check --json')
  expect(before.code).toBe(1)
  expect(JSON.parse(before.stdout)).toMatchObject([
    { id: 'caches.E006', alias: 'sessions', hint: expect.stringContaining('create-table --cache sessions') },
    { id: 'caches.E006', alias: 'by_hand' },
  ])
  const made = await type('create-table --json')
  expect(made.code).toBe(0)
  expect(JSON.parse(made.stdout)).toMatchObject([
    { caches: ['default'], outcome: 'exists' },
    { caches: ['sessions'], outcome: 'created' },
    { caches: ['by_hand'], outcome: 'unrouted' },
  ])
  expect((await type('create-table --cache sessions')).stdout).toBe(
    'sessions: table "sessions" exists already\n',
  )
  expect((await type('check --cache default sessions')).stdout).toBe('2 caches: nothing to mend\n')
})

it('F38 a missing table in use is one line that names the command', async () => {
  const { code, stderr } = await type('get k --cache by_hand')
  expect(code).not.toBe(0)
  expect(stderr).toMatch(/^stillwarm: .*"by hand".*stillwarm create-table.*\n$/)
})

it('values are kept, counted, culled and cleared', async () => {
  await type('set a {"n":1} --ttl 1h')
  await type('set b 2 --ttl 1ms')
  expect((await type('get a')).stdout).toBe('{\n  "n": 1\n}\n')
  expect((await type('get a --cache sessions')).code).toBe(1)
  expect((await type('cull --cache default')).stdout).toBe('default: 1 removed\n')
  const stats = await type('stats --cache default --json')
  expect(JSON.parse(stats.stdout)).toEqual([{ cache: 'default', backend: 'sqlite', state: 'ok', entries: 2 }])
  expect((await type('clear --yes')).stdout).toMatch(
    /^Removed all keys of default \(sqlite, which held 2 entries\)/,
  )
  expect((await type('get a')).code).toBe(1)
})
