// @ts-check
/**
 * What would be published: the files that `npm pack` lists, their size, the runtime dependencies,
 * install scripts, and the lock file that a fresh clone trusts.
 */
import { execFileSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { isMain, ROOT, report } from './report.mjs'

/** The only packages that installing stillwarm may bring along; everything else is an optional peer. */
const RUNTIME = ['commander', 'devalue', 'lru-cache', 'negotiator', 'structured-headers']

const PUBLISHED = /^(dist\/.+\.(js|d\.ts)|package\.json|README\.md|CHANGELOG\.md|LICENSE)$/

/** The part that everyone loads, its types included: the main door and the core. */
const CORE = /^dist\/(index\.|core\/)/
const CORE_LIMIT = 300_000

/**
 * @param {string} root
 * @param {{ path: string, size: number }[]} files as `npm pack` lists them
 * @returns {string[]}
 */
export function checkContents(root, files) {
  /** @type {string[]} */
  const offences = []
  for (const { path } of files) {
    if (!PUBLISHED.test(path)) offences.push(`${path} has no business in the package`)
    else if (path.startsWith('dist/')) {
      const text = readFileSync(join(root, path), 'utf8')
      if (text.includes('sourceMappingURL')) offences.push(`${path} points to a source map`)
      if (text.includes(root)) offences.push(`${path} holds a path of this machine`)
      if (!existsSync(join(root, path.replace(/^dist/, 'src').replace(/(\.d\.ts|\.js)$/, '.ts')))) {
        offences.push(`${path} has no source any more: npm run build`)
      }
    }
  }
  if (!files.some(({ path }) => path === 'dist/index.js'))
    offences.push('dist/index.js is missing: npm run build')
  const core = files.filter(({ path }) => CORE.test(path)).reduce((sum, { size }) => sum + size, 0)
  if (core > CORE_LIMIT) offences.push(`the core is ${core} bytes unpacked; at most ${CORE_LIMIT}`)
  return offences
}

/**
 * @param {Record<string, any>} manifest package.json
 * @returns {string[]}
 */
export function checkManifest(manifest) {
  /** @type {string[]} */
  const offences = []
  for (const [name, version] of Object.entries(manifest.dependencies ?? {})) {
    if (!RUNTIME.includes(name))
      offences.push(`${name} may be no runtime dependency: make it an optional peer`)
    if (!/^\d+\.\d+\.\d+$/.test(version)) offences.push(`${name} is not pinned: ${version}`)
  }
  for (const name of Object.keys(manifest.peerDependencies ?? {})) {
    if (manifest.peerDependenciesMeta?.[name]?.optional !== true)
      offences.push(`peer ${name} is not optional`)
  }
  for (const [name, version] of Object.entries(manifest.devDependencies ?? {})) {
    // An alias (`npm:name@1.2.3`) is how two releases of one library are tested side by side.
    if (!/^(npm:.+@)?\d+\.\d+\.\d+$/.test(version)) offences.push(`${name} is not pinned: ${version}`)
  }
  for (const script of ['preinstall', 'install', 'postinstall', 'prepare']) {
    if (manifest.scripts?.[script]) offences.push(`the script ${script} would run on a user's machine`)
  }
  return offences
}

/**
 * @param {{ packages: Record<string, any> }} lock package-lock.json
 * @returns {string[]}
 */
export function checkLock(lock) {
  /** @type {string[]} */
  const offences = []
  for (const [path, entry] of Object.entries(lock.packages)) {
    if (path === '') continue
    if (entry.resolved)
      offences.push(`${path}: the lock file says where to download it from; only the registry in use may`)
    if (!entry.integrity) offences.push(`${path}: no integrity in the lock file`)
    for (const name of Object.keys({ ...entry.dependencies, ...entry.optionalDependencies })) {
      if (!places(path, name).some((place) => lock.packages[place])) {
        offences.push(`${path} needs ${name}, which is not in the lock file: npm ci would refuse it`)
      }
    }
    if (entry.hasInstallScript && !entry.dev && !entry.devOptional)
      offences.push(`${path} runs a script on install`)
  }
  return offences
}

/**
 * Where Node would look for a package from another's folder, the nearest first.
 *
 * @param {string} path
 * @param {string} name
 */
function places(path, name) {
  const folders = path.split('/node_modules/')
  return folders
    .map((_, i) => [...folders.slice(0, folders.length - i), name].join('/node_modules/'))
    .concat(`node_modules/${name}`)
}

/** @param {string} root */
function checkPackage(root) {
  const read = (/** @type {string} */ file) => JSON.parse(readFileSync(join(root, file), 'utf8'))
  const [packed] = JSON.parse(
    execFileSync('npm', ['pack', '--dry-run', '--json', '--ignore-scripts'], {
      cwd: root,
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
    }),
  )
  console.log(`${packed.entryCount} files, ${packed.unpackedSize} bytes unpacked, ${packed.size} packed`)
  return [
    ...checkContents(root, packed.files),
    ...checkManifest(read('package.json')),
    ...checkLock(read('package-lock.json')),
  ]
}

if (isMain(import.meta.url)) report('package', checkPackage(ROOT))
