/** The commands over a real database: SQLite in a file. Each has caches of its own, as each process has. */
import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { sqlite } from '../../src/backends/sql/sql.ts'
import type { Command, Options } from '../../src/cli/command.ts'
import { check } from '../../src/cli/commands/check.ts'
import { clear } from '../../src/cli/commands/clear.ts'
import { createTable } from '../../src/cli/commands/create-table.ts'
import { cull } from '../../src/cli/commands/cull.ts'
import { get } from '../../src/cli/commands/get.ts'
import { set } from '../../src/cli/commands/set.ts'
import { stats } from '../../src/cli/commands/stats.ts'
import { runOver, sharedCaches } from './kit.ts'

let folder: string

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'stillwarm-cli-'))
})

afterAll(() => rmSync(folder, { recursive: true, force: true }))

const path = () => join(folder, 'shop.db')

async function type(command: Command, args: string[] = [], options: Options = {}) {
  const caches = sharedCaches({
    default: { backend: sqlite({ path: path() }) },
    sessions: { backend: sqlite({ path: path(), table: 'sessions' }) },
    by_hand: { backend: sqlite({ path: path(), table: 'by hand', route: { migrate: false } }) },
  })
  try {
    return await runOver(caches, command, args, options)
  } finally {
    await caches.close()
  }
}

it('TBL-05 a dry run is statements, and makes no database', async () => {
  const { code, out } = await type(createTable, [], { dryRun: true, cache: ['sessions'] })
  expect(code).toBe(0)
  expect(out.join('\n')).toMatch(/^CREATE TABLE [^;]*"sessions"[^;]*;\nCREATE INDEX /)
  expect(existsSync(path())).toBe(false)
})

it('TBL-01 check names the missing table and the command, which makes it, twice as once', async () => {
  await type(set, ['k', '1'])
  const before = await type(check, [], { json: true })
  expect(before.code).toBe(1)
  expect(before.json()).toMatchObject([
    { id: 'caches.E006', alias: 'sessions', hint: expect.stringContaining('create-table --cache sessions') },
    { id: 'caches.E006', alias: 'by_hand' },
  ])
  const made = await type(createTable, [], { json: true })
  expect(made.code).toBe(0)
  expect(made.json()).toMatchObject([
    { caches: ['default'], outcome: 'exists' },
    { caches: ['sessions'], outcome: 'created' },
    { caches: ['by_hand'], outcome: 'unrouted' },
  ])
  const again = await type(createTable, [], { cache: ['sessions'] })
  expect(again.out).toEqual(['sessions: table "sessions" exists already'])
  expect((await type(check, [], { cache: ['default', 'sessions'] })).out).toEqual([
    '2 caches: nothing to mend',
  ])
})

it('F38 a missing table in use is one error that names the command', async () => {
  await expect(type(get, ['k'], { cache: 'by_hand' })).rejects.toThrow(/"by hand".*stillwarm create-table/)
  const culled = await type(cull, [], { cache: ['by_hand'] })
  expect([culled.code, culled.notes.join()]).toEqual([
    1,
    expect.stringMatching(/"by hand".*stillwarm create-table/),
  ])
})

it('values are kept, counted, culled and cleared', async () => {
  await type(set, ['a', '{"n":1}'], { ttl: '1h' })
  await type(set, ['b', '2'], { ttl: '1ms' })
  expect((await type(get, ['a'])).out).toEqual(['{\n  "n": 1\n}'])
  expect((await type(get, ['a'], { cache: 'sessions' })).code).toBe(1)
  expect((await type(cull, [], { cache: ['default'] })).out).toEqual(['default: 1 removed'])
  const counted = await type(stats, [], { cache: ['default'], json: true })
  expect(counted.json()).toEqual([{ cache: 'default', backend: 'sqlite', state: 'ok', entries: 2 }])
  const cleared = await type(clear, [], { yes: true })
  expect(cleared.out).toEqual(['Removed all keys of default (sqlite)'])
  expect((await type(get, ['a'])).code).toBe(1)
})
