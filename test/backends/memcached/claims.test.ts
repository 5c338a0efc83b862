/** The right to make a key, held by the key's own item: what may come between the claim and the fill. */
import { randomUUID } from 'node:crypto'
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type MemcachedClient, memcachedClient } from '../../../src/backends/memcached/client/index.ts'
import {
  type MemcachedBackend,
  type MemcachedOptions,
  memcached,
} from '../../../src/backends/memcached/memcached.ts'
import type { Space } from '../../../src/core/backend.ts'
import { GRACED, PLAIN } from '../../../src/core/values/entry.ts'
import { makeSpace } from '../../../src/core/values/space.ts'
import { fakeClock } from '../../../src/testing/index.ts'
import { startMemcached } from '../../servers/memcached.ts'
import type { TestServer } from '../../servers/server.ts'

const LONG = 30_000
const NEVER = Number.POSITIVE_INFINITY

let server: TestServer
const open: { close(): Promise<unknown> }[] = []

beforeAll(async () => {
  server = await startMemcached()
})
afterAll(() => Promise.all(open.map((one) => one.close())))

function opened(options: MemcachedOptions = {}): MemcachedBackend {
  const backend = memcached({ servers: server.address, opTimeout: 5_000, connectTimeout: 5_000, ...options })
  open.push(backend)
  return backend
}

/** A space of its own for each test. */
function ownSpace(): Space {
  return makeSpace(randomUUID(), 1)
}

function bare(servers = server.address): MemcachedClient {
  const client = memcachedClient({ servers, timeout: 5_000 })
  open.push(client)
  return client
}

/** So many seconds the server itself will keep an item. */
async function secondsLeft(space: Space, key: string): Promise<number | undefined> {
  return (await bare().get(space.frame(key), { ttl: true }))?.ttl
}

const entry = (text: string, mark = PLAIN) => Buffer.concat([Buffer.of(mark), Buffer.from(text)])
const later = () => Date.now() + 3_600_000

describe.concurrent.each(['meta', 'text', 'binary'] as const)('%s', (protocol) => {
  it('a live entry under a claim is read, kept and moved as if there were none', async () => {
    const space = ownSpace()
    const backend = opened({ protocol })
    const what = entry('value', GRACED)
    await backend.set(space, 'k', what, later())
    const { token, stored } = await backend.claim(space, 'k', LONG)
    expect(stored).toEqual(what)
    expect(await backend.get(space, 'k')).toEqual(what)
    expect(await backend.getMany(space, ['k'])).toEqual(new Map([['k', what]]))
    expect(await backend.has(space, 'k')).toBe('graced')
    expect(await backend.touch(space, 'k', later())).toBe('graced')
    expect(await backend.add(space, 'k', entry('other'), NEVER)).toBe(false)
    await backend.release(space, 'k', token)
    expect(await backend.get(space, 'k')).toEqual(what)
    expect(await backend.delete(space, 'k')).toBe(true)
  })

  it('deletes count entries, and neither claims nor nothing', async () => {
    const space = ownSpace()
    const backend = opened({ protocol })
    await backend.set(space, 'entry', entry('v'), later())
    await backend.set(space, 'claimed', entry('v'), later())
    await backend.claim(space, 'claimed', LONG)
    await backend.claim(space, 'only claimed', LONG)
    expect(await backend.deleteMany(space, ['entry', 'claimed', 'only claimed', 'nothing'])).toBe(2)
  })

  it('an entry that ends while it is claimed is gone at its end, and the claim is not', async () => {
    const space = ownSpace()
    const backend = opened({ protocol })
    const clock = fakeClock(Date.UTC(2026, 0, 1))
    backend.open({ clock, evicted() {}, corrupt() {}, failed() {} })
    await backend.set(space, 'k', entry('v'), clock.now() + 10_000)
    const { token } = await backend.claim(space, 'k', LONG)
    clock.advance(9_999)
    expect(await backend.get(space, 'k')).toEqual(entry('v'))
    clock.advance(1)
    expect(await backend.get(space, 'k')).toBeUndefined()
    expect(await backend.fill(space, 'k', token!, entry('made'), clock.now() + 60_000)).toBe(true)
    expect(await backend.get(space, 'k')).toEqual(entry('made'))
  })

  it('a release leaves the entry its end', async () => {
    const space = ownSpace()
    const backend = opened({ protocol })
    await backend.set(space, 'k', entry('v'), Date.now() + 10_000)
    const { token } = await backend.claim(space, 'k', LONG)
    expect(await secondsLeft(space, 'k')).toBeGreaterThan(11)
    await backend.release(space, 'k', token)
    expect(await backend.get(space, 'k')).toEqual(entry('v'))
    expect(await secondsLeft(space, 'k')).toBeLessThanOrEqual(11)
  })

  it('F62 a claim that nobody ends is gone from the server by itself', async ({ expect }) => {
    const space = ownSpace()
    const backend = opened({ protocol })
    await backend.claim(space, 'k', 200)
    expect(await secondsLeft(space, 'k')).toBeLessThanOrEqual(2)
    const client = bare()
    await expect.poll(() => client.get(space.frame('k')), { timeout: 10_000 }).toBeUndefined()
  })

  it('a server that was started again and counts anew is not taken for the one that gave the claim', async ({
    expect,
  }) => {
    const space = ownSpace()
    const other = await startMemcached()
    const backend = opened({ protocol, servers: other.address })
    const { token } = await backend.claim(space, 'k', LONG)
    await other.restart()
    const client = bare(other.address)
    // As many stores as before: the same cas.
    await client.set(space.frame('k'), entry('newer'))
    const { cas } = (await client.get(space.frame('k'), { cas: true }))!
    if (protocol === 'meta') expect(token?.split('.')[1]).toBe(String(cas))
    await expect
      .poll(() => backend.get(space, 'k').catch(() => undefined), { timeout: 10_000 })
      .toEqual(entry('newer'))
    expect(await backend.fill(space, 'k', token!, entry('late'), later())).toBe(false)
    expect((await client.get(space.frame('k')))?.value).toEqual(entry('newer'))
  })

  it('F66 whatever others do between claim and fill, in whatever order, the late one loses', async () => {
    const space = ownSpace()
    const one = opened({ protocol })
    const two = opened({ protocol })
    const writes = {
      set: (key: string) => two.set(space, key, entry('newer'), later()),
      add: (key: string) => two.add(space, key, entry('newer'), later()),
      delete: (key: string) => two.delete(space, key),
      incr: (key: string) => two.incr(space, key, 1, { initial: 0, expiresAt: later() }).catch(() => {}),
      release: (key: string) => two.release(space, key),
    }
    const harmless = {
      get: (key: string) => two.get(space, key),
      touch: (key: string) => two.touch(space, key, later()),
      claim: (key: string) => two.claim(space, key, LONG),
      replace: async (key: string) => {
        const was = await two.get(space, key)
        if (was !== undefined) await two.replace(space, key, was, entry('replaced'), later())
      },
    }
    const all = { ...writes, ...harmless }
    const names = Object.keys(all) as (keyof typeof all)[]
    let n = 0
    await fc.assert(
      fc.asyncProperty(
        fc.boolean(),
        fc.array(fc.constantFrom(...names), { maxLength: 5 }),
        async (there, steps) => {
          const key = `k${n++}`
          if (there) await one.set(space, key, entry('old'), later())
          const { token } = await one.claim(space, key, LONG)
          // A refused add, and a count of what is no number, write nothing.
          let live = there
          let broken = false
          for (const step of steps) {
            await all[step](key)
            if (step === 'set' || step === 'delete' || step === 'release') broken = true
            if ((step === 'add' || step === 'incr') && !live) broken = true
            if (step === 'set' || step === 'add' || step === 'incr') live = true
            if (step === 'delete') live = false
          }
          const before = await two.get(space, key)
          expect(await one.fill(space, key, token!, entry('made'), later())).toBe(!broken)
          expect(await two.get(space, key)).toEqual(broken ? before : entry('made'))
        },
      ),
      { numRuns: 150 },
    )
  })

  it('F66 fills that race with sets: the set always rests there in the end', async () => {
    const space = ownSpace()
    const one = opened({ protocol })
    const two = opened({ protocol })
    for (let i = 0; i < 100; i++) {
      const key = `k${i}`
      if (i % 2) await one.set(space, key, entry('old'), later())
      const { token } = await one.claim(space, key, LONG)
      await Promise.all([
        one.fill(space, key, token!, entry('made'), later()),
        two.set(space, key, entry('newer'), later()),
        one.extend(space, key, token!, LONG),
      ])
      expect(await two.get(space, key)).toEqual(entry('newer'))
    }
  })
})
