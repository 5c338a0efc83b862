/** What a command is: data and one function. `program.ts` makes the command line of it; nothing else knows who reads it. */
import type { Config } from './config.ts'
import type { Terminal } from './terminal.ts'

export interface Command {
  /** As the help has it: `'get <key>'`, `'delete <keys...>'`. */
  readonly usage: string
  readonly summary: string
  readonly options?: readonly (readonly [flags: string, description: string])[]
  readonly examples?: readonly string[]
  /** The exit code. What it throws is told in one line. */
  run(context: Context, args: readonly string[], options: Options): Promise<number>
}

export interface Context {
  readonly terminal: Terminal
  /** Loads the configuration; its caches are closed after the command. */
  load(): Promise<Config>
}

/** What options of all commands say; which a command has, it lists. */
export interface Options {
  readonly json?: boolean
  readonly cache?: string | readonly string[]
  readonly version?: string
  readonly ttl?: string
  readonly as?: string
  readonly stale?: boolean
  readonly everything?: boolean
  readonly yes?: boolean
  readonly dryRun?: boolean
  readonly timeout?: string
  readonly failLevel?: string
  readonly concurrency?: string
}
