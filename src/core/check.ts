/**
 * What is worth a warning about a configuration that works (Django's system checks, with their ids): for a test or a deploy
 * step. What cannot work is refused by `createCaches` itself. Backends say what they have to say of themselves in `check`.
 */
import { argumentError, ConfigError } from './errors.ts'
import { checkOptions, kindOf } from './options.ts'
import type { CacheOptions } from './settings.ts'

/** A folder that a web server shows to everyone: a path, a `file:` URL, or `[where it is mounted, path]`. `undefined` is skipped. */
export type PublicDir = string | URL | readonly [mount: string, path: string | URL] | undefined

/** Options of {@link checkCaches}. */
export interface CheckOptions {
  /** The folders that a web server shows to everyone. */
  publicDirs?: readonly PublicDir[]
}

/** What a backend is told when it is asked to check itself. */
export interface CheckContext {
  readonly alias: string
  readonly publicDirs: readonly (string | URL)[]
}

/** One thing to mend. */
export interface Finding {
  /** Stable: `caches.W002`. `E` is an error, `W` a warning. */
  readonly id: string
  readonly message: string
  /** What to do about it. */
  readonly hint: string
}

/** One thing to mend, and where. */
export interface CheckMessage extends Finding {
  readonly alias: string
}

/**
 * Checks a configuration and opens nothing. An empty list: nothing to mend.
 *
 * `caches.E001`: there is no `default`. `caches.W002`: a cache directory is, is inside or contains one of `publicDirs`.
 * `caches.W003`: a cache directory is relative.
 *
 * @throws ConfigError `INVALID_CONFIG`; TypeError for a wrong option.
 */
export function checkCaches(
  config: Readonly<Record<string, Pick<CacheOptions, 'backend'>>>,
  options: CheckOptions = {},
): CheckMessage[] {
  if (typeof config !== 'object' || config === null || Array.isArray(config)) {
    throw new ConfigError(
      'INVALID_CONFIG',
      `checkCaches(): the configuration must be an object of aliases, not ${kindOf(config)}`,
    )
  }
  checkOptions('checkCaches()', options, ['publicDirs'])
  const publicDirs = pathsOf(options.publicDirs ?? [])
  const found: CheckMessage[] = []
  if (!Object.hasOwn(config, 'default')) {
    found.push({
      id: 'caches.E001',
      alias: 'default',
      message: "You must define a 'default' cache in your configuration.",
      hint: 'Add one: createCaches({ default: { backend: memory() }, … }).',
    })
  }
  for (const [alias, cache] of Object.entries(config)) {
    for (const finding of cache?.backend?.check?.({ alias, publicDirs }) ?? [])
      found.push({ ...finding, alias })
  }
  return found
}

function pathsOf(publicDirs: unknown): (string | URL)[] {
  if (!Array.isArray(publicDirs)) throw notPaths(publicDirs)
  return publicDirs
    .map((dir: unknown) => (Array.isArray(dir) ? dir[1] : dir))
    .filter((path: unknown) => {
      if (path !== undefined && typeof path !== 'string' && !(path instanceof URL)) throw notPaths(path)
      return path !== undefined && path !== ''
    })
}

function notPaths(value: unknown): Error {
  return argumentError(
    TypeError,
    'INVALID_OPTION',
    `checkCaches(): publicDirs must be an array of paths, file: URLs or [mount, path] pairs, not ${kindOf(value)}`,
  )
}
