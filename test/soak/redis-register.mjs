// @ts-check
/** L1 over Redis for a minute: the test of it, given more time. `SOAK_SECONDS` says how much. */
import { spawnSync } from 'node:child_process'
import { setting } from './measure.mjs'

const title = 'L1 what 4 processes'
const { status } = spawnSync('npx', ['vitest', 'run', 'test/backends/redis/processes.test.ts', '-t', title], {
  stdio: 'inherit',
  env: { ...process.env, L1_SECONDS: String(setting('SOAK_SECONDS', 60)) },
})
process.exitCode = status ?? 1
