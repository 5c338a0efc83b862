// @ts-check
/** How every check ends: what offends, one a line, and exit code 1; or one line that says all is well. */
import { resolve } from 'node:path'
import { fileURLToPath } from 'node:url'

export const ROOT = resolve(fileURLToPath(import.meta.url), '../..')

/**
 * Is this module the program, not an import?
 *
 * @param {string} url `import.meta.url`
 */
export function isMain(url) {
  return process.argv[1] !== undefined && resolve(process.argv[1]) === fileURLToPath(url)
}

/**
 * @param {string} title
 * @param {string[]} offences
 */
export function report(title, offences) {
  for (const offence of offences) console.error(`  ${offence}`)
  console.log(offences.length === 0 ? `${title}: in order` : `${title}: ${offences.length} to mend`)
  if (offences.length > 0) process.exitCode = 1
}
