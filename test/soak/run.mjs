// @ts-check
/**
 * `npm run soak`: the long runs, each in a process of its own, one after the other, since they measure the machine;
 * `npm run soak -- cull` those whose name has the word. One line of JSON each; the exit code tells whether all limits held.
 */
import { spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'

/** @type {Record<string, { file: string, node?: string[], env?: Record<string, string>, mustFail?: boolean }>} */
const RUNS = {
  mixed: { file: 'mixed.mjs' },
  // Proves that a leak would be found.
  'mixed-leaking': {
    file: 'mixed.mjs',
    env: { SOAK_LEAK: '1', SOAK_OPS: '1000000' },
    mustFail: true,
  },
  'byte-cap': { file: 'byte-cap.mjs' },
  wave: { file: 'wave.mjs' },
  'small-heap': { file: 'small-heap.mjs', node: ['--max-old-space-size=256'] },
  'many-keys': { file: 'many-keys.mjs', node: ['--disable-warning=CACHE_KEY_WARNING'] },
  'file-cull': { file: 'file-cull.mjs' },
  'jobs-bullmq': { file: 'jobs.mjs', env: { SOAK_ENGINE: 'bullmq' } },
  'jobs-pg-boss': { file: 'jobs.mjs', env: { SOAK_ENGINE: 'pg-boss' } },
  tiers: { file: 'tiers.mjs' },
  register: { file: 'register.mjs' },
  // Proves that a stale read would be found.
  'register-deaf': { file: 'register.mjs', env: { SOAK_DEAF: '50', SOAK_SECONDS: '10' }, mustFail: true },
  'redis-faults': { file: 'redis-faults.mjs', node: ['--no-warnings'] },
  'redis-register': { file: 'redis-register.mjs' },
  'sql-processes': { file: 'sql-processes.mjs' },
  'sql-writers': { file: 'sql-writers.mjs' },
  'sql-cull': { file: 'sql-cull.mjs' },
  'sql-cull-mysql': { file: 'sql-cull.mjs', env: { SOAK_ENGINE: 'mysql' } },
  'sql-cull-sqlite': { file: 'sql-cull.mjs', env: { SOAK_ENGINE: 'sqlite' } },
  'file-cull-sync': { file: 'file-cull.mjs', env: { SOAK_READS: 'sync' } },
}

const asked = process.argv.slice(2)
for (const [name, { file, node = [], env = {}, mustFail = false }] of Object.entries(RUNS)) {
  if (asked.length > 0 && !asked.some((word) => name.includes(word))) continue
  const path = fileURLToPath(new URL(file, import.meta.url))
  const { status } = spawnSync(process.execPath, ['--expose-gc', ...node, path], {
    stdio: 'inherit',
    env: { ...env, ...process.env },
  })
  if ((status !== 0) === mustFail) continue
  console.error(`${name}: ${mustFail ? 'should have found a fault' : 'failed'}`)
  process.exitCode = 1
}
