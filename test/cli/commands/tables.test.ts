/** create-table and cull, over a table that is only said to be there. */
import { describe, expect, it } from 'vitest'
import { createTable } from '../../../src/cli/commands/create-table.ts'
import { cull } from '../../../src/cli/commands/cull.ts'
import { memory } from '../../../src/index.ts'
import { plainBackend } from '../../core/plain-backend.ts'
import { runOver, sharedCaches, tableBackend } from '../kit.ts'

describe('create-table', () => {
  it('TBL-01 makes the missing table of every cache that has one, and says so', async () => {
    const { backend, calls } = tableBackend('missing')
    const site = sharedCaches({ default: { backend: memory() }, sessions: { backend } })
    const ran = await runOver(site, createTable)
    expect(ran).toMatchObject({ code: 0, out: ['sessions: table "stillwarm_cache" is created'], notes: [] })
    expect(calls).toEqual(['create'])
  })

  it('TBL-03 twice is as once', async () => {
    const { backend } = tableBackend('ours')
    const { code, out } = await runOver(sharedCaches({ default: { backend } }), createTable)
    expect([code, out]).toEqual([0, ['default: table "stillwarm_cache" exists already']])
  })

  it('TBL-05 --dry-run prints the statements, which a client can run, and asks the database nothing', async () => {
    const { backend, calls } = tableBackend('missing')
    const site = sharedCaches({ default: { backend } })
    const { out } = await runOver(site, createTable, [], { dryRun: true })
    expect(out.join('\n')).toBe(
      'CREATE TABLE "stillwarm_cache" (k text);\nCREATE INDEX i ON "stillwarm_cache" (k);',
    )
    const { json } = await runOver(site, createTable, [], { dryRun: true, json: true })
    expect(json()).toEqual([
      { caches: ['default'], table: '"stillwarm_cache"', statements: backend.table?.statements() },
    ])
    expect(calls).toEqual([])
  })

  it('TBL-09 two caches in one table make it once, two tables are two', async () => {
    const one = tableBackend('missing')
    const two = tableBackend('ours')
    const site = sharedCaches({
      default: { backend: one.backend },
      pages: { backend: one.backend, keyPrefix: 'p' },
      other: { backend: two.backend },
    })
    const { out } = await runOver(site, createTable)
    expect(out).toEqual([
      'default, pages: table "stillwarm_cache" is created',
      'other: table "stillwarm_cache" exists already',
    ])
    expect(one.calls).toEqual(['create'])
  })

  it('TBL-08 where the cache is told never to make tables nothing is asked of that database', async () => {
    const { backend, calls } = tableBackend('missing', { migrates: false })
    const { code, out } = await runOver(sharedCaches({ default: { backend } }), createTable)
    expect([code, out]).toEqual([
      0,
      ['default: table "stillwarm_cache" is not made from here: route.migrate is false'],
    ])
    expect(calls).toEqual(['create'])
  })

  it('a foreign table is left alone, the others are made, and the exit code is 1', async () => {
    const foreign = tableBackend('foreign')
    const missing = tableBackend('missing')
    const site = sharedCaches({ default: { backend: foreign.backend }, other: { backend: missing.backend } })
    const { code, out, notes } = await runOver(site, createTable)
    expect([code, out, notes]).toEqual([
      1,
      ['other: table "stillwarm_cache" is created'],
      ['default (sqlite) failed: has other columns'],
    ])
    const { json } = await runOver(site, createTable, [], { json: true })
    expect(json()).toEqual([
      {
        caches: ['default'],
        table: '"stillwarm_cache"',
        outcome: 'failed',
        reason: 'default (sqlite) failed: has other columns',
      },
      { caches: ['other'], table: '"stillwarm_cache"', outcome: 'exists' },
    ])
  })

  it('TBL-02 only the tables of the caches that are named', async () => {
    const one = tableBackend('missing')
    const two = tableBackend('missing')
    const site = sharedCaches({
      default: { backend: one.backend },
      other: { backend: two.backend },
      none: { backend: memory() },
    })
    await runOver(site, createTable, [], { cache: ['other'] })
    expect([one.calls, two.calls]).toEqual([[], ['create']])
    await expect(runOver(site, createTable, [], { cache: ['nope'] })).rejects.toMatchObject({
      code: 'UNKNOWN_CACHE',
    })
    const { code, notes } = await runOver(site, createTable, [], { cache: ['none'] })
    expect([code, notes]).toEqual([0, ['None of these rests in a table: there is nothing to make']])
  })

  it('F94 a server that never answers is unreachable, within the time it was given', async () => {
    const { backend, table } = tableBackend('missing')
    const never = () => new Promise<never>(() => {})
    const silent = { ...backend, table: { ...table, create: never, state: never } }
    const start = performance.now()
    const { code, notes } = await runOver(sharedCaches({ default: { backend: silent } }), createTable, [], {
      timeout: '100ms',
    })
    expect(code).toBe(1)
    expect(notes[0]).toMatch(/default \(sqlite\) is unreachable/)
    expect(performance.now() - start).toBeLessThan(1_000)
  })

  it('but making it may take longer, while the server answers', async () => {
    const { backend, table } = tableBackend('missing')
    const slow = () => new Promise<'created'>((done) => setTimeout(done, 60, 'created'))
    const { out } = await runOver(
      sharedCaches({ default: { backend: { ...backend, table: { ...table, create: slow } } } }),
      createTable,
      [],
      { timeout: '20ms' },
    )
    expect(out).toEqual(['default: table "stillwarm_cache" is created'])
  })
})

describe('cull', () => {
  it('culls each table once, and prunes what has none', async () => {
    const { backend, calls } = tableBackend('ours')
    const site = sharedCaches({
      default: { backend },
      pages: { backend, keyPrefix: 'p' },
      files: { backend: { ...plainBackend(false), prune: async () => 3 } },
      plain: { backend: plainBackend(false) },
    })
    const { code, out } = await runOver(site, cull)
    expect([code, out]).toEqual([0, ['default, pages: 7 removed', 'files: 3 removed']])
    expect(calls).toEqual(['cull'])
    const { json } = await runOver(site, cull, [], { json: true, cache: ['files'] })
    expect(json()).toEqual([{ caches: ['files'], removed: 3 }])
  })

  it('says why where it fails, and goes on', async () => {
    const { backend, table } = tableBackend('missing')
    const broken = { ...table, cull: () => Promise.reject(new Error('no such table')) }
    const site = sharedCaches({
      default: { backend: { ...backend, table: broken } },
      files: { backend: { ...plainBackend(false), prune: async () => 3 } },
    })
    const { code, out, notes } = await runOver(site, cull)
    expect([code, out, notes]).toEqual([1, ['files: 3 removed'], ['default (sqlite) failed: no such table']])
  })
})
