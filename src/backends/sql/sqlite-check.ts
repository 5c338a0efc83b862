/** Whoever can fetch the file has all that is cached: Django's caches.W002, of a file that lies where a web server shows its own. */
import { realpathSync } from 'node:fs'
import { basename, dirname, isAbsolute, join, relative, resolve, sep } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { CheckContext, Finding } from '../../core/check.ts'

export function checkFile(path: string, { alias, publicDirs }: CheckContext): Finding[] {
  const own = realPath(path)
  return publicDirs
    .filter((publicDir) => isWithin(own, realPath(publicDir)))
    .map((publicDir) => ({
      id: 'caches.W002',
      message:
        `Your '${alias}' cache configuration might expose your cache or lead to corruption of your data because its ` +
        `file is inside the public directory ${JSON.stringify(String(publicDir))}.`,
      hint: 'Give it a file in a directory that no web server shows and nobody uploads to.',
    }))
}

function isWithin(path: string, folder: string): boolean {
  const way = relative(folder, path)
  return way !== '' && way !== '..' && !way.startsWith(`..${sep}`) && !isAbsolute(way)
}

/** Links followed, as far as it is there: the rest is yet to be made. */
function realPath(path: string | URL): string {
  const whole = resolve(path instanceof URL ? fileURLToPath(path) : path)
  try {
    return realpathSync(whole)
  } catch {
    const above = dirname(whole)
    return above === whole ? whole : join(realPath(above), basename(whole))
  }
}
