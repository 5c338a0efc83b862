// @ts-check
/**
 * Arrows point one way. Holds every import under `src/` (types too) against the table in
 * `house.mjs`: layers, siblings, Node's modules where none belong, a package named in two files, a driver that is not lazy.
 */
import { existsSync, readFileSync } from 'node:fs'
import { isBuiltin } from 'node:module'
import { join, posix } from 'node:path'
import { FAMILIES, LAYERS } from './house.mjs'
import { importsOf, sourceFiles } from './imports.mjs'
import { isMain, ROOT, report } from './report.mjs'

/**
 * @param {string} root the folder that holds `src/` and `package.json`
 * @returns {string[]} the offending arrows
 */
export function checkLayers(root) {
  const src = join(root, 'src')
  const manifest = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'))
  /** @type {string[]} */
  const offences = []
  /** @type {Map<string, Set<string>>} */
  const naming = new Map()

  for (const file of sourceFiles(src)) {
    const layer = layerOf(file)
    if (!layer) {
      offences.push(`src/${file}: its folder is no layer: add it to scripts/house.mjs`)
      continue
    }
    for (const { from, kind, line } of importsOf(join(src, file))) {
      const offend = (/** @type {string} */ why) => offences.push(`src/${file}:${line} → ${from}: ${why}`)
      if (from.startsWith('.')) {
        const target = posix.join(posix.dirname(file), from)
        const why = existsSync(join(src, target)) ? wrongArrow(file, layer, target) : 'there is no such file'
        if (why) offend(why)
      } else if (isBuiltin(from)) {
        if (!layer.node) offend(`${layer.folder} imports nothing, not even Node's modules`)
        else if (!from.startsWith('node:')) offend(`say node:${from}`)
      } else {
        const name = packageOf(from)
        naming.set(name, (naming.get(name) ?? new Set()).add(file))
        if (!layer.packages) offend(`${layer.folder} names no package`)
        if (kind === 'static' && !manifest.dependencies?.[name]) {
          offend(`${name} is no runtime dependency: load it lazily, with import()`)
        }
      }
    }
  }
  for (const [name, files] of naming) {
    if (files.size > 1)
      offences.push(`${name} is named in ${[...files].map((f) => `src/${f}`).join(' and ')}: one file may`)
  }
  return offences
}

/** @param {string} file */
function layerOf(file) {
  return LAYERS.filter(({ folder }) => file === folder || file.startsWith(`${folder}/`)).sort(
    (a, b) => b.folder.length - a.folder.length,
  )[0]
}

/**
 * @param {string} file
 * @param {import('./house.mjs').Layer} layer
 * @param {string} target
 */
function wrongArrow(file, layer, target) {
  const other = layerOf(target)
  if (!other) return 'it is outside every layer'
  if (other !== layer) {
    if (layer.may.includes(other.folder)) return undefined
    return `${layer.folder} may import ${layer.may.join(', ') || 'no other layer'}, not ${other.folder}`
  }
  const family = FAMILIES.find(({ folder }) => folder === layer.folder)
  if (!family) return undefined
  const mine = memberOf(file, family.folder)
  const its = memberOf(target, family.folder)
  if (mine === its || family.shared.includes(its)) return undefined
  return `${mine} and ${its} are siblings, and siblings never import siblings`
}

/**
 * @param {string} file
 * @param {string} folder
 */
function memberOf(file, folder) {
  return (file.slice(folder.length + 1).split('/')[0] ?? '').replace(/\.ts$/, '')
}

/** @param {string} specifier */
function packageOf(specifier) {
  return specifier
    .split('/')
    .slice(0, specifier.startsWith('@') ? 2 : 1)
    .join('/')
}

if (isMain(import.meta.url)) report('layers', checkLayers(ROOT))
