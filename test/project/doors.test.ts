/** The doors as a user's program finds them: built, by the package's own name, with `import` and with `require`. */
import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { expect, it } from 'vitest'
import { exportMap } from '../../scripts/check-exports.mjs'
import { isBuilt } from '../../scripts/ready.mjs'
import { ROOT } from '../../scripts/report.mjs'

/** Runs a program in a process of its own, where nothing stands between it and Node's own loader. */
async function run(kind: 'module' | 'commonjs', program: string): Promise<string> {
  const { stdout } = await promisify(execFile)(
    process.execPath,
    ['--no-warnings', `--input-type=${kind}`, '--eval', program],
    { cwd: ROOT },
  )
  return stdout.trim()
}

it('dist is what src says: npm run build', () => {
  expect(isBuilt(ROOT)).toBe(true)
})

for (const door of Object.keys(exportMap(ROOT)).filter((door) => door !== './package.json')) {
  const name = door.replace('.', 'stillwarm')
  it(`${name} opens by import and by require, and is one module`, async () => {
    const program = `
      import { createRequire } from 'node:module'
      import * as imported from ${JSON.stringify(name)}
      const required = createRequire(import.meta.url)(${JSON.stringify(name)})
      const names = Object.keys(imported)
      console.log(names.length > 0 && names.every((name) => imported[name] === required[name]))`
    expect(await run('module', program)).toBe('true')
  })
}

it('a CommonJS program works with what it required', async () => {
  const program = `
    const { createCaches, memory } = require('stillwarm')
    const caches = createCaches({ default: { backend: memory() } })
    caches.default.set('a', new Map([['b', 1n]]))
      .then(() => caches.default.get('a'))
      .then((value) => console.log(value))
      .then(() => caches.close())`
  expect(await run('commonjs', program)).toBe("Map(1) { 'b' => 1n }")
})
