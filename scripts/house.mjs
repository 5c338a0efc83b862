// @ts-check
/**
 * The house as data: which folder may import which, which folders hold siblings, and which door
 * leads to what. Every check reads this table, so a new folder is one line here.
 */
import { existsSync, readdirSync } from 'node:fs'
import { basename, join } from 'node:path'

/**
 * @typedef {object} Layer
 * @property {string} folder under `src/`; the longest that fits a file is its layer
 * @property {string[]} may  the layers it may import besides itself
 * @property {boolean} node  may it import Node's own modules?
 * @property {boolean} packages  may it name a third-party package?
 */

/** @type {Layer[]} */
export const LAYERS = [
  { folder: 'core', may: [], node: true, packages: false },
  { folder: 'http/policy', may: [], node: false, packages: false },
  { folder: 'backends', may: ['core'], node: true, packages: true },
  { folder: 'codecs', may: ['core'], node: true, packages: true },
  { folder: 'refresh', may: ['core'], node: true, packages: true },
  { folder: 'refresh/runners', may: ['core', 'refresh'], node: true, packages: true },
  { folder: 'templates', may: ['core'], node: true, packages: true },
  { folder: 'dashboard', may: ['core'], node: true, packages: true },
  { folder: 'http', may: ['core', 'http/policy'], node: true, packages: true },
  { folder: 'http/adapters', may: ['core', 'http'], node: true, packages: true },
  { folder: 'testing', may: ['core', 'refresh', 'http'], node: true, packages: false },
  { folder: 'index.ts', may: ['core', 'backends', 'codecs'], node: true, packages: false },
  {
    folder: 'cli',
    may: [
      'index.ts',
      'core',
      'backends',
      'codecs',
      'refresh',
      'refresh/runners',
      'http',
      'templates',
      'dashboard',
    ],
    node: true,
    packages: true,
  },
]

/**
 * Folders whose members implement one contract side by side. A member is a file, or a folder of
 * its name whose file of that name is the door; members never import each other, only what is `shared`, and each is a door.
 */
export const FAMILIES = [
  { folder: 'backends', door: './backends/', shared: ['client'] },
  { folder: 'codecs', door: './codecs/', shared: ['rich-text'] },
  { folder: 'refresh/runners', door: './refresh/', shared: [] },
  { folder: 'http/adapters', door: './http/', shared: ['capture'] },
  {
    folder: 'templates',
    door: './templates/',
    shared: ['fragment', 'helper', 'key', 'placeholders', 'tag', 'watch'],
  },
]

/** Doors that are one file: `src/index.ts`, `src/testing/index.ts` … */
const FRONTS = ['', 'refresh', 'http', 'templates', 'dashboard', 'testing']

/**
 * The members of a family, by name.
 *
 * @param {string} root
 * @param {{ folder: string, shared: string[] }} family
 * @returns {string[]}
 */
export function members(root, { folder, shared }) {
  const path = join(root, 'src', folder)
  if (!existsSync(path)) return []
  const names = new Set(readdirSync(path).map((file) => basename(file, '.ts')))
  return [...names].filter((name) => name !== 'index' && !shared.includes(name)).sort()
}

/**
 * Every door there must be, and the source file behind it.
 *
 * @param {string} root
 * @returns {Map<string, string>} `'./backends/memory'` → `'backends/memory.ts'`
 */
export function doors(root) {
  /** @type {Map<string, string>} */
  const found = new Map()
  const has = (/** @type {string} */ file) => existsSync(join(root, 'src', file))
  for (const front of FRONTS) {
    const file = front === '' ? 'index.ts' : `${front}/index.ts`
    if (has(file)) found.set(front === '' ? '.' : `./${front}`, file)
  }
  for (const family of FAMILIES) {
    for (const name of members(root, family)) {
      const file = `${family.folder}/${name}.ts`
      found.set(family.door + name, has(file) ? file : `${family.folder}/${name}/${name}.ts`)
    }
  }
  return found
}
