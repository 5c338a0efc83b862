import { once } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, describe, expect, it } from 'vitest'
import { backoff } from '../../../../src/backends/memcached/client/backoff.ts'
import { type MemcachedClient, memcachedClient } from '../../../../src/backends/memcached/client/index.ts'
import type { ClientOptions } from '../../../../src/backends/memcached/client/options.ts'
import { ownTime } from '../../../own-time.ts'
import { startMemcached } from '../../../servers/memcached.ts'
import { freePort } from '../../../servers/server.ts'

/** What a busy machine may add to any time here, in milliseconds; less than a deadline. */
const BUSY = 200

const open: MemcachedClient[] = []
afterAll(() => Promise.all(open.map((client) => client.close())))

function connected(options: ClientOptions): MemcachedClient {
  const client = memcachedClient(options)
  open.push(client)
  return client
}

async function timed<T>(ask: () => Promise<T>): Promise<{ ms: number; code: string | undefined }> {
  const from = ownTime()
  const code = await ask().then(
    () => undefined,
    (error) => error.code,
  )
  return { ms: ownTime() - from, code }
}

function quantile(times: readonly number[], share: number): number {
  return times.toSorted((a, b) => a - b)[Math.floor(times.length * share)]!
}

/** Until it succeeds; how long that took. */
async function recovery(ask: () => Promise<unknown>): Promise<number> {
  const from = ownTime()
  for (;;) {
    if ((await timed(ask)).code === undefined) return ownTime() - from
    if (ownTime() - from > 10_000) throw new Error('no recovery in 10 s')
    await sleep(10)
  }
}

describe.concurrent.each(['meta', 'text', 'binary'] as const)('%s', (protocol) => {
  it('F01 T1 a killed server: the first call fails fast, all later ones at once', async () => {
    const server = await startMemcached()
    const client = connected({ servers: server.address, protocol })
    await client.set('k', 'v')
    await server.kill()
    const first = await timed(() => client.get('k'))
    expect(first.ms).toBeLessThan(BUSY)
    const later: number[] = []
    for (let i = 0; i < 100; i++) {
      const { ms, code } = await timed(() => client.get('k'))
      expect(code).toMatch(/SERVER_DOWN|CONNECTION_LOST/)
      later.push(ms)
    }
    expect(quantile(later, 0.9)).toBeLessThan(2)
    expect(Math.max(...later)).toBeLessThan(BUSY)
  })

  it('F02 F06 T2 T4 a frozen server: one wave waits for the deadline, then nobody; back at once when it thaws', async () => {
    const server = await startMemcached()
    const client = connected({ servers: server.address, protocol })
    await client.set('k', 'v')
    await server.freeze()
    const wave = await Promise.all(Array.from({ length: 100 }, () => timed(() => client.get('k'))))
    for (const { code } of wave) expect(code).toBe('TIMEOUT')
    expect(Math.max(...wave.map(({ ms }) => ms))).toBeLessThan(300 + BUSY)
    const until = performance.now() + 1500
    while (performance.now() < until) {
      const { ms, code } = await timed(() => client.get('k'))
      expect(code).toBe('SERVER_DOWN')
      expect(ms).toBeLessThan(BUSY)
      await sleep(20)
    }
    server.thaw()
    expect(await recovery(() => client.get('k'))).toBeLessThan(2500)
    expect(String((await client.get('k'))?.value)).toBe('v')
  })

  it('a server that was frozen from the start hangs nobody for longer than the deadline', async () => {
    const server = await startMemcached()
    await server.freeze()
    const client = connected({ servers: server.address, protocol })
    const wave = await Promise.all(Array.from({ length: 10 }, () => timed(() => client.get('k'))))
    for (const { code } of wave) expect(code).toBe('TIMEOUT')
    expect(Math.max(...wave.map(({ ms }) => ms))).toBeLessThan(300 + BUSY)
    const later = await timed(() => client.get('k'))
    expect(later.code).toBe('SERVER_DOWN')
    server.thaw()
    expect(await recovery(() => client.get('k'))).toBeLessThan(2500)
  })
})

it.concurrent('F06 T4 after a restart the first hit comes within 1.5 s, and onState has told of both', async () => {
  const server = await startMemcached()
  const states: string[] = []
  const client = connected({
    servers: server.address,
    onState: (name, state) => states.push(`${name === server.address} ${state}`),
  })
  await client.set('k', 'v')
  await server.kill()
  await timed(() => client.get('k'))
  await sleep(1000)
  await server.restart()
  expect(await recovery(() => client.set('k', 'w'))).toBeLessThan(1500)
  expect(states).toEqual(['true up', 'true down', 'true up'])
})

it.concurrent('a connection that the server closed for resting is made again without a failure', async ({
  expect,
}) => {
  const server = await startMemcached({ args: ['-o', 'idle_timeout=1'] })
  const client = connected({ servers: server.address })
  await client.set('k', 'v')
  await expect.poll(() => client.servers[0]?.state, { timeout: 10_000 }).toBe('idle')
  expect(String((await client.get('k'))?.value)).toBe('v')
})

it('F22 what onState asks for on up is sent before all that waits', async () => {
  const server = await startMemcached()
  let removed: Promise<boolean> | undefined
  const client: MemcachedClient = connected({
    servers: server.address,
    onState: (_name, state) => {
      if (state === 'up') removed ??= client.delete('k')
    },
  })
  const other = connected({ servers: server.address })
  await other.set('k', 'old')
  expect(await client.get('k')).toBeUndefined()
  expect(await removed).toBe(true)
})

it('F21 one of three servers dead: its keys alone fail, and getMany and setMany name them', async () => {
  const servers = await Promise.all([startMemcached(), startMemcached(), startMemcached()])
  const client = connected({ servers: servers.map((server) => server.address) })
  const keys = Array.from({ length: 300 }, (_, i) => `key:${i}`)
  const entries = keys.map((key) => [key, 'v'] as const)
  expect((await client.setMany(entries)).size).toBe(0)
  const dead = servers[1]!
  const lost = keys.filter((key) => client.serverOf(key) === dead.address)
  expect(lost.length).toBeGreaterThan(40)
  expect(lost.length).toBeLessThan(200)
  await dead.kill()
  const { items, failed } = await client.getMany(keys)
  expect([...failed.keys()].sort()).toEqual([...lost].sort())
  expect(items.size).toBe(keys.length - lost.length)
  expect([...(await client.setMany(entries)).keys()].sort()).toEqual([...lost].sort())
  expect((await client.deleteMany(keys)).failed.size).toBe(lost.length)
  expect((await client.version()).size).toBe(2)
  await expect(client.flushAll()).rejects.toMatchObject({ server: dead.address })
  await dead.restart()
  expect(await recovery(() => client.set(lost[0]!, 'v'))).toBeLessThan(1500)
})

it('F02 one of three frozen: the others answer as before, and while it hangs too', async () => {
  const servers = await Promise.all([startMemcached(), startMemcached(), startMemcached()])
  const client = connected({ servers: servers.map((server) => server.address) })
  const keys = Array.from({ length: 100 }, (_, i) => `key:${i}`)
  await client.setMany(keys.map((key) => [key, 'v']))
  const frozen = servers[0]!
  await frozen.freeze()
  const answers = await Promise.all(
    keys.map(async (key) => ({ key, ...(await timed(() => client.get(key))) })),
  )
  for (const { key, ms, code } of answers) {
    const its = client.serverOf(key) === frozen.address
    expect(code).toBe(its ? 'TIMEOUT' : undefined)
    if (!its) expect(ms).toBeLessThan(BUSY)
  }
})

it('ejectDead: the keys of a dead server move to the living ones, and home again when it is back', async () => {
  const servers = await Promise.all([startMemcached(), startMemcached()])
  const client = connected({ servers: servers.map((server) => server.address), ejectDead: true })
  const keys = Array.from({ length: 50 }, (_, i) => `key:${i}`)
  const dead = servers[0]!
  await client.setMany(keys.map((key) => [key, 'v']))
  const home = keys.map((key) => client.serverOf(key))
  const its = keys.find((_, i) => home[i] === dead.address)!
  await dead.kill()
  await recovery(() => client.set(its, 'elsewhere'))
  expect(keys.map((key) => client.serverOf(key))).not.toContain(dead.address)
  expect((await client.setMany(keys.map((key) => [key, 'v']))).size).toBe(0)
  await dead.restart()
  await expect.poll(() => client.serverOf(its), { timeout: 3000 }).toBe(dead.address)
  expect(keys.map((key) => client.serverOf(key))).toEqual(home)
})

it('nobody listens there: an error in milliseconds, and no unhandled rejection when nobody asks again', async () => {
  const client = connected({ servers: `127.0.0.1:${await freePort()}` })
  const { ms, code } = await timed(() => client.get('k'))
  expect(code).toBe('CONNECTION_LOST')
  expect(ms).toBeLessThan(BUSY)
})

it('F20 more than maxPending are refused at once, the others answered', async () => {
  const server = await startMemcached()
  const client = connected({ servers: server.address, maxPending: 100 })
  const answers = await Promise.allSettled(Array.from({ length: 500 }, () => client.set('k', 'v')))
  expect(answers.filter(({ status }) => status === 'fulfilled')).toHaveLength(100)
  const refused = answers.filter((answer) => answer.status === 'rejected')
  expect(refused).toHaveLength(400)
  for (const { reason } of refused) expect(reason).toMatchObject({ code: 'QUEUE_FULL', uncertain: false })
  expect(await client.set('k', 'v')).toBe(true)
})

it('maxPendingBytes bounds what waits; a single larger call has the queue to itself', async () => {
  const server = await startMemcached()
  const client = connected({ servers: server.address, maxPendingBytes: 100_000, timeout: 2000 })
  const value = Buffer.alloc(40_000)
  const answers = await Promise.allSettled(Array.from({ length: 5 }, () => client.set('k', value)))
  expect(answers.filter(({ status }) => status === 'fulfilled')).toHaveLength(2)
  expect((await client.setMany(Array.from({ length: 20 }, (_, i) => [`k${i}`, value]))).size).toBe(0)
})

describe('F13 clients that lose a server together', () => {
  const settings = { reconnectDelay: 750, maxReconnectDelay: 1000 }

  it('are told to come back at random: never a fifth of them within 100 ms, then a second apart and more', () => {
    const buckets = new Array<number>(8).fill(0)
    for (let i = 0; i < 200; i++) buckets[Math.floor(backoff(0, settings, (i + 0.5) / 200) / 100)]! += 1
    expect(Math.max(...buckets)).toBeLessThanOrEqual(200 / 5)
    for (const random of [0, 0.5, 1]) {
      expect(backoff(1, settings, random)).toBeGreaterThanOrEqual(750)
      for (const failures of [2, 3, 50, 1e6]) {
        expect(backoff(failures, settings, random)).toBeGreaterThanOrEqual(1000)
        expect(backoff(failures, settings, random)).toBeLessThanOrEqual(1250)
      }
    }
  })

  it('do all come back, each over one connection', async () => {
    const server = await startMemcached()
    let ups = 0
    const clients = Array.from({ length: 50 }, () =>
      connected({ servers: server.address, onState: (_, state) => state === 'up' && ups++ }),
    )
    await Promise.all(clients.map((client) => client.get('k')))
    await server.restart()
    await expect.poll(() => ups, { timeout: 5000 }).toBe(100)
    const stats = (await clients[0]!.stats()).get(server.address)
    expect(Number(stats?.get('curr_connections'))).toBeLessThanOrEqual(52)
  })
})

it('F91 a loop that we block ourselves is not held against the server', async () => {
  const server = await startMemcached()
  const client = connected({ servers: server.address })
  await client.set('k', 'v')
  const asked = client.get('k')
  await null
  const until = performance.now() + 600
  while (performance.now() < until);
  expect(String((await asked)?.value)).toBe('v')
  expect(client.servers[0]?.state).toBe('up')
})

it('F28 a server without room says so, and goes on', async () => {
  const server = await startMemcached({ args: ['-m', '8', '-M'] })
  const client = connected({ servers: server.address, timeout: 2000 })
  const value = Buffer.alloc(200_000)
  let code: string | undefined
  for (let i = 0; i < 200 && code === undefined; i++) {
    code = (await timed(() => client.set(`k${i}`, value))).code
  }
  expect(code).toBe('OUT_OF_MEMORY')
  expect(String((await client.get('k0'))?.value.length)).toBe('200000')
  expect(client.servers[0]?.state).toBe('up')
})

it('L10 no connection is left behind: after ten lost ones the server counts one', async () => {
  const server = await startMemcached()
  const client = connected({ servers: server.address, timeout: 20, reconnectDelay: 5, maxReconnectDelay: 10 })
  for (let i = 0; i < 10; i++) {
    await server.freeze()
    await timed(() => client.get('k'))
    server.thaw()
    await recovery(() => client.get('k'))
  }
  await expect
    .poll(async () => (await client.stats()).get(server.address)?.get('curr_connections'), { timeout: 3000 })
    .toMatch(/^[12]$/)
})

it('an idle client does not keep the process alive, a waiting one does', async () => {
  const server = await startMemcached()
  const { spawn } = await import('node:child_process')
  const source = new URL('../../../../src/backends/memcached/client/index.ts', import.meta.url)
  const { build } = await import('vite')
  const bundle = await build({
    logLevel: 'silent',
    build: {
      ssr: true,
      write: false,
      rolldownOptions: { input: source.pathname, output: { format: 'es' } },
    },
  })
  const output = Array.isArray(bundle) ? bundle[0] : bundle
  if (output === undefined || !('output' in output)) throw new Error('no bundle')
  const script = `${output.output[0].code}
    const client = memcachedClient({ servers: '${server.address}' })
    await client.set('k', 'v')
    console.log(String((await client.get('k')).value))`
  const child = spawn(process.execPath, ['--input-type=module', '-e', script], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  let said = ''
  child.stdout.on('data', (bytes) => {
    said += bytes
  })
  const [code] = await once(child, 'close')
  expect(said.trim()).toBe('v')
  expect(code).toBe(0)
})
