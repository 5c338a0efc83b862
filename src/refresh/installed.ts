/** The libraries of a runner are the user's to install. Whether he has is told when the program starts, not when the first value is stale. */
import { createRequire } from 'node:module'
import { ConfigError } from '../core/errors.ts'

/**
 * @param where whose libraries they are: `'bullmq()'`.
 * @param names the library, and what it needs in turn and leaves to be installed.
 * @param module the `import.meta.url` of the file that will load it.
 * @throws ConfigError `MISSING_PACKAGE`, naming what to install.
 */
export function checkInstalled(where: string, names: readonly string[], module: string): void {
  // In a bundle the library may be a part of the same file, and nothing is to be found beside it.
  if (!/\/refresh\/runners\//.test(module)) return
  let from = module
  for (const [i, name] of names.entries()) {
    try {
      from = createRequire(from).resolve(name)
    } catch (error) {
      throw isMissing(error) ? missing(where, names.slice(i)) : error
    }
  }
}

/** Loads the library. Rejects with what `checkInstalled` throws. */
export async function load<T>(where: string, names: readonly string[], importing: Promise<T>): Promise<T> {
  try {
    return await importing
  } catch (error) {
    throw isMissing(error) ? missing(where, names) : error
  }
}

function isMissing(error: unknown): boolean {
  const code = error instanceof Error && 'code' in error ? error.code : undefined
  return code === 'MODULE_NOT_FOUND' || code === 'ERR_MODULE_NOT_FOUND'
}

function missing(where: string, names: readonly string[]): ConfigError {
  return new ConfigError(
    'MISSING_PACKAGE',
    `${where} needs a library that is not installed: npm install ${names.join(' ')}`,
  )
}
