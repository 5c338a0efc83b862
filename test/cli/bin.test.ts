/** The built program, as a user's shell runs it. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createServer } from 'node:net'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { site } from './kit.ts'
import { BIN, run } from './process.ts'

const CANARY = 'canary-7f3a9c'

let shop: ReturnType<typeof site>

beforeAll(() => {
  shop = site({
    'stillwarm.config.mjs': `
      import { createCaches, file } from 'stillwarm'
      import { redis } from 'stillwarm/backends/redis'
      console.log('loading')
      setInterval(() => {}, 1_000)
      const url = (port) => 'redis://shop:${CANARY}@127.0.0.1:' + port + '/0'
      export default createCaches({
        default: { backend: file({ directory: new URL('./.cache', import.meta.url) }), ttl: '1h' },
        dead: { backend: redis({ url: url(1) }) },
        frozen: { backend: redis({ url: url(process.env.PORT ?? 1) }) },
      })`,
  })
})

afterAll(() => shop.remove())

describe('the program', () => {
  it('one process keeps what the next one finds, and JSON is all there is on stdout', async () => {
    const set = await run(['set', 'greeting', '-', '--json'], shop.folder, { input: 'hello\n' })
    expect([set.code, JSON.parse(set.stdout)]).toMatchObject([0, { stored: true, as: 'text' }])
    const got = await run(['get', 'greeting'], shop.folder)
    expect(got).toMatchObject({ code: 0, stdout: 'hello\n\n' })
    const json = await run(['get', 'greeting', '--json'], shop.folder)
    expect(JSON.parse(json.stdout)).toMatchObject({ value: 'hello\n', status: 'fresh' })
    expect((await run(['delete', 'greeting'], shop.folder)).code).toBe(0)
    expect((await run(['get', 'greeting'], shop.folder)).code).toBe(1)
  })

  it('A99 escapes in a key and a value are written out', async () => {
    const key = '\x1b]0;owned\x07'
    await run(['set', key, '\x1b[2J\x9b31m', '--as', 'text'], shop.folder)
    const got = await run(['get', key], shop.folder)
    expect(got.stdout).toBe('\\x1b[2J\\x9b31m\n')
    const missing = await run(['get', `${key}?`], shop.folder)
    expect(missing.stderr).toContain('"\\u001b]0;owned\\u0007?" is not there')
  })

  it('F94 a server that is not there, or that froze, is unreachable, and the process ends', async () => {
    const frozen = createServer().listen(0, '127.0.0.1')
    await once(frozen, 'listening')
    const address = frozen.address()
    const env = { PORT: String(typeof address === 'object' ? address?.port : '') }
    for (const words of [
      ['get', 'k', '--cache', 'dead'],
      ['get', 'k', '--cache', 'frozen'],
      ['check'],
      ['stats'],
    ]) {
      const { code, stdout, stderr, ms } = await run(words, shop.folder, { env })
      expect([words, code]).toEqual([words, 1])
      expect(stdout + stderr).toContain('unreachable')
      expect(stdout + stderr).not.toContain(CANARY)
      // The answer itself is timed in check.test.ts; here, that nothing keeps the process.
      expect(ms).toBeLessThan(5_000)
    }
    frozen.close()
  })

  it('A98 a broken configuration is one line that holds no secret', async () => {
    const broken = site({
      'stillwarm.config.mjs': `
        import { createCaches } from 'stillwarm'
        import { redis } from 'stillwarm/backends/redis'
        const url = 'redis://shop:${CANARY}@127.0.0.1:port'
        export default createCaches({ default: { backend: redis({ url }) } })`,
      'syntax.mjs': `export default { password: '${CANARY}' '' }`,
      'json.mjs': `JSON.parse('{ "password": "${CANARY}" ')`,
      'throws.mjs': `throw new Error('cannot use redis://shop:${CANARY}@host and ' + process.env.SHOP_PASSWORD)`,
    })
    const configs = [[], ['--config', 'syntax.mjs'], ['--config', 'json.mjs'], ['--config', 'throws.mjs']]
    for (const config of configs) {
      const env = { SHOP_PASSWORD: `${CANARY}-of-env` }
      const { code, stdout, stderr } = await run(['get', 'k', ...config], broken.folder, { env })
      expect([config, code, stdout]).toEqual([config, 2, ''])
      expect(stderr).toMatch(/^stillwarm: .*\.mjs(:\d+)?: .+\n$/)
      expect(stderr).not.toContain(CANARY)
      const check = await run(['check', '--json', ...config], broken.folder, { env })
      expect([check.code, JSON.parse(check.stdout)]).toMatchObject([
        1,
        [{ id: 'caches.E004', level: 'error' }],
      ])
      expect(check.stdout + check.stderr).not.toContain(CANARY)
    }
    broken.remove()
  })

  it('A98 what a configuration throws later, when nobody waits for it, is told without its line', async () => {
    const late = (act: string) => `
      import { createCaches, memory } from 'stillwarm'
      ${act}
      await new Promise((done) => setTimeout(done, 200))
      export default createCaches({ default: { backend: memory() } })`
    const url = `redis://shop:${CANARY}@host`
    const broken = site({
      'throws.mjs': late(`setTimeout(() => { throw new Error('late: ${url}') }, 1)`),
      'rejects.mjs': late(`Promise.reject(new Error('${url}'))`),
      'text.mjs': late(`Promise.reject('${url}')`),
    })
    for (const [name, says] of [
      ['throws.mjs', /^stillwarm: late: redis:\/\/\*\*\*@host\n +at .*throws\.mjs:3/],
      ['rejects.mjs', /^stillwarm: redis:\/\/\*\*\*@host\n +at /],
      ['text.mjs', /^stillwarm: a string was thrown\n/],
    ] as const) {
      const { code, stdout, stderr } = await run(['get', 'k', '--config', name], broken.folder)
      expect([name, code, stdout]).toEqual([name, 1, ''])
      expect(stderr).toMatch(says)
      expect(stderr).not.toContain(CANARY)
    }
    broken.remove()
  })

  it('a configuration that ends the process, in loading or later, does not end the command as if it were done', async () => {
    const ended = site({
      'loading.mjs': 'process.exit(0)',
      'code.mjs': 'process.exit(5)',
      'later.mjs': `
        import { createCaches, memory } from 'stillwarm'
        setTimeout(() => process.exit(), 1)
        await new Promise((done) => setTimeout(done, 200))
        export default createCaches({ default: { backend: memory() } })`,
    })
    for (const name of ['loading.mjs', 'code.mjs', 'later.mjs']) {
      for (const command of [['check'], ['get', 'k'], ['create-table', '--json']]) {
        const { code, stdout, stderr } = await run([...command, '--config', name], ended.folder)
        expect([name, command, code, stdout]).toEqual([name, command, 1, ''])
        expect(stderr).toMatch(/^stillwarm: .*before the command was done.*process\.exit\(\)\n$/)
      }
    }
    ended.remove()
  })

  it('a reader that has seen enough is no error', async () => {
    await run(['set', 'long', '-'], shop.folder, { input: 'line\n'.repeat(100_000) })
    const child = spawn(process.execPath, [BIN, 'get', 'long'], { cwd: shop.folder })
    let errors = ''
    child.stderr.on('data', (text) => (errors += text))
    child.stdout.once('data', () => child.stdout.destroy())
    const [code] = await once(child, 'close')
    expect([code, errors.replace('loading\n', '')]).toEqual([0, ''])
  })
})
