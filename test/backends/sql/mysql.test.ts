/** The promises of the contract, case by case, over MariaDB, by either driver. */
import { beforeAll, describe, it } from 'vitest'
import { type MysqlOptions, mysql } from '../../../src/backends/sql/sql.ts'
import { createCaches } from '../../../src/index.ts'
import { backendCases, type CaseContext, cacheCases, fakeClock } from '../../../src/testing/index.ts'
import { startMariadb, type TestMariadb } from '../../servers/mariadb.ts'

/** Culling: Django's database counts otherwise (see room.test.ts). Recency: a read is noted only once there is little room. */
const NOT_PROMISED = ['culling', 'recency']

let server: TestMariadb
beforeAll(async () => {
  server = await startMariadb()
}, 60_000)

describe.each(['mysql2', 'mariadb'] as const)('%s', (driver) => {
  let tables = 0

  async function over(options: Omit<MysqlOptions, 'url'> = {}) {
    const backend = mysql({ url: server.url, driver, poolSize: 3, table: driver, ...options })
    await backend.table.create()
    return backend
  }

  const context: CaseContext = {
    backend: () => over(),
    peer: () => over(),
    limited: (limits) => over({ ...limits, table: `${driver} ${tables++}` }),
    clock: fakeClock(),
    granularity: 0,
    createCaches,
  }
  for (const [topic, cases] of Object.entries(backendCases)) {
    if (NOT_PROMISED.includes(topic)) continue
    describe(topic, () => {
      // Every case has a prefix of its own; only what empties the whole store must be alone.
      const one = topic === 'clearing everything' ? it : it.concurrent
      for (const { name, run } of cases) one(name, () => run({ ...context, clock: fakeClock() }))
    })
  }
  for (const [topic, cases] of Object.entries(cacheCases)) {
    describe(`a cache: ${topic}`, () => {
      for (const { name, run } of cases) it(name, () => run({ ...context, clock: fakeClock() }))
    })
  }
})
