// @ts-check
/**
 * Makes a tree ready to run: packages as the lock file says, `dist/` as `src/` says. Uses nothing
 * but Node, since it runs before anything is installed, and does nothing where nothing changed.
 */
import { execFileSync } from 'node:child_process'
import { existsSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'

const ROOT = resolve(dirname(fileURLToPath(import.meta.url)), '..')

/** Installs the packages, where they are not those of the lock file. None of their scripts: what has to be compiled, `native.mjs` does. */
export function install() {
  if (isInstalled(ROOT)) return
  console.log('Installing packages (npm ci) …')
  run('npm', ['ci', '--no-progress', '--ignore-scripts'])
}

/** Compiles `src/` to `dist/`, where it changed since. */
export function build() {
  if (isBuilt(ROOT)) return
  console.log('Building dist/ …')
  compile()
}

/**
 * Compiles `src/` to `dist/` anew. In two passes, since comments are for who reads the types or the source: the declarations
 * keep them, the code that is shipped does not.
 */
export function compile() {
  rmSync(join(ROOT, 'dist'), { recursive: true, force: true })
  const tsc = [join('node_modules', 'typescript', 'bin', 'tsc'), '-p', 'tsconfig.build.json']
  run(process.execPath, [...tsc, '--emitDeclarationOnly'])
  run(process.execPath, [...tsc, '--noCheck', '--declaration', 'false', '--removeComments'])
  const dist = join(ROOT, 'dist')
  for (const ending of ['.js', '.d.ts']) {
    for (const name of files(dist, ending)) {
      const file = join(dist, name + ending)
      const code = readFileSync(file, 'utf8')
      // In code a text may go over several lines, and keeps its own spaces; in declarations those are comments.
      const keepsSpaces = ending === '.js' && code.replace(/`[^`\n]*`/g, '').includes('`')
      if (!keepsSpaces) writeFileSync(file, withTabs(code))
    }
  }
}

/**
 * tsc indents by four spaces, a seventh of what it writes.
 *
 * @param {string} code
 */
function withTabs(code) {
  return code.replace(/^(?: {4})+/gm, (spaces) => '\t'.repeat(spaces.length / 4))
}

/**
 * Is every package of the lock file there, in its version? npm keeps a copy of the lock of what it installed.
 *
 * @param {string} root
 */
export function isInstalled(root) {
  const installed = join(root, 'node_modules', '.package-lock.json')
  if (!existsSync(installed)) return false
  const wanted = JSON.parse(readFileSync(join(root, 'package-lock.json'), 'utf8')).packages
  const there = JSON.parse(readFileSync(installed, 'utf8')).packages
  return Object.entries(wanted).every(
    ([path, { version, optional }]) => path === '' || optional || there[path]?.version === version,
  )
}

/**
 * Is there a `dist/` file for each source file, none older than it, and none without one?
 *
 * @param {string} root
 */
export function isBuilt(root) {
  const [src, dist] = [join(root, 'src'), join(root, 'dist')]
  if (!existsSync(dist)) return false
  const sources = files(src, '.ts')
  const built = files(dist, '.js')
  const settings = Math.max(
    ...['tsconfig.json', 'tsconfig.build.json'].map((file) => changed(join(root, file))),
  )
  return (
    built.length === sources.length &&
    sources.every((name) => {
      const output = join(dist, `${name}.js`)
      return existsSync(output) && changed(output) >= Math.max(changed(join(src, `${name}.ts`)), settings)
    })
  )
}

/**
 * @param {string} folder
 * @param {string} ending
 * @returns {string[]} paths without it
 */
function files(folder, ending) {
  return readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((path) => path.endsWith(ending))
    .map((path) => path.slice(0, -ending.length))
}

/** @param {string} path */
function changed(path) {
  return statSync(path).mtimeMs
}

/**
 * @param {string} command
 * @param {string[]} args
 */
function run(command, args) {
  execFileSync(command, args, { cwd: ROOT, stdio: ['ignore', 'inherit', 'inherit'] })
}
