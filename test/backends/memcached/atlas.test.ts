/** The demo site with its answers on Memcached, as a process of its own. */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, it, onTestFinished } from 'vitest'
import { ROOT } from '../../../scripts/report.mjs'
import { memcachedClient } from '../../../src/backends/memcached/client/index.ts'
import { startMemcached } from '../../servers/memcached.ts'

async function opened(child: ChildProcess): Promise<string> {
  let output = ''
  for await (const text of child.stdout ?? []) {
    output += text
    if (/Open http:/.test(output)) return output
  }
  throw new Error(`the atlas ended:\n${output}`)
}

it('the atlas with --memcached keeps its answers there, and tours again over what an earlier one left', async () => {
  const server = await startMemcached()
  const directory = mkdtempSync(join(tmpdir(), 'stillwarm-atlas-'))
  onTestFinished(() => rmSync(directory, { recursive: true, force: true }))
  for (let tour = 0; tour < 2; tour++) {
    const args = ['--port', '0', '--directory', directory, '--memcached', server.address]
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
  const client = memcachedClient({ servers: server.address })
  expect((await client.get('atlas:1:tour:count'))?.value.toString()).toBe('500')
  await client.close()
}, 60_000)
