/** The library of a runner is the user's to install. Whether he has is told when the program starts, not when the first value is stale. */
import { createRequire } from 'node:module'
import { ConfigError } from '../core/errors.ts'

/**
 * @param where whose library it is: `'bullmq()'`.
 * @param module the `import.meta.url` of the file that will load it.
 * @throws ConfigError `MISSING_PACKAGE`, naming what to install.
 */
export function checkInstalled(where: string, name: string, module: string): void {
  // In a bundle the library may be a part of the same file, and nothing is to be found beside it.
  if (!/\/refresh\/runners\//.test(module)) return
  try {
    createRequire(module).resolve(name)
  } catch (error) {
    throw isMissing(error) ? missing(where, name) : error
  }
}

/** Loads the library. Rejects with what `checkInstalled` throws. */
export async function load<T>(where: string, name: string, importing: Promise<T>): Promise<T> {
  try {
    return await importing
  } catch (error) {
    throw isMissing(error) ? missing(where, name) : error
  }
}

function isMissing(error: unknown): boolean {
  const code = error instanceof Error && 'code' in error ? error.code : undefined
  return code === 'MODULE_NOT_FOUND' || code === 'ERR_MODULE_NOT_FOUND'
}

function missing(where: string, name: string): ConfigError {
  return new ConfigError(
    'MISSING_PACKAGE',
    `${where} needs a library that is not installed: npm install ${name}`,
  )
}
