/** `clear: 'epoch'`: what was made before is over for everybody, what is made after is not, within one second too. */
import { randomUUID } from 'node:crypto'
import { afterEach, beforeAll, expect, it } from 'vitest'
import { memcached } from '../../../src/backends/memcached/memcached.ts'
import { type Cache, createCaches } from '../../../src/index.ts'
import { startMemcached } from '../../servers/memcached.ts'
import type { TestServer } from '../../servers/server.ts'

let servers: TestServer[]
const open: { close(): Promise<unknown> }[] = []
beforeAll(async () => {
  servers = await Promise.all([startMemcached(), startMemcached(), startMemcached()])
})
afterEach(() => Promise.all(open.splice(0).map((one) => one.close())))

function cache(keyPrefix: string, options: object = { clear: 'epoch' }): Cache {
  const backend = memcached({
    servers: servers.map(({ address }) => address),
    opTimeout: 5_000,
    ...options,
  })
  const caches = createCaches({ default: { backend, keyPrefix, onBackendError: 'throw' } })
  open.push(caches)
  return caches.default
}

it('API-08 clears again and again in one second: each takes what was before it and nothing after', async () => {
  const prefix = randomUUID()
  const one = cache(prefix)
  const two = cache(prefix)
  const keys = Array.from({ length: 30 }, (_, i) => `k${i}`)
  for (let round = 0; round < 20; round++) {
    await one.setMany(Object.fromEntries(keys.map((key) => [key, round])))
    expect((await two.getMany(keys)).size).toBe(30)
    await (round % 2 ? one : two).clear()
    expect((await one.getMany(keys)).size).toBe(0)
    expect((await two.getMany(keys)).size).toBe(0)
    await two.set('after', round)
    expect(await one.get('after')).toBe(round)
  }
})

it('counters are judged as well: one from before is not counted on', async () => {
  const one = cache(randomUUID())
  await one.set('n', 41)
  await one.clear()
  await expect(one.incr('n')).rejects.toMatchObject({ code: 'KEY_NOT_FOUND' })
  expect(await one.incr('n', 1, { initial: 10 })).toBe(11)
  expect(await one.get('n')).toBe(11)
  expect(await one.incr('n')).toBe(12)
})

it('what a clear ended is there for no verb', async () => {
  const one = cache(randomUUID())
  await one.setMany({ a: 1, b: 2, c: 3 })
  await one.clear()
  expect(await one.has('a')).toBe(false)
  expect(await one.touch('a', 60)).toBe(false)
  expect(await one.delete('a')).toBe(false)
  expect(await one.deleteMany(['b'])).toBe(0)
  expect((await one.inspect('c')).status).toBe('missing')
  expect(await one.add('c', 'new')).toBe(true)
  expect(await one.get('c')).toBe('new')
})

it('F66 a load that began before a clear by another process is not kept', async () => {
  const prefix = randomUUID()
  const one = cache(prefix)
  const two = cache(prefix)
  const made = await one.getOrSet('k', async () => {
    await two.clear()
    return 'old'
  })
  expect(made).toBe('old')
  expect(await one.get('k')).toBeUndefined()
  expect(await one.getOrSet('k', async () => 'new')).toBe('new')
  expect(await two.get('k')).toBe('new')
})

it('clear without epochs is refused with the ways there are, and with everything empties every server', async () => {
  const one = cache(randomUUID(), {})
  const error: unknown = await one.clear().catch((reason: unknown) => reason)
  expect(error).toMatchObject({ name: 'NotSupportedError', code: 'NOT_SUPPORTED' })
  expect((error as Error).message).toMatch(/everything: true.*version.*clear: 'epoch'/)
  const keys = Array.from({ length: 30 }, (_, i) => `k${i}`)
  await one.setMany(Object.fromEntries(keys.map((key) => [key, 1])))
  expect(await one.clear({ everything: true })).toBe(true)
  expect((await one.getMany(keys)).size).toBe(0)
})
