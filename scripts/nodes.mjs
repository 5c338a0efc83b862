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
  const npx = ['--yes', '--package', `node@${version}`, '--']
  const { status } = spawnSync('npx', [...npx, ...vitest, '--exclude', 'test/project/checks.test.ts'], {
    cwd: ROOT,
    stdio: ['ignore', 'inherit', 'inherit'],
  })
  return status !== 0
})

if (failed.length > 0) {
  console.error(`Failed under Node ${failed.join(', ')}`)
  process.exitCode = 1
}
