/** The command line itself: what is refused, how it is told, and how it ends. */
import { join } from 'node:path'
import { afterEach, describe, expect, it } from 'vitest'
import { run } from '../../src/cli/program.ts'
import { fakeTerminal, site } from './kit.ts'

const sites: { remove(): void }[] = []

afterEach(() => {
  for (const made of sites.splice(0)) made.remove()
})

const CONFIG = `
const missing = { value: undefined, status: 'missing' }
const cache = {
  alias: 'default',
  inspect: async () => { globalThis.asked = (globalThis.asked ?? 0) + 1; return missing },
  stats: () => ({ backendFailures: 0 }),
  on: () => () => {},
}
export default {
  get: () => cache,
  all: () => [cache],
  close: async () => { globalThis.closed = (globalThis.closed ?? 0) + 1 },
  *[Symbol.iterator]() {},
}`

async function type(line: string, files: Record<string, string> = { 'stillwarm.config.mjs': CONFIG }) {
  const made = site(files)
  sites.push(made)
  const { terminal, out, notes } = fakeTerminal()
  const code = await run(line === '' ? [] : line.split(' '), terminal, made.folder)
  return { code, out: out.join('\n'), notes: notes.join('\n'), folder: made.folder }
}

describe('the command line', () => {
  it('--help has every command and the exit codes, --version the version', async () => {
    const help = await type('--help')
    expect(help.code).toBe(0)
    for (const command of ['check', 'create-table', 'stats', 'get', 'set', 'delete', 'clear', 'cull']) {
      expect(help.out).toMatch(new RegExp(`^  ${command}\\b`, 'm'))
    }
    expect(help.out).toContain('Exit codes: 0 done')
    expect(await type('--version')).toMatchObject({ code: 0, out: expect.stringMatching(/^\d+\.\d+\.\d+$/) })
    for (const help of ['--help', '-h'])
      expect((await type(`get ${help}`)).out).toContain('stillwarm get user:42')
  })

  const wrong: [line: string, says: RegExp][] = [
    ['', /Usage: stillwarm/],
    ['chekc', /Did you mean check\?/],
    ['get', /missing required argument 'key'/],
    ['get a b', /too many arguments/],
    ['get a --cahce x', /Did you mean --cache\?/],
    ['clear user:* --yes', /too many arguments/],
    ['set a', /missing required argument 'value'/],
    ['get a --config nowhere.mjs', /There is no file .*nowhere\.mjs/],
    ['--config nowhere.mjs get a', /There is no file .*nowhere\.mjs/],
    ['set a 1 --version one', /--version must be a whole number/],
  ]
  for (const [line, says] of wrong) {
    it(`exit code 2 and a line on stderr: stillwarm ${line}`, async () => {
      const { code, out, notes } = await type(line)
      expect([code, out]).toEqual([2, ''])
      expect(notes).toMatch(says)
    })
  }

  it('no configuration, or a broken one: one line, exit code 2', async () => {
    const none = await type('get a', { 'package.json': '{}' })
    expect([none.code, none.out]).toEqual([2, ''])
    expect(none.notes).toMatch(/^stillwarm: There is no stillwarm\.config\.js, .*--config$/)
    const broken = await type('get a', { 'stillwarm.config.mjs': "throw new Error('first\\nsecond')" })
    expect(broken.code).toBe(2)
    expect(broken.notes).toBe(`stillwarm: ${join(broken.folder, 'stillwarm.config.mjs')}:1: first`)
  })

  it('the configuration is run only by a command that is well formed, and its caches are closed after it', async () => {
    Reflect.deleteProperty(globalThis, 'closed')
    await type('get a --cahce x')
    await type('get --help')
    expect(Reflect.get(globalThis, 'closed')).toBeUndefined()
    // The cache is no cache of this package; that it was asked says so, and that is told.
    await type('get a')
    expect(Reflect.get(globalThis, 'asked')).toBe(1)
    expect(Reflect.get(globalThis, 'closed')).toBe(1)
  })

  it('caches of another copy of stillwarm are told from none', async () => {
    const { code, notes } = await type('stats')
    expect(code).toBe(2)
    expect(notes).toMatch(/made by another copy of stillwarm/)
  })

  it('caches that never close do not keep it', async () => {
    const start = performance.now()
    const { code } = await type('get a', {
      'stillwarm.config.mjs': CONFIG.replace(/close: .*/, 'close: () => new Promise(() => {}),'),
    })
    expect(code).toBe(2)
    expect(performance.now() - start).toBeLessThan(1_500)
  })
})
