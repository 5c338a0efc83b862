/**
 * Says what is wrong with a configuration, before visitors do: what `checkCaches` finds, and what only a round trip to each backend
 * can tell.
 */
import type { Cache } from '../../core/cache.ts'
import { type CheckMessage, checkCaches } from '../../core/check.ts'
import { CacheError, ConfigError } from '../../core/errors.ts'
import { withinDeadline } from '../../core/guarding/deadline.ts'
import type { Command, Context, Options } from '../command.ts'
import type { Config } from '../config.ts'
import { codeOf, DONE, FAILED, reasonOf, UsageError } from '../failure.ts'
import { cachesOf, timeoutOf } from '../given.ts'
import { failed, inside, isUnreachable, roundTrip } from '../reach.ts'

export const check: Command = {
  usage: 'check',
  summary: 'find what is wrong: options, directories, tables, servers that do not answer',
  options: [
    ['--cache <alias...>', 'only these'],
    ['--fail-level <level>', 'exit with 1 from this on: error or warning (default: error)'],
    ['--timeout <time>', 'how long a server may take to answer (default: 600ms)'],
    ['--json', 'the findings as JSON'],
  ],
  async run({ terminal, load }, _, options) {
    const { failLevel = 'error' } = options
    if (failLevel !== 'error' && failLevel !== 'warning') {
      throw new UsageError('--fail-level must be error or warning')
    }
    const ms = timeoutOf(options.timeout)
    const { count, findings } = await findAll(load, options, ms)
    if (options.json) terminal.json(findings.map((finding) => ({ ...finding, level: levelOf(finding) })))
    else {
      for (const { id, alias, message, hint, ...rest } of findings) {
        const level = levelOf({ id, ...rest })
        const name = alias === '' ? '' : ` ${alias}:`
        terminal.out(`${level} ${id}${name} ${message}`, level === 'error' ? 'red' : 'yellow')
        if (hint !== '') terminal.out(`  ${hint}`, 'dim')
      }
      const caches = count === 1 ? '1 cache' : `${count} caches`
      terminal.out(
        findings.length === 0 ? `${caches}: nothing to mend` : `${caches}: ${findings.length} to mend`,
        findings.length === 0 ? 'green' : undefined,
      )
    }
    const bad = findings.filter((finding) => failLevel === 'warning' || levelOf(finding) === 'error')
    return bad.length === 0 ? DONE : FAILED
  },
}

async function findAll(
  load: Context['load'],
  options: Options,
  ms: number,
): Promise<{ count: number; findings: CheckMessage[] }> {
  let config: Config
  try {
    config = await load()
  } catch (error) {
    return { count: 0, findings: refused(error) }
  }
  const caches = cachesOf(config.caches, options)
  const found = await Promise.all([lookedAt(config, caches), ...caches.map((cache) => asked(cache, ms))])
  return { count: caches.length, findings: found.flat() }
}

/** `caches.E…` and `caches.W…`, as Django has it. */
function levelOf({ id }: { readonly id: string }): 'error' | 'warning' {
  return /\.W\d+$/.test(id) ? 'warning' : 'error'
}

/** A configuration that runs and is refused is what a check is for; one that is not there is a wrong call. */
function refused(error: unknown): CheckMessage[] {
  if (!(error instanceof ConfigError) || !['CONFIG_FAILED', 'CONFIG_EXPORTS'].includes(error.code))
    throw error
  if (codeOf(error.cause) === 'NO_DEFAULT_CACHE') return checkCaches({})
  return [{ id: 'caches.E004', alias: '', message: reasonOf(error), hint: 'Mend the configuration.' }]
}

function lookedAt({ caches, publicDirs }: Config, chosen: readonly Cache[]): CheckMessage[] {
  const backends = Object.fromEntries(caches.all().map((cache) => [cache.alias, inside(cache).settings]))
  const aliases = chosen.map(({ alias }) => alias)
  return checkCaches(backends, { publicDirs }).filter(({ alias }) => aliases.includes(alias))
}

/** What only the backend itself can say. */
async function asked(cache: Cache, ms: number): Promise<CheckMessage[]> {
  const finding = (id: string, message: string, hint: string) => [{ id, alias: cache.alias, message, hint }]
  try {
    const { table } = inside(cache).settings.backend
    const state = table && (await withinDeadline(ms, table.state(), 'asking for the table'))
    if (state === 'missing') {
      return finding(
        'caches.E006',
        `Your '${cache.alias}' cache rests in the table ${table?.name}, which is missing.`,
        table?.routed
          ? `Make it: stillwarm create-table --cache ${cache.alias}`
          : `Make it as you make your other tables (route.migrate is false): stillwarm create-table --dry-run --cache ${cache.alias} prints the statements.`,
      )
    }
    if (state === 'foreign') {
      return finding(
        'caches.E007',
        `Your '${cache.alias}' cache is to rest in the table ${table?.name}, whose columns or keys are not a cache's.`,
        'Give it another name with the option table: that one is left alone. What a cache needs: stillwarm create-table --dry-run.',
      )
    }
    await roundTrip(cache, ms)
    return []
  } catch (error) {
    if (isUnreachable(cache, error)) {
      return finding(
        'caches.E005',
        `${reasonOf(failed(cache, error))}.`,
        'Start the server, or look at its address in the configuration; --timeout gives it longer.',
      )
    }
    const code = error instanceof CacheError ? ` (${error.code})` : ''
    return finding(
      'caches.E004',
      `${reasonOf(failed(cache, error))}${code}`,
      'docs/errors.md has the remedy of each code.',
    )
  }
}
