/** The demo site in two tiers, as a process of its own. */
import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { expect, it, onTestFinished } from 'vitest'
import { ROOT } from '../../../scripts/report.mjs'
import { ask, startRedis } from '../../servers/redis.ts'

const ATLAS = 'examples/atlas/main.mjs'

it('the atlas with --redis and --tiered tours and serves, its answers on Redis and a bus between its processes', async () => {
  const server = await startRedis()
  const directory = mkdtempSync(join(tmpdir(), 'stillwarm-atlas-'))
  onTestFinished(() => rmSync(directory, { recursive: true, force: true }))
  const args = ['--port', '0', '--directory', directory, '--redis', `redis://${server.address}`, '--tiered']
  const child = spawn(process.execPath, [ATLAS, ...args], { cwd: ROOT })
  onTestFinished(() => void child.kill('SIGKILL'))
  let output = ''
  for await (const text of child.stdout) {
    output += text
    if (/Open http:/.test(output)) break
  }
  expect(output).toMatch(/1 load, 200 answers/)
  expect(output).toMatch(/500 visitors at once on one counter +500\n/)
  const [, url] = /Open (http:\S+\/)/.exec(output) ?? []
  expect((await fetch(String(url))).status).toBe(200)
  expect(await ask(server, ['get', 'atlas:1:tour:count'])).toBe('500')
  expect(await ask(server, ['pubsub', 'numsub', 'atlas'])).toBe('atlas\n1')
  child.kill('SIGTERM')
  expect((await once(child, 'exit'))[0]).toBe(0)
}, 60_000)

it('the atlas with --tiered alone says what it needs', async () => {
  const failed = promisify(execFile)(process.execPath, [ATLAS, '--tiered'], { cwd: ROOT })
  await expect(failed).rejects.toMatchObject({ code: 1, stderr: expect.stringMatching(/needs --redis/) })
})
