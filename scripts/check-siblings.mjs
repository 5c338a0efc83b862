// @ts-check
/** A backend is one file, one test and one docs page. Says which of them is missing, or is left of a backend that went. */
import { existsSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { FAMILIES, members } from './house.mjs'
import { isMain, ROOT, report } from './report.mjs'

/** Pages that are about backends in general. */
const ABOUT_ALL = new Set(['README', 'your-own'])

/**
 * @param {string} root
 * @returns {string[]}
 */
export function checkSiblings(root) {
  const family = FAMILIES.find(({ folder }) => folder === 'backends')
  if (!family) return ['scripts/house.mjs has no family of backends']
  const names = members(root, family)
  /** @type {string[]} */
  const offences = []
  for (const name of names) {
    const tests = [`test/backends/${name}.test.ts`, `test/backends/${name}`]
    if (!tests.some((path) => existsSync(join(root, path)))) offences.push(`${name} has no test: ${tests[0]}`)
    if (!existsSync(join(root, `docs/backends/${name}.md`)))
      offences.push(`${name} has no page: docs/backends/${name}.md`)
  }
  const pages = join(root, 'docs/backends')
  for (const page of existsSync(pages) ? readdirSync(pages) : []) {
    const name = page.replace(/\.md$/, '')
    if (!ABOUT_ALL.has(name) && !names.includes(name))
      offences.push(`docs/backends/${page} is about no backend`)
  }
  return offences
}

if (isMain(import.meta.url)) report('siblings', checkSiblings(ROOT))
