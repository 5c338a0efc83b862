/**
 * F89: the same program many times over: forked, as workers of a cluster, as threads. What is shared is exact and loaded once;
 * what is the process's own is each one's own.
 */
import { fork, spawn } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { Worker } from 'node:worker_threads'
import { afterAll, expect, it } from 'vitest'
import { createCaches, file } from '../../src/index.ts'

const PROGRAM = fileURLToPath(new URL('many-of-me.mjs', import.meta.url))
const TIMES = 50
const home = mkdtempSync(join(tmpdir(), 'warm-many-'))
afterAll(() => rmSync(home, { recursive: true, force: true }))

interface Told {
  alone: number
  loads: number
  counted: number
}
/** What one of them is given. */
interface Part {
  directory: string
  times: number
}

const heard = (emitter: NodeJS.EventEmitter) =>
  new Promise<Told>((resolve, reject) => {
    emitter.once('message', resolve).once('error', reject)
    emitter.once('exit', (code) => reject(new Error(`It ended with ${code} and told nothing`)))
  })

const forked = (part: Part) =>
  heard(fork(PROGRAM, { env: { ...process.env, MANY_OF_ME: JSON.stringify(part) } }))
const threaded = (part: Part) => heard(new Worker(PROGRAM, { workerData: part }))

/** A cluster's primary has to be a process of its own: it passes on what its workers tell. */
async function clustered(count: number, part: Part): Promise<Told[]> {
  const primary = `
    import cluster from 'node:cluster'
    cluster.setupPrimary({ execArgv: [], exec: ${JSON.stringify(PROGRAM)} })
    for (let i = 0; i < ${count}; i++) cluster.fork().once('message', (told) => console.log(JSON.stringify(told)))`
  const child = spawn(process.execPath, ['--input-type=module', '-e', primary], {
    env: { ...process.env, MANY_OF_ME: JSON.stringify(part) },
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  let text = ''
  for await (const chunk of child.stdout) text += chunk
  return text
    .trim()
    .split('\n')
    .map((line): Told => JSON.parse(line))
}

it.each<[how: string, count: number, (count: number, part: Part) => Promise<Told[]>]>([
  ['forked', 4, (count, part) => Promise.all(Array.from({ length: count }, () => forked(part)))],
  ['workers of a cluster', 8, clustered],
  ['threads', 4, (count, part) => Promise.all(Array.from({ length: count }, () => threaded(part)))],
])('F89 %s: counts are exact, one load among all, memory is each one’s own', async (how, count, start) => {
  const directory = join(home, how)
  const told = await start(count, { directory, times: TIMES })
  expect(told.map(({ alone }) => alone)).toEqual(Array.from({ length: count }, () => TIMES))
  const loads = told.map((one) => one.loads)
  expect(loads.reduce((sum, one) => sum + one)).toBe(1)
  expect(told.map(({ counted }) => counted)).toEqual(loads)

  const caches = createCaches({ default: { backend: file({ directory }), ttl: null } })
  expect(await caches.default.get('together')).toBe(count * TIMES)
  await caches.close()
})
