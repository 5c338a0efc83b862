// @ts-check
/** L1 for a minute and L4 of 8 processes with 2,000 appends each, over PostgreSQL, MariaDB and SQLite: the tests of them, given more time. */
import { spawnSync } from 'node:child_process'
import { setting } from './measure.mjs'

const files = ['postgres', 'mysql', 'sqlite-file'].map((name) => `test/backends/sql/${name}.test.ts`)
const how = ['-t', 'several processes', '--testTimeout', '1800000', '--no-file-parallelism']
const { status } = spawnSync('npx', ['vitest', 'run', ...files, ...how], {
  stdio: 'inherit',
  env: {
    ...process.env,
    FLEET_PROCESSES: '8',
    L1_SECONDS: String(setting('SOAK_SECONDS', 60)),
    L4_APPENDS: String(setting('SOAK_APPENDS', 2_000)),
  },
})
process.exitCode = status ?? 1
