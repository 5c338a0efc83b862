import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { ROOT } from '../../scripts/report.mjs'
import type { Command, Options } from '../../src/cli/command.ts'
import type { Terminal } from '../../src/cli/terminal.ts'
import type { Backend } from '../../src/core/backend.ts'
import type { PublicDir } from '../../src/core/check.ts'
import { CacheError } from '../../src/core/errors.ts'
import type { Table } from '../../src/core/table.ts'
import { type Caches, type CachesConfig, createCaches } from '../../src/index.ts'
import { plainBackend } from '../core/plain-backend.ts'

/** A terminal that keeps what was written, and answers what it was told to. */
export function fakeTerminal({ interactive = false, yes = false, input = '' } = {}) {
  const said = { out: [] as string[], notes: [] as string[], asked: [] as string[] }
  const terminal: Terminal = {
    interactive,
    out: (text) => void said.out.push(text),
    json: (value) => void said.out.push(JSON.stringify(value)),
    note: (text) => void said.notes.push(text),
    async ask(question) {
      said.asked.push(question)
      return yes
    },
    input: async () => Buffer.from(input),
  }
  return { ...said, terminal }
}

export interface Ran {
  code: number
  out: string[]
  notes: string[]
  asked: string[]
  /** What `--json` printed. */
  json<T = Record<string, unknown>>(): T
}

/** Runs one command over caches. */
export async function runOver(
  caches: Caches<CachesConfig>,
  command: Command,
  args: string[] = [],
  options: Options = {},
  {
    publicDirs = [] as PublicDir[],
    ...typed
  }: Parameters<typeof fakeTerminal>[0] & { publicDirs?: PublicDir[] } = {},
): Promise<Ran> {
  const { terminal, out, notes, asked } = fakeTerminal(typed)
  const load = async () => ({ path: '/site/stillwarm.config.js', caches, publicDirs, jobs: undefined })
  const code = await command.run({ terminal, load }, args, options)
  return { code, out, notes, asked, json: () => JSON.parse(out.join('\n')) }
}

/** Caches of a configuration, a plain one by default, that other processes would share. */
export function sharedCaches(config: CachesConfig = { default: { backend: plainBackend(false) } }) {
  return createCaches(config)
}

/** A backend that rests in a table which is only said to be there. */
export function tableBackend(state: Awaited<ReturnType<Table['state']>>, { migrates = true } = {}) {
  const calls: string[] = []
  const told = { state }
  const table: Table = {
    name: '"stillwarm_cache"',
    routed: migrates,
    statements: () => ['CREATE TABLE "stillwarm_cache" (k text)', 'CREATE INDEX i ON "stillwarm_cache" (k);'],
    async state() {
      calls.push('state')
      return told.state
    },
    async create() {
      calls.push('create')
      if (!migrates) return 'unrouted'
      if (told.state === 'foreign') throw new CacheError('FOREIGN_TABLE', 'has other columns')
      if (told.state === 'ours') return 'exists'
      told.state = 'ours'
      return 'created'
    },
    async cull() {
      calls.push('cull')
      return 7
    },
  }
  const backend: Backend = { ...plainBackend(false), name: 'sqlite', table }
  return { backend, calls, table }
}

/** A backend on a network whose server is not there, or never answers. */
export function deadBackend({ silent = false } = {}): Backend {
  const refuse = () =>
    silent
      ? new Promise<never>(() => {})
      : Promise.reject(Object.assign(new Error('connect ECONNREFUSED'), { code: 'ECONNREFUSED' }))
  const verbs = [
    'get',
    'set',
    'add',
    'touch',
    'delete',
    'incr',
    'getMany',
    'setMany',
    'deleteMany',
    'peek',
    'replace',
  ]
  return {
    ...plainBackend(false),
    ...Object.fromEntries([...verbs, 'clear'].map((verb) => [verb, refuse])),
    name: 'far',
    close: async () => {},
    network: {
      opTimeout: 100,
      maxInFlight: 10,
      noAnswer: (error) => error instanceof Error && 'code' in error && error.code === 'ECONNREFUSED',
      reconnect: refuse,
    },
  }
}

/** A folder of a site with these files, where `stillwarm` is installed. */
export function site(files: Record<string, string>): { folder: string; remove(): void } {
  const folder = mkdtempSync(join(tmpdir(), 'stillwarm-cli-'))
  mkdirSync(join(folder, 'node_modules'))
  symlinkSync(ROOT, join(folder, 'node_modules', 'stillwarm'))
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, path)), { recursive: true })
    writeFileSync(join(folder, path), text)
  }
  return { folder, remove: () => rmSync(folder, { recursive: true, force: true }) }
}
