/** The command line: commands as data become commander's, and whatever happens becomes one line and an exit code. */
import { readFileSync } from 'node:fs'
import { CommanderError, Command as Program } from 'commander'
import { withinDeadline } from '../core/guarding/deadline.ts'
import type { Command, Options } from './command.ts'
import { check } from './commands/check.ts'
import { clear } from './commands/clear.ts'
import { createTable } from './commands/create-table.ts'
import { cull } from './commands/cull.ts'
import { deleteKeys } from './commands/delete.ts'
import { get } from './commands/get.ts'
import { set } from './commands/set.ts'
import { stats } from './commands/stats.ts'
import { work } from './commands/worker.ts'
import { type Config, loadConfig } from './config.ts'
import { DONE, exitCodeOf, reasonOf, WRONG } from './failure.ts'
import type { Terminal } from './terminal.ts'

const COMMANDS: readonly Command[] = [check, createTable, stats, get, set, deleteKeys, clear, cull, work]

const HELP = `
Exit codes: 0 done; 1 not there, a failed check, a server that does not answer; 2 a wrong call or configuration.`

/** A backend whose server froze must not keep the command. */
const CLOSED_WITHIN = 300

const CONFIG = [
  '--config <file>',
  'the configuration (default: stillwarm.config.{js,mjs,ts} of this project)',
] as const

/**
 * Runs one command line.
 *
 * @param words what follows the name of the program.
 * @returns the exit code: 0 done, 1 not there or failed, 2 a wrong call or configuration.
 */
export async function run(words: readonly string[], terminal: Terminal, cwd: string): Promise<number> {
  let code = DONE
  const program = new Program('stillwarm')
    .description('The cache of your site, from the command line.')
    .version(versionOfPackage(), '--version', 'the version of stillwarm')
    .helpOption('-h, --help', 'how to use it')
    .helpCommand(false)
    .option(...CONFIG)
    // A command has a --version of its own.
    .enablePositionalOptions()
    .addHelpText('after', HELP)
  for (const command of COMMANDS) {
    const made = program.command(command.usage).description(command.summary)
    for (const [flags, description] of command.options ?? []) made.option(flags, description)
    made.option(...CONFIG)
    if (command.examples)
      made.addHelpText('after', `\nExamples:\n${command.examples.map((line) => `  ${line}`).join('\n')}`)
    made.action(async () => {
      const options: Options & { config?: string } = made.optsWithGlobals()
      code = await withConfig(
        () => loadConfig(cwd, options.config),
        (load) => command.run({ terminal, load }, made.args, options),
      )
    })
  }
  for (const made of [program, ...program.commands]) {
    made.exitOverride().configureOutput({
      writeOut: (text) => terminal.out(text.trimEnd()),
      writeErr: (text) => terminal.note(text.trimEnd()),
    })
  }
  try {
    await program.parseAsync(words, { from: 'user' })
    return code
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? DONE : WRONG
    terminal.note(`stillwarm: ${reasonOf(error)}`, 'red')
    return exitCodeOf(error)
  }
}

/** Runs a command with the configuration that it loads, and lets go of it. */
async function withConfig(
  loadIt: () => Promise<Config>,
  command: (load: () => Promise<Config>) => Promise<number>,
): Promise<number> {
  let loading: Promise<Config> | undefined
  try {
    return await command(() => (loading ??= loadIt()))
  } finally {
    const config = await loading?.catch(() => undefined)
    await withinDeadline(CLOSED_WITHIN, config?.caches.close(), 'closing').catch(() => {})
  }
}

function versionOfPackage(): string {
  return JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')).version
}
