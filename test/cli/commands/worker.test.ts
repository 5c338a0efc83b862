/** The worker as a process: over a runner of the configuration's own, which hands out one task that takes a while. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { work } from '../../../src/cli/commands/worker.ts'
import { runOver, sharedCaches, site } from '../kit.ts'
import { BIN, run } from '../process.ts'

let shop: ReturnType<typeof site>

const runner = (work: string) => `
  import { createCaches } from 'stillwarm'
  import { defineJob } from 'stillwarm/refresh'
  const say = (text) => process.stdout.write(text + '\\n')
  const caches = createCaches()
  const runner = { name: 'mine', remote: true, enqueue: async () => true, close: async () => {}, work: ${work} }
  const tweets = defineJob({ name: 'tweets', cache: caches.default, load: async (id) => id, runner })
  export { caches }
  export const jobs = { tweets }`

beforeAll(() => {
  shop = site({
    'stillwarm.config.mjs': runner(`({ jobs, concurrency }) => {
      say(jobs.map(({ name }) => name) + ' ' + concurrency)
      return {
        ready: Promise.resolve(),
        close: async () => {
          say('finishing')
          await new Promise((done) => setTimeout(done, process.env.LONG ? 60_000 : 100))
          say('finished')
        },
      }
    }`),
    'no-queue.mjs': runner('undefined'),
    'broken.mjs': runner(
      `() => ({ ready: Promise.reject(new Error('no queue there')), close: async () => {} })`,
    ),
    'no-jobs.mjs': "import { createCaches } from 'stillwarm'\nexport default createCaches()",
  })
})

afterAll(() => shop.remove())

async function start(env: NodeJS.ProcessEnv = {}) {
  const words = [BIN, 'worker', '--concurrency', '3']
  const child = spawn(process.execPath, words, { cwd: shop.folder, env: { ...process.env, ...env } })
  const said = { out: '', notes: '' }
  child.stdout.on('data', (text) => (said.out += text))
  const working = new Promise<void>((done) => {
    child.stderr.on('data', (text) => {
      said.notes += text
      if (said.notes.includes('Working on tweets')) done()
    })
  })
  const ended = once(child, 'close')
  await Promise.race([working, ended.then(() => Promise.reject(new Error(said.notes)))])
  return { child, said, ended }
}

describe('worker', () => {
  for (const signal of ['SIGTERM', 'SIGINT'] as const) {
    it(`works until ${signal}, then finishes what is under way, and ends well`, async () => {
      const { child, said, ended } = await start()
      child.kill(signal)
      expect(await ended).toEqual([0, null])
      expect(said.out).toBe('tweets 3\nfinishing\nfinished\n')
      expect(said.notes).toMatch(/Ending, after what is under way/)
    })
  }

  it('a second signal ends it at once', async () => {
    const { child, said, ended } = await start({ LONG: '1' })
    child.kill('SIGTERM')
    while (!said.out.includes('finishing')) await Promise.race([once(child.stdout, 'data'), ended])
    child.kill('SIGTERM')
    expect(await ended).toEqual([null, 'SIGTERM'])
  })

  it('says what is missing: jobs, a queue among them, a server', async () => {
    for (const [config, code, says] of [
      ['no-jobs.mjs', 2, /exports no jobs/],
      ['no-queue.mjs', 2, /none of the jobs has a queue/],
      ['broken.mjs', 1, /no queue there/],
    ] as const) {
      const ended = await run(['worker', '--config', config], shop.folder)
      expect([config, ended.code]).toEqual([config, code])
      expect(ended.stderr).toMatch(says)
    }
    await expect(runOver(sharedCaches(), work, [], { concurrency: 'many' })).rejects.toThrow('--concurrency')
  })
})
