/** The demo site with its answers in a database, as a process of its own; and the command over the same table. */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, it, onTestFinished } from 'vitest'
import { ROOT } from '../../../scripts/report.mjs'
import { run } from '../../cli/process.ts'
import { startMariadb } from '../../servers/mariadb.ts'
import { startPostgres } from '../../servers/postgres.ts'

async function opened(child: ChildProcess): Promise<string> {
  let output = ''
  for await (const text of child.stdout ?? []) {
    output += text
    if (/Open http:/.test(output)) return output
  }
  throw new Error(`the atlas ended:\n${output}`)
}

const DATABASES: [flag: string, start: (directory: string) => Promise<string>][] = [
  ['sqlite', async (directory) => join(directory, 'atlas.db')],
  ['postgres', async () => (await startPostgres()).url],
  ['mysql', async () => (await startMariadb()).url],
]

for (const [flag, start] of DATABASES) {
  it(`the atlas with --${flag} makes its table, keeps its answers there, and the command counts them`, async () => {
    const directory = mkdtempSync(join(tmpdir(), 'stillwarm-atlas-'))
    onTestFinished(() => rmSync(directory, { recursive: true, force: true }))
    const where = await start(directory)
    for (let tour = 0; tour < 2; tour++) {
      const args = ['--port', '0', '--directory', directory, `--${flag}`, where]
      const child = spawn(process.execPath, ['examples/atlas/main.mjs', ...args], { cwd: ROOT })
      onTestFinished(() => void child.kill('SIGKILL'))
      const output = await opened(child)
      expect(output).toMatch(/1 load, 200 answers/)
      expect(output).toMatch(/500 visitors at once on one counter +500\n/)
      // It listens for the end of the process only after it has said where it is.
      expect((await fetch(/Open (http:\S+\/)/.exec(output)![1]!)).status).toBe(200)
      child.kill('SIGTERM')
      expect((await once(child, 'exit'))[0]).toBe(0)
    }
    const config = ['--config', join(ROOT, 'examples/atlas/stillwarm.config.mjs')]
    const env = { [`ATLAS_${flag.toUpperCase()}`]: where }
    const count = await run(['get', 'tour:count', ...config], directory, { env })
    expect(count).toMatchObject({ code: 0, stdout: '500\n' })
    const table = await run(['create-table', '--json', ...config], directory, { env })
    expect(JSON.parse(table.stdout)).toMatchObject([{ caches: ['default'], outcome: 'exists' }])
  }, 120_000)
}
