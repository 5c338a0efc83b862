/** The promises of the contract, case by case, over SQLite. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, it } from 'vitest'
import { sqlite } from '../../../src/backends/sql/sql.ts'
import { createCaches } from '../../../src/index.ts'
import { backendCases, type CaseContext, cacheCases, fakeClock } from '../../../src/testing/index.ts'
import { damageSuite } from './damage.ts'
import { roomSuite } from './room.ts'
import type { Setting } from './setting.ts'
import { ask, DRIVERS } from './sqlite-drivers.ts'
import { tableSuite } from './table.ts'

/** Culling: Django's database counts otherwise (see room.test.ts). Recency: a read is noted only once there is little room. */
const NOT_PROMISED = ['culling', 'recency']

const home = mkdtempSync(join(tmpdir(), 'stillwarm-sqlite-'))
afterAll(() => rmSync(home, { recursive: true, force: true }))

let files = 0
const paths = new WeakMap<object, string>()

for (const { name: driver, open } of DRIVERS) {
  describe(driver, () => {
    function fresh(options = {}) {
      const path = join(home, `${files++}.db`)
      const backend = sqlite({ path, driver, ...options })
      paths.set(backend, path)
      return backend
    }

    const context: CaseContext = {
      backend: () => fresh(),
      peer: (backend) => sqlite({ path: paths.get(backend)!, driver }),
      limited: (limits) => fresh(limits),
      clock: fakeClock(),
      granularity: 0,
      createCaches,
    }

    for (const [topic, cases] of Object.entries(backendCases)) {
      if (NOT_PROMISED.includes(topic)) continue
      describe(topic, () => {
        for (const { name, run } of cases) it(name, () => run(context))
      })
    }
    for (const [topic, cases] of Object.entries(cacheCases)) {
      describe(`a cache: ${topic}`, () => {
        for (const { name, run } of cases) it(name, () => run(context))
      })
    }

    /** A database that was there before, with something in it: ours makes no table there by itself. */
    const shared = join(home, `${files++}.db`)
    const own = open(shared)
    own.exec('CREATE TABLE users (id int)')
    afterAll(() => own.close())

    const setting: Setting = {
      make: (options) => sqlite({ path: shared, driver, ...options } as Parameters<typeof sqlite>[0]),
      ask: (text) => ask(own, text),
      quote: (name) => `"${name}"`,
    }
    describe('the table', () => tableSuite(setting))
    describe('room', () => roomSuite(setting))
    describe('damage', () => damageSuite(setting))
  })
}
