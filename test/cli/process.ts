/** The built command, as a process of its own. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { ROOT } from '../../scripts/report.mjs'

export const BIN = join(ROOT, 'dist/cli/main.js')

export interface Ended {
  code: number | null
  stdout: string
  stderr: string
  ms: number
}

export async function run(
  words: string[],
  cwd: string,
  { env = {}, input = '' }: { env?: NodeJS.ProcessEnv; input?: string } = {},
): Promise<Ended> {
  const start = performance.now()
  const child = spawn(process.execPath, [BIN, ...words], { cwd, env: { PATH: process.env.PATH, ...env } })
  let [stdout, stderr] = ['', '']
  child.stdout.on('data', (text) => (stdout += text))
  child.stderr.on('data', (text) => (stderr += text))
  child.stdin.on('error', () => {}).end(input)
  const [code] = await once(child, 'close')
  return { code, stdout, stderr, ms: performance.now() - start }
}
