// @ts-check
/**
 * The one package that is compiled where it is used: `better-sqlite3`, which SQLite needs on Node 20. Only tests do, so packages
 * are installed without their scripts, and this makes the binding beside the checks. It fits one line of Node: one that does not load is made anew.
 */
import { spawn, spawnSync } from 'node:child_process'
import { closeSync, mkdirSync, openSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { isMain, ROOT } from './report.mjs'

const LOG = join(ROOT, 'node_modules', '.cache', 'better-sqlite3.log')

/**
 * Compiles the SQLite driver, about a minute, where it does not load as it is. Whoever waits for a program meanwhile does not hold it up: it
 * writes to a file, not to a pipe that somebody has to read.
 *
 * @returns {Promise<boolean>} does it load now? Where it does not, what the compiler said has been printed.
 */
export async function compileDriver() {
  if (loads()) return true
  console.log('Compiling the SQLite driver (npm rebuild better-sqlite3) …')
  mkdirSync(dirname(LOG), { recursive: true })
  const log = openSync(LOG, 'w')
  // Said outright, for whoever told npm to run no scripts told these tests too.
  const args = ['rebuild', 'better-sqlite3', '--ignore-scripts=false', '--foreground-scripts']
  const compiler = spawn('npm', args, { cwd: ROOT, stdio: ['ignore', log, log] })
  const error = await new Promise((done) => compiler.once('error', done).once('close', () => done(undefined)))
  closeSync(log)
  if (loads()) return true
  console.error(
    `${error ?? readFileSync(LOG, 'utf8')}\nThe SQLite driver does not load: npm rebuild better-sqlite3`,
  )
  return false
}

/** A driver that is there but compiled for another Node fails only when a database is opened. */
function loads() {
  const program = "new (require('better-sqlite3'))(':memory:').close()"
  return spawnSync(process.execPath, ['-e', program], { cwd: ROOT, stdio: 'ignore' }).status === 0
}

if (isMain(import.meta.url) && !(await compileDriver())) process.exitCode = 1
