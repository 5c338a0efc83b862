#!/usr/bin/env node
/** The program `stillwarm`. A configuration may leave timers and clients of its own behind, so it ends by itself when the command is over. */
import process from 'node:process'
import { FAILED, framesOf, reasonOf } from './failure.ts'
import { run } from './program.ts'
import { redact } from './redact.ts'
import { terminalOf } from './terminal.ts'

const { stdin, stdout, stderr, env } = process
const terminal = terminalOf({ stdin, stdout, stderr, env })

// A configuration that ends the process would end the command as if it had done what it was told.
let over = false
process.on('exit', () => {
  if (over) return
  terminal.note(
    'stillwarm: the process was ended before the command was done: the configuration must not call process.exit()',
    'red',
  )
  process.exitCode = FAILED
})

// Whoever reads may have seen enough: `stillwarm get page | head -1`.
for (const stream of [stdout, stderr]) stream.on('error', () => end())

// What a configuration says while it loads is no part of the answer.
console.log = console.info = console.debug = console.error

// In one line, without escapes and secrets. That a backend is down the command itself tells; what is experimental in Node nobody asked.
process.removeAllListeners('warning').on('warning', ({ name, message }) => {
  if (name !== 'CacheBackendWarning' && name !== 'ExperimentalWarning')
    terminal.note(redact(`${name}: ${message}`), 'yellow')
})

// Thrown where nobody waits for it. Node would show the line of the source that it comes from, and what stands in it.
for (const event of ['uncaughtException', 'unhandledRejection'])
  process.on(event, (error: unknown) => {
    terminal.note(`stillwarm: ${reasonOf(error)}`, 'red')
    terminal.note(framesOf(error), 'dim')
    end(FAILED)
  })

process.exitCode = await run(process.argv.slice(2), terminal, process.cwd())
await Promise.all([stdout, stderr].map((stream) => new Promise((done) => stream.write('', done))))
end()

function end(code = process.exitCode): void {
  over = true
  process.exit(code)
}
