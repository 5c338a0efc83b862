/**
 * What is worth a warning about a cache directory (Django's caches.W002 and W003): it lies where a web server shows its files, or
 * where the process happened to be started.
 */
import { isAbsolute, resolve } from 'node:path'
import type { CheckContext, Finding } from '../../core/check.ts'
import { isWithin, realPath } from '../../core/real-path.ts'

/** @param directory as it was given. */
export function checkDirectory(directory: string | URL, { alias, publicDirs }: CheckContext): Finding[] {
  const found: Finding[] = []
  const own = realPath(directory)
  for (const publicDir of publicDirs) {
    const relation = relationOf(own, realPath(publicDir))
    if (relation === undefined) continue
    found.push({
      id: 'caches.W002',
      message:
        `Your '${alias}' cache configuration might expose your cache or lead to corruption of your data because its ` +
        `directory ${relation} the public directory ${JSON.stringify(String(publicDir))}.`,
      hint: 'Give it a directory that no web server shows and nobody uploads to.',
    })
  }
  if (typeof directory === 'string' && !isAbsolute(directory)) {
    found.push({
      id: 'caches.W003',
      message: `Your '${alias}' cache directory is relative. Use an absolute path instead.`,
      hint: `It depends on where the process was started; now it is ${JSON.stringify(resolve(directory))}.`,
    })
  }
  return found
}

function relationOf(own: string, other: string): 'matches' | 'is inside' | 'contains' | undefined {
  if (own === other) return 'matches'
  if (isWithin(own, other)) return 'is inside'
  return isWithin(other, own) ? 'contains' : undefined
}
