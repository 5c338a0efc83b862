import { chmodSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { check } from '../../../src/cli/commands/check.ts'
import { stats, tableOf } from '../../../src/cli/commands/stats.ts'
import { loadConfig } from '../../../src/cli/config.ts'
import { ConfigError } from '../../../src/core/errors.ts'
import { file, memory } from '../../../src/index.ts'
import { plainBackend } from '../../core/plain-backend.ts'
import { deadBackend, fakeTerminal, runOver, sharedCaches, site, tableBackend } from '../kit.ts'

interface Finding {
  id: string
  level: string
  alias: string
  message: string
  hint: string
}

let home: string

beforeAll(() => {
  home = mkdtempSync(join(tmpdir(), 'stillwarm-check-'))
})

afterAll(() => rmSync(home, { recursive: true, force: true }))

describe('check', () => {
  it('nothing to mend is exit code 0', async () => {
    const site = sharedCaches({
      default: { backend: file({ directory: join(home, 'own') }) },
      m: { backend: memory() },
    })
    expect(await runOver(site, check)).toMatchObject({ code: 0, out: ['2 caches: nothing to mend'] })
    const { json } = await runOver(site, check, [], { json: true })
    expect(json()).toEqual([])
    await site.close()
  })

  it('CHK-02 a cache directory in a public one is a warning: exit code 0, or 1 at --fail-level warning', async () => {
    const directory = join(home, 'public', 'cache')
    const site = sharedCaches({ default: { backend: file({ directory }) } })
    const publicDirs = [join(home, 'public')]
    const { code, json } = await runOver(site, check, [], { json: true }, { publicDirs })
    expect([code, json<Finding[]>()]).toMatchObject([
      0,
      [{ id: 'caches.W002', level: 'warning', alias: 'default' }],
    ])
    const strict = await runOver(site, check, [], { failLevel: 'warning' }, { publicDirs })
    expect(strict.code).toBe(1)
    expect(strict.out[0]).toMatch(
      /^warning caches\.W002 default: Your 'default' cache .* is inside the public/,
    )
    await expect(runOver(site, check, [], { failLevel: 'loud' })).rejects.toThrow('--fail-level')
    await site.close()
  })

  it('a directory that others may write to is an error, by the code of the refusal', async () => {
    const directory = join(home, 'open')
    mkdirSync(directory)
    chmodSync(directory, 0o777)
    const site = sharedCaches({ default: { backend: file({ directory }) } })
    const { code, json } = await runOver(site, check, [], { json: true })
    expect(code).toBe(1)
    expect(json<Finding[]>()).toMatchObject([
      { id: 'caches.E004', level: 'error', message: expect.stringContaining('UNSAFE_DIRECTORY') },
    ])
    await site.close()
  })

  for (const silent of [false, true]) {
    it(`F94 a server that ${silent ? 'never answers' : 'refuses'} is an error within a second`, async () => {
      const site = sharedCaches({ default: { backend: memory() }, far: { backend: deadBackend({ silent }) } })
      const start = performance.now()
      const { code, json } = await runOver(site, check, [], { json: true })
      expect(performance.now() - start).toBeLessThan(1_000)
      expect(code).toBe(1)
      expect(json<Finding[]>()).toMatchObject([
        { id: 'caches.E005', alias: 'far', message: expect.stringContaining('is unreachable') },
      ])
      await site.close()
    })
  }

  it('a table that is missing or foreign is an error that says what to do', async () => {
    const site = sharedCaches({
      default: { backend: tableBackend('ours').backend },
      gone: { backend: tableBackend('missing').backend },
      theirs: { backend: tableBackend('foreign').backend },
    })
    const { code, json } = await runOver(site, check, [], { json: true })
    expect(code).toBe(1)
    expect(json<Finding[]>()).toMatchObject([
      { id: 'caches.E006', alias: 'gone', hint: 'Make it: stillwarm create-table --cache gone' },
      { id: 'caches.E007', alias: 'theirs' },
    ])
  })

  it('only the caches that are named', async () => {
    const site = sharedCaches({ default: { backend: memory() }, far: { backend: deadBackend() } })
    expect((await runOver(site, check, [], { cache: ['default'] })).code).toBe(0)
  })

  it('a configuration that is refused is a finding; one that is not there is a wrong call', async () => {
    const { terminal, out } = fakeTerminal()
    const failing = (code: string) => ({
      terminal,
      load: () => Promise.reject(new ConfigError(code, '/site/c.js:3: TypeError: unknown option "tll"')),
    })
    expect(await check.run(failing('CONFIG_FAILED'), [], { json: true })).toBe(1)
    expect(JSON.parse(out.join(''))).toMatchObject([
      { id: 'caches.E004', level: 'error', message: expect.stringContaining('unknown option "tll"') },
    ])
    await expect(check.run(failing('CONFIG_NOT_FOUND'), [], {})).rejects.toMatchObject({
      code: 'CONFIG_NOT_FOUND',
    })
  })

  it('CHK-01 a configuration without a default is the finding of checkCaches', async () => {
    const { terminal, out } = fakeTerminal()
    const made = site({
      'stillwarm.config.mjs': `throw Object.assign(new Error('no default'), { code: 'NO_DEFAULT_CACHE' })`,
    })
    expect(await check.run({ terminal, load: () => loadConfig(made.folder) }, [], { json: true })).toBe(1)
    expect(JSON.parse(out.join(''))).toMatchObject([
      {
        id: 'caches.E001',
        level: 'error',
        alias: 'default',
        message: expect.stringContaining("define a 'default' cache"),
      },
    ])
    made.remove()
  })
})

describe('stats', () => {
  it('each cache, its backend and what it holds; one that does not answer is exit code 1', async () => {
    const site = sharedCaches({
      default: { backend: { ...plainBackend(false), size: async () => ({ entries: 3, bytes: 2048 }) } },
      local: { backend: memory() },
      far: { backend: deadBackend() },
    })
    const { code, json } = await runOver(site, stats, [], { json: true })
    expect(code).toBe(1)
    expect(json()).toEqual([
      { cache: 'default', backend: 'plain', state: 'ok', entries: 3, bytes: 2048 },
      { cache: 'local', backend: 'memory', state: 'private' },
      {
        cache: 'far',
        backend: 'far',
        state: 'unreachable',
        reason: 'far (far) is unreachable: connect ECONNREFUSED',
      },
    ])
    expect((await runOver(site, stats, [], { cache: ['default', 'local'] })).code).toBe(0)
  })

  it('a store that takes long to count is there all the same', async () => {
    const size = () => new Promise<never>(() => {})
    const site = sharedCaches({ default: { backend: { ...plainBackend(false), size } } })
    const { code, json } = await runOver(site, stats, [], { json: true, timeout: '50ms' })
    expect(code).toBe(0)
    expect(json()).toEqual([
      {
        cache: 'default',
        backend: 'plain',
        state: 'ok',
        reason: 'default was not counted: counting: no answer within 50 ms',
      },
    ])
  })

  it('in columns', () => {
    expect(
      tableOf([
        { cache: 'default', backend: 'redis', state: 'ok', entries: 1200 },
        { cache: 'a\nb', backend: 'file', state: 'failed', reason: 'why' },
      ]),
    ).toEqual([
      'cache    backend  state   entries  bytes',
      'default  redis    ok      1200     -',
      'a\\nb     file     failed  -        -',
      'why',
    ])
  })
})
