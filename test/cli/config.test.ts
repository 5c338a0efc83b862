import { chmodSync, mkdirSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { afterEach, describe, expect, it } from 'vitest'
import { findConfig, loadConfig, placeOf, untrusted } from '../../src/cli/config.ts'
import { site } from './kit.ts'

const sites: { remove(): void }[] = []

function folderOf(files: Record<string, string>): string {
  const made = site(files)
  sites.push(made)
  return made.folder
}

afterEach(() => {
  for (const made of sites.splice(0)) made.remove()
})

const REGISTRY = '{ get() {}, all: () => [], async close() {}, *[Symbol.iterator]() {} }'
const SOUND = `export default ${REGISTRY}`

describe('finding the configuration', () => {
  it('it is the nearest upwards, the first of .js, .mjs and .ts', () => {
    const folder = folderOf({ 'stillwarm.config.mjs': '', 'stillwarm.config.ts': '', 'a/b/c.txt': '' })
    expect(findConfig(join(folder, 'a/b'))).toBe(join(folder, 'stillwarm.config.mjs'))
    writeFileSync(join(folder, 'stillwarm.config.js'), '')
    expect(findConfig(folder)).toBe(join(folder, 'stillwarm.config.js'))
    writeFileSync(join(folder, 'a/stillwarm.config.ts'), '')
    expect(findConfig(join(folder, 'a/b'))).toBe(join(folder, 'a/stillwarm.config.ts'))
  })

  it("A102 not above the project's root: that one is somebody else's", () => {
    const folder = folderOf({ 'stillwarm.config.js': '', 'shop/package.json': '{}', 'shop/src/a.txt': '' })
    expect(() => findConfig(join(folder, 'shop/src'))).toThrow(
      expect.objectContaining({ code: 'CONFIG_NOT_FOUND', message: expect.stringContaining('--config') }),
    )
  })

  it('A102 not one that another user owns or could have written', () => {
    expect(untrusted({ uid: 1000, mode: 0o100644 }, 1000)).toBeUndefined()
    expect(untrusted({ uid: 0, mode: 0o100644 }, 1000)).toBeUndefined()
    expect(untrusted({ uid: 1001, mode: 0o100600 }, 1000)).toMatch(/another user/)
    expect(untrusted({ uid: 1001, mode: 0o100600 }, 0)).toMatch(/another user/)
    expect(untrusted({ uid: 1000, mode: 0o100666 }, 1000)).toMatch(/every user/)
    expect(untrusted({ uid: 0, mode: 0o41777 }, 1000)).toBeUndefined()
    expect(untrusted({ uid: 0, mode: 0o100666 }, undefined)).toBeUndefined()
  })

  it('A102 it is refused before it runs, and runs when it is named', async () => {
    const folder = folderOf({
      'stillwarm.config.mjs': `globalThis.ran = (globalThis.ran ?? 0) + 1\n${SOUND}`,
    })
    const ran = () => Reflect.get(globalThis, 'ran')
    chmodSync(join(folder, 'stillwarm.config.mjs'), 0o666)
    await expect(loadConfig(folder)).rejects.toMatchObject({ code: 'CONFIG_UNTRUSTED' })
    chmodSync(join(folder, 'stillwarm.config.mjs'), 0o644)
    chmodSync(folder, 0o777)
    await expect(loadConfig(folder)).rejects.toMatchObject({ code: 'CONFIG_UNTRUSTED' })
    expect(ran()).toBeUndefined()
    await loadConfig(dirname(folder), join(folder, 'stillwarm.config.mjs'))
    expect(ran()).toBe(1)
  })

  it('one that is named is there, or the message names it', async () => {
    await expect(loadConfig('/nowhere', 'my.config.js')).rejects.toMatchObject({
      code: 'CONFIG_NOT_FOUND',
      message: 'There is no file /nowhere/my.config.js',
    })
    for (const given of ['', '.', '/']) {
      await expect(loadConfig('/', given)).rejects.toMatchObject({ code: 'CONFIG_NOT_FOUND' })
    }
  })
})

describe('reading the configuration', () => {
  const load = (text: string, name = 'stillwarm.config.mjs') => loadConfig(folderOf({ [name]: text }))

  it('the caches are its default or `caches`; jobs and publicDirs are beside them', async () => {
    expect((await load(SOUND)).publicDirs).toEqual([])
    const named = await load(
      `export const caches = ${REGISTRY}\nexport const jobs = ['a']\nexport const publicDirs = ['/srv/www']`,
    )
    expect(named).toMatchObject({ jobs: ['a'], publicDirs: ['/srv/www'] })
    const whole = await load(`export default { caches: ${REGISTRY}, jobs: ['b'] }`)
    expect(whole).toMatchObject({ jobs: ['b'] })
  })

  it('a CommonJS one too', async () => {
    const folder = folderOf({
      'package.json': '{}',
      'stillwarm.config.js': `module.exports = { caches: ${REGISTRY} }`,
    })
    expect((await loadConfig(folder)).caches).toBeDefined()
  })

  for (const [what, text] of [
    ['nothing', 'export {}'],
    ['a plain configuration', 'export default { default: { backend: {} } }'],
    ['no list of folders', `${SOUND}\nexport const publicDirs = '/srv/www'`],
  ] as const) {
    it(`says what to export, where there is ${what}`, async () => {
      await expect(load(text)).rejects.toMatchObject({ code: 'CONFIG_EXPORTS' })
    })
  }

  it('what it throws is one line with its place, and the cause', async () => {
    const failing = load('const a = 1\nthrow new TypeError(\'unknown option "tll"\\nand more\')\n')
    await expect(failing).rejects.toMatchObject({
      code: 'CONFIG_FAILED',
      message: expect.stringMatching(/stillwarm\.config\.mjs:2: TypeError: unknown option "tll"$/),
      cause: expect.any(TypeError),
    })
  })

  it('of what is thrown that is no error only the kind is told', async () => {
    const error = await load("throw 'canary'").catch((error: unknown) => error)
    expect(String(error)).toMatch(/a string was thrown/)
    expect(String(error)).not.toContain('canary')
  })

  it('of the place only the line is told, never what stands in it', () => {
    const error = Object.assign(new SyntaxError('Unexpected string'), {
      stack: "file:///site/c.mjs:3\nredis({ password: 'canary' '' })\n  ^^^\nSyntaxError: Unexpected string",
    })
    expect(placeOf(error, '/site/c.mjs')).toBe('/site/c.mjs:3')
    expect(placeOf(new Error('elsewhere'), '/site/c.mjs')).toBe('/site/c.mjs')
  })

  it('TypeScript is read where Node reads it; elsewhere the message names what is', async () => {
    // In a process of its own: here vitest would read it.
    const { run } = await import('./process.ts')
    const folder = folderOf({
      'package.json': '{"type":"module"}',
      'stillwarm.config.ts':
        "import { createCaches } from 'stillwarm'\nconst caches: object = createCaches()\nexport default caches\n",
    })
    const { code, stderr } = await run(['check'], folder)
    const reads = 'typescript' in process.features && process.features.typescript
    expect(code).toBe(reads ? 0 : 2)
    expect(stderr).toMatch(
      reads ? /^$/ : /Node 22\.18 and later.*stillwarm\.config\.js or stillwarm\.config\.mjs/,
    )
  })

  it('a folder of its own is enough: a configuration may import what is beside it', async () => {
    const folder = folderOf({
      'caches.mjs': SOUND,
      'stillwarm.config.mjs': "export { default } from './caches.mjs'",
    })
    mkdirSync(join(folder, 'sub'))
    expect((await loadConfig(join(folder, 'sub'))).path).toBe(join(folder, 'stillwarm.config.mjs'))
  })
})
