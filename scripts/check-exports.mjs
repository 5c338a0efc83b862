// @ts-check
/**
 * The export map is the folders. Compares `exports` in package.json with the doors that `src/`
 * has, and looks behind each door in `dist/`. With `--write` it writes the map instead.
 */
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { isDeepStrictEqual } from 'node:util'
import { doors } from './house.mjs'
import { isMain, ROOT, report } from './report.mjs'

/**
 * @param {string} root
 * @returns {Record<string, string | { types: string, default: string }>}
 */
export function exportMap(root) {
  /** @type {ReturnType<typeof exportMap>} */
  const map = {}
  for (const [door, file] of doors(root)) {
    const built = `./dist/${file.replace(/\.ts$/, '')}`
    // `default`, not `import`: so that require() finds the same file on every Node that can load ESM by it.
    map[door] = { types: `${built}.d.ts`, default: `${built}.js` }
  }
  map['./package.json'] = './package.json'
  return map
}

/**
 * @param {string} root
 * @returns {string[]}
 */
export function checkExports(root) {
  const manifest = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'))
  const listed = manifest.exports ?? {}
  const wanted = exportMap(root)
  /** @type {string[]} */
  const offences = []
  for (const [door, behind] of Object.entries(wanted)) {
    if (!(door in listed)) offences.push(`${door} is missing from the export map`)
    else if (!isDeepStrictEqual(listed[door], behind))
      offences.push(`${door} leads elsewhere than its folder says`)
    for (const file of Object.values(typeof behind === 'string' ? { file: behind } : behind)) {
      if (!existsSync(join(root, file))) offences.push(`${door}: ${file} is not there: npm run build`)
    }
  }
  for (const door of Object.keys(listed)) {
    if (!(door in wanted)) offences.push(`${door} is in the export map, but no folder has it`)
  }
  return offences
}

/** @param {string} root */
export function writeExports(root) {
  const path = join(root, 'package.json')
  const manifest = JSON.parse(readFileSync(path, 'utf8'))
  writeFileSync(path, `${JSON.stringify({ ...manifest, exports: exportMap(root) }, null, 2)}\n`)
}

if (isMain(import.meta.url)) {
  if (process.argv.includes('--write')) writeExports(ROOT)
  report('export map', checkExports(ROOT))
}
