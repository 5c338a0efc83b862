// @ts-check
/**
 * `npm run test:nodes`: the tests under every Node that is supported, the oldest release of the
 * oldest line first. Node itself comes from the `node` package; what only concerns the tree is left to `npm test`.
 */
import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { build, install } from './ready.mjs'

install()
build()
const { ROOT } = await import('./report.mjs')

const NODES = ['20.19.0', '22', '24', '26']
const wanted = process.argv.slice(2)
const vitest = ['node', join('node_modules', 'vitest', 'vitest.mjs'), 'run', '--typecheck.enabled=false']

const failed = (wanted.length > 0 ? wanted : NODES).filter((version) => {
  console.log(`\n── Node ${version} ──`)
  /** @param {string[]} program */
  const runs = (...program) =>
    spawnSync('npx', ['--yes', '--package', `node@${version}`, '--', ...program], {
      cwd: ROOT,
      stdio: ['ignore', 'inherit', 'inherit'],
    }).status === 0
  // Later lines have a SQLite of their own.
  const hasDriver = !version.startsWith('20') || runs('node', 'scripts/native.mjs')
  return !(hasDriver && runs(...vitest, '--exclude', 'test/project/checks.test.ts'))
})

if (failed.length > 0) {
  console.error(`Failed under Node ${failed.join(', ')}`)
  process.exitCode = 1
}
