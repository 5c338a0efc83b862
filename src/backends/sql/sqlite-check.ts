/** Whoever can fetch the file has all that is cached: Django's caches.W002, of a file that lies where a web server shows its own. */
import type { CheckContext, Finding } from '../../core/check.ts'
import { isWithin, realPath } from '../../core/real-path.ts'

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
