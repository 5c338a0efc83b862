// @ts-check
/**
 * `npm test`: installs what is missing, runs every check and every test, and goes on after a
 * failure, so that one run shows all there is to mend. The last line is the total.
 */
import { spawnSync } from 'node:child_process'
import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { install } from './ready.mjs'

install()
// Only now: these need the packages.
const { ROOT } = await import('./report.mjs')
const { outcomeOf } = await import('./outcome.mjs')
const { compileDriver } = await import('./native.mjs')
const { installServers } = await import('./servers.mjs')
installServers()

const REPORTS = join(ROOT, 'node_modules', '.cache')
const FIRST = join(REPORTS, 'stillwarm-tests.json')
const SECOND = join(REPORTS, 'stillwarm-tests-again.json')
for (const report of [FIRST, SECOND]) rmSync(report, { force: true })

/** @type {[title: string, ...command: string[]][]} */
const CHECKS = [
  ['lint and format', 'biome', 'check', '.'],
  // Before the types: the measures and examples import what is built.
  ['build', 'npm', 'run', '--silent', 'build'],
  ['types', 'tsc', '-p', '.'],
  ['layers', 'node', 'scripts/check-layers.mjs'],
  ['siblings', 'node', 'scripts/check-siblings.mjs'],
  ['export map', 'node', 'scripts/check-exports.mjs'],
  ['dead code', 'knip'],
  ['package', 'node', 'scripts/check-package.mjs'],
  ['package: publint', 'publint', '--strict'],
  ['package: types for every resolver', 'attw', '--pack', '.', '--profile', 'esm-only'],
]

/**
 * What may open a database.
 *
 * @type {typeof CHECKS}
 */
const RUNS = [
  ['examples in the docs', 'node', 'scripts/check-docs.mjs'],
  ['tests', ...vitest(FIRST)],
]

const env = {
  ...process.env,
  PATH: `${join(ROOT, 'node_modules', '.bin')}:${process.env.PATH}`,
  // What packs the package here has just built it.
  npm_config_ignore_scripts: 'true',
}

const driver = compileDriver()
const outcomes = CHECKS.map(([title, ...command]) => step(title, command))
outcomes.push(await waitFor('SQLite driver', driver))
outcomes.push(...RUNS.map(([title, ...command]) => step(title, command)))
const first = outcomeOf(FIRST)
let failures = first.failures

// Tests of real servers and processes keep time limits, which a starved machine can break. A few that failed are looked at
// once more, alone, and told of by name: what fails twice has failed.
const files = [...new Set(failures.map(({ file }) => file))]
/** @type {typeof failures} */
let unsteady = []
if (files.length > 0 && files.length <= 5 && !files.includes('')) {
  const { ok } = step('failed tests, once more and alone', [
    ...vitest(SECOND),
    '--no-file-parallelism',
    ...files,
  ])
  const again = new Set(outcomeOf(SECOND).failures.map(({ file, name }) => `${file}: ${name}`))
  if (ok || again.size > 0) {
    unsteady = failures.filter(({ file, name }) => !again.has(`${file}: ${name}`))
    failures = failures.filter((failure) => !unsteady.includes(failure))
  }
}

const onlyUnsteady = unsteady.length > 0 && failures.length === 0
console.log('\n── totals ──')
for (const { title, ok, seconds } of outcomes) {
  const passed = ok || (title === 'tests' && onlyUnsteady)
  console.log(`${passed ? 'ok    ' : 'FAILED'} ${title} (${seconds.toFixed(1)} s)`)
}
// Once more at the end, where a log that is cut still has them.
for (const name of first.skipped) console.log(`SKIPPED, which counts as failed: ${name}`)
for (const { file, name } of unsteady) console.log(`UNSTEADY, passed only when alone: ${file}: ${name}`)
for (const { file, name, message } of failures) console.log(`FAILED test: ${file}: ${name}\n  ${message}`)
const checks = outcomes.filter(({ title }) => title !== 'tests')
const passed = first.passed + unsteady.length + checks.filter(({ ok }) => ok).length
let failed = failures.length + first.skipped.length + checks.filter(({ ok }) => !ok).length
// A run of tests can fail without a failed test: an error that nobody caught.
if (failed === 0 && !onlyUnsteady && outcomes.some(({ ok }) => !ok)) failed = 1
console.log(`${passed} passed, ${failed} failed`)
process.exitCode = failed === 0 ? 0 : 1

/**
 * @param {string} title
 * @param {string[]} command
 */
function step(title, [command = '', ...args]) {
  console.log(`\n── ${title} ──`)
  const start = performance.now()
  const { status, error } = spawnSync(command, args, {
    cwd: ROOT,
    env,
    stdio: ['ignore', 'inherit', 'inherit'],
  })
  if (error) console.error(error.message)
  return { title, ok: status === 0, seconds: (performance.now() - start) / 1000 }
}

/**
 * @param {string} title
 * @param {Promise<boolean>} work begun before
 */
async function waitFor(title, work) {
  console.log(`\n── ${title} ──`)
  const start = performance.now()
  return { title, ok: await work, seconds: (performance.now() - start) / 1000 }
}

/** @param {string} report where it leaves its report */
function vitest(report) {
  return ['vitest', 'run', '--reporter=default', '--reporter=json', `--outputFile.json=${report}`]
}
