// @ts-check
/**
 * `node bench/outage/outage.mjs [T1 T2 …]` after a build: what an outage of Redis costs, one line of JSON a figure, with the limit it is
 * held to. Each figure has a server and a process of its own.
 */
import { fork } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { figures } from './figures.mjs'

const HERE = fileURLToPath(import.meta.url)
const [role = '', name = ''] = process.argv.slice(2)

if (role === '--one') {
  const figure = figures[name]
  if (figure === undefined) throw new Error(`There is no figure ${name}`)
  console.log(JSON.stringify({ figure: name, ...(await figure()) }))
  process.exit()
}

const wanted = process.argv.slice(2)
let failed = 0
for (const one of wanted.length > 0 ? wanted : Object.keys(figures)) {
  const child = fork(HERE, ['--one', one], { execArgv: ['--expose-gc', '--no-warnings'], silent: true })
  let said = ''
  child.stdout?.on('data', (bytes) => {
    said += bytes
  })
  child.stderr?.pipe(process.stderr)
  await once(child, 'close')
  const line =
    said.trim().split('\n').at(-1) || JSON.stringify({ figure: one, met: false, error: 'said nothing' })
  console.log(line)
  if (!JSON.parse(line).met) failed++
}
process.exitCode = failed > 0 ? 1 : 0
