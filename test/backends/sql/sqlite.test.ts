/** The promises of the contract, case by case, over SQLite. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import Database from 'better-sqlite3'
import { afterAll, describe, it } from 'vitest'
import { sqlite } from '../../../src/backends/sql/sql.ts'
import { createCaches } from '../../../src/index.ts'
import { backendCases, type CaseContext, cacheCases, fakeClock } from '../../../src/testing/index.ts'
import { roomSuite } from './room.ts'
import type { Setting } from './setting.ts'
import { tableSuite } from './table.ts'

/** Culling: Django's database counts otherwise (see room.test.ts). Recency: a read is noted only once there is little room. */
const NOT_PROMISED = ['culling', 'recency']

const home = mkdtempSync(join(tmpdir(), 'stillwarm-sqlite-'))
afterAll(() => rmSync(home, { recursive: true, force: true }))

let files = 0
const paths = new WeakMap<object, string>()

function fresh(options = {}) {
  const path = join(home, `${files++}.db`)
  const backend = sqlite({ path, ...options })
  paths.set(backend, path)
  return backend
}

const context: CaseContext = {
  backend: () => fresh(),
  peer: (backend) => sqlite({ path: paths.get(backend)! }),
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
const shared = join(home, 'shared.db')
const own = new Database(shared)
own.exec('CREATE TABLE users (id int)')
afterAll(() => own.close())

const setting: Setting = {
  make: (options) => sqlite({ path: shared, ...options } as Parameters<typeof sqlite>[0]),
  ask(text) {
    const statement = own.prepare(text)
    if (statement.reader) return statement.raw().all() as unknown[][]
    statement.run()
    return []
  },
  quote: (name) => `"${name}"`,
}
describe('the table', () => tableSuite(setting))
describe('room', () => roomSuite(setting))
