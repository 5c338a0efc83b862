/**
 * `stillwarm.config.{js,mjs,ts}`: the file that gives the command the caches of a site. It is a program, so it is run only from where the
 * user works: from the current folder up to the root of its project, and only where nobody else could have put it there.
 */
import { existsSync, statSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import type { Registry } from '../core/caches.ts'
import type { PublicDir } from '../core/check.ts'
import { ConfigError } from '../core/errors.ts'
import { withinDeadline } from '../core/guarding/deadline.ts'
import { isRecord, kindOf } from '../core/options.ts'
import { codeOf, reasonOf } from './failure.ts'

export interface Config {
  /** Where it was found. */
  readonly path: string
  readonly caches: Registry
  readonly publicDirs: readonly PublicDir[]
  /** As they were exported; the worker knows what they are. */
  readonly jobs: unknown
}

/** In the order in which they are looked for: what every Node can run comes first. */
const NAMES = ['stillwarm.config.js', 'stillwarm.config.mjs', 'stillwarm.config.ts']

/** A configuration that waits for something at its top would wait for ever. */
const LOADED_WITHIN = 10_000

/**
 * Finds, runs and reads it.
 *
 * @param given a path that the user named: taken as it is, whoever owns it.
 * @throws ConfigError `CONFIG_NOT_FOUND`, `CONFIG_UNTRUSTED`, `CONFIG_NEEDS_NODE`, `CONFIG_FAILED`, `CONFIG_EXPORTS`.
 */
export async function loadConfig(cwd: string, given?: string): Promise<Config> {
  const path = given === undefined ? findConfig(cwd) : resolve(cwd, given)
  if (given === undefined) refuseUntrusted(path)
  if (!statSync(path, { throwIfNoEntry: false })?.isFile())
    throw new ConfigError('CONFIG_NOT_FOUND', `There is no file ${path}`)
  return readExports(path, await runConfig(path))
}

/** The nearest one upwards, as far as the folder that has the package.json. */
export function findConfig(cwd: string): string {
  for (let folder = resolve(cwd); ; folder = dirname(folder)) {
    for (const name of NAMES) if (existsSync(join(folder, name))) return join(folder, name)
    if (existsSync(join(folder, 'package.json')) || dirname(folder) === folder) {
      throw new ConfigError(
        'CONFIG_NOT_FOUND',
        `There is no ${NAMES.join(', ')} from ${resolve(cwd)} up to ${folder}: write one, or name it with --config`,
      )
    }
  }
}

function refuseUntrusted(path: string): void {
  const user = process.getuid?.()
  for (const place of [path, dirname(path)]) {
    const why = untrusted(statSync(place), user)
    if (why === undefined) continue
    throw new ConfigError(
      'CONFIG_UNTRUSTED',
      `${path} was not run: ${place === path ? 'it' : 'its folder'} ${why}. If you trust it, name it with --config`,
    )
  }
}

/**
 * Why somebody else could have written it.
 *
 * @param user who runs the command; `undefined` where the system has no such owners.
 */
export function untrusted(
  stat: { readonly uid: number; readonly mode: number },
  user: number | undefined,
): string | undefined {
  if (user === undefined) return undefined
  if (stat.uid !== user && stat.uid !== 0) return 'belongs to another user'
  const sticky = (stat.mode & 0o1000) !== 0
  return (stat.mode & 0o002) !== 0 && !sticky ? 'may be written to by every user' : undefined
}

async function runConfig(path: string): Promise<unknown> {
  try {
    return await withinDeadline(LOADED_WITHIN, import(pathToFileURL(path).href), 'running it')
  } catch (error) {
    if (codeOf(error) === 'ERR_UNKNOWN_FILE_EXTENSION' && path.endsWith('.ts')) {
      throw new ConfigError(
        'CONFIG_NEEDS_NODE',
        `${path}: TypeScript is read by Node 22.18 and later, and this is ${process.version}: write stillwarm.config.js or stillwarm.config.mjs`,
      )
    }
    throw new ConfigError('CONFIG_FAILED', `${placeOf(error, path)}: ${nameOf(error)}${reasonOf(error)}`, {
      cause: error,
    })
  }
}

function nameOf(error: unknown): string {
  return error instanceof Error && error.name !== 'Error' ? `${error.name}: ` : ''
}

/** The line of the configuration that the stack tells of, where it does. Never a line itself: it may hold a password. */
export function placeOf(error: unknown, path: string): string {
  const stack = error instanceof Error ? (error.stack ?? '') : ''
  for (const name of [pathToFileURL(path).href, path]) {
    const at = stack.indexOf(`${name}:`)
    const line = at === -1 ? null : /^:(\d+)/.exec(stack.slice(at + name.length))
    if (line) return `${path}:${line[1]}`
  }
  return path
}

/** A module that `module.exports` something has it as its default. */
function readExports(path: string, module: unknown): Config {
  const named = module as Readonly<Record<string, unknown>>
  const whole = named.default
  const inDefault = !isRegistry(whole) && isRecord(whole) ? whole : {}
  const exported = (name: string) => named[name] ?? inDefault[name]
  const caches = isRegistry(whole) ? whole : exported('caches')
  if (!isRegistry(caches)) {
    throw new ConfigError(
      'CONFIG_EXPORTS',
      `${path} must export what createCaches() made, as its default or as \`caches\`; there it is ${kindOf(caches ?? whole)}`,
    )
  }
  const publicDirs = exported('publicDirs') ?? []
  if (!Array.isArray(publicDirs)) {
    throw new ConfigError(
      'CONFIG_EXPORTS',
      `${path}: publicDirs must be an array of folders, not ${kindOf(publicDirs)}`,
    )
  }
  return { path, caches, publicDirs, jobs: exported('jobs') }
}

function isRegistry(value: unknown): value is Registry {
  if (typeof value !== 'object' || value === null) return false
  const { get, all, close } = value as Partial<Registry>
  return [get, all, close].every((member) => typeof member === 'function') && Symbol.iterator in value
}
