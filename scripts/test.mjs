// @ts-check
/**
 * `npm test`: installs what is missing, runs every check and every test, and goes on after a
 * failure, so that one run shows all there is to mend. The last line is the total.
 */
import { spawnSync } from 'node:child_process'
import { readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { install } from './ready.mjs'

install()
// Only now: these need the packages.
const { ROOT } = await import('./report.mjs')
const { installServers } = await import('./servers.mjs')
installServers()

const RESULTS = join(ROOT, 'node_modules', '.cache', 'stillwarm-tests.json')
rmSync(RESULTS, { force: true })

/** @type {[title: string, command: string, ...args: string[]][]} */
const STEPS = [
  ['lint and format', 'biome', 'check', '.'],
  // Before the types: the measures and examples import what is built.
  ['build', 'npm', 'run', '--silent', 'build'],
  ['types', 'tsc', '-p', '.'],
  ['layers', 'node', 'scripts/check-layers.mjs'],
  ['siblings', 'node', 'scripts/check-siblings.mjs'],
  ['export map', 'node', 'scripts/check-exports.mjs'],
  ['examples in the docs', 'node', 'scripts/check-docs.mjs'],
  ['dead code', 'knip'],
  ['package', 'node', 'scripts/check-package.mjs'],
  ['package: publint', 'publint', '--strict'],
  ['package: types for every resolver', 'attw', '--pack', '.', '--profile', 'esm-only'],
  ['tests', 'vitest', 'run', '--reporter=default', '--reporter=json', `--outputFile.json=${RESULTS}`],
]

const env = {
  ...process.env,
  PATH: `${join(ROOT, 'node_modules', '.bin')}:${process.env.PATH}`,
  // What packs the package here has just built it.
  npm_config_ignore_scripts: 'true',
}

const outcomes = STEPS.map(([title, command, ...args]) => {
  console.log(`\n── ${title} ──`)
  const start = performance.now()
  const { status, error } = spawnSync(command, args, {
    cwd: ROOT,
    env,
    stdio: ['ignore', 'inherit', 'inherit'],
  })
  if (error) console.error(error.message)
  return { title, ok: status === 0, seconds: (performance.now() - start) / 1000 }
})

const tests = testTotals()
console.log('\n── totals ──')
for (const { title, ok, seconds } of outcomes) {
  console.log(`${ok ? 'ok    ' : 'FAILED'} ${title} (${seconds.toFixed(1)} s)`)
}
for (const name of tests.skipped) console.log(`SKIPPED, which counts as failed: ${name}`)
const checks = outcomes.filter(({ title }) => title !== 'tests')
const passed = tests.passed + checks.filter(({ ok }) => ok).length
let failed = tests.failed + tests.skipped.length + checks.filter(({ ok }) => !ok).length
// A run of tests can fail without a failed test: a file that cannot be loaded, an error nobody caught.
if (failed === 0 && outcomes.some(({ ok }) => !ok)) failed = 1
console.log(`${passed} passed, ${failed} failed`)
process.exitCode = failed === 0 ? 0 : 1

/** Counts from vitest's own report. Without a report the run as a whole has failed. */
function testTotals() {
  /** @type {{ numPassedTests: number, numFailedTests: number, testResults: { assertionResults: { status: string, fullName: string }[] }[] }} */
  let report
  try {
    report = JSON.parse(readFileSync(RESULTS, 'utf8'))
  } catch {
    return { passed: 0, failed: 1, skipped: [] }
  }
  const skipped = report.testResults
    .flatMap(({ assertionResults }) => assertionResults)
    .filter(({ status }) => status !== 'passed' && status !== 'failed')
    .map(({ fullName }) => fullName)
  return { passed: report.numPassedTests, failed: report.numFailedTests, skipped }
}
