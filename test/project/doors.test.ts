/** The doors as a user's program finds them: by the package's own name, built, with `import` and with `require`. */
import { createRequire } from 'node:module'
import { expect, it } from 'vitest'
import { exportMap } from '../../scripts/check-exports.mjs'
import { isBuilt } from '../../scripts/ready.mjs'
import { ROOT } from '../../scripts/report.mjs'

const require = createRequire(import.meta.url)
const doors = Object.keys(exportMap(ROOT))
  .filter((door) => door !== './package.json')
  .map((door) => door.replace('.', 'stillwarm'))

it('dist is what src says: npm run build', () => {
  expect(isBuilt(ROOT)).toBe(true)
})

for (const door of doors) {
  it(`${door} opens by import and by require, and is the same module`, async () => {
    const imported = await import(door)
    const required = require(door)
    expect(Object.keys(imported)).not.toEqual([])
    for (const name of Object.keys(imported)) expect(required[name], name).toBe(imported[name])
  })
}

it('stillwarm works as required by a CommonJS program', async () => {
  const { createCaches, memory } = require('stillwarm')
  const caches = createCaches({ default: { backend: memory() } })
  await caches.default.set('a', new Map([['b', 1n]]))
  expect(await caches.default.get('a')).toEqual(new Map([['b', 1n]]))
  await caches.close()
})
