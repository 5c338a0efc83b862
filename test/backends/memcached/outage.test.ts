/** What an application sees when the wire to memcached is late, silent, cut or in pieces, through the cache as people get it. */
import { setTimeout as sleep } from 'node:timers/promises'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest'
import { type MemcachedOptions, memcached } from '../../../src/backends/memcached/memcached.ts'
import { createCaches } from '../../../src/index.ts'
import { type FaultProxy, faultProxy } from '../../../src/testing/index.ts'
import { startMemcached } from '../../servers/memcached.ts'
import type { TestServer } from '../../servers/server.ts'

vi.spyOn(process, 'emitWarning').mockImplementation(() => {})

let server: TestServer
let wire: FaultProxy
const ending: (() => Promise<unknown>)[] = []

beforeAll(async () => {
  server = await startMemcached()
})
beforeEach(async () => {
  wire = await faultProxy(server)
  ending.push(() => wire.close())
})
afterEach(async () => {
  for (const end of ending.splice(0).reverse()) await end()
})

let prefixes = 0

function over(options: MemcachedOptions = {}, more: { keyPrefix?: string; onBackendError?: 'throw' } = {}) {
  const caches = createCaches({
    default: {
      backend: memcached({ servers: wire.address, ...options }),
      ttl: 600,
      keyPrefix: `outage${prefixes++}x`,
      ...more,
    },
  })
  ending.push(() => caches.close())
  return caches.default
}

describe.each(['meta', 'text', 'binary'] as const)('%s', (protocol) => {
  it('T12 F08 F29 of 100,000 answers, late ones among them, none is the value of another key', async () => {
    const cache = over({ protocol, opTimeout: 40 })
    const keys = Array.from({ length: 500 }, (_, i) => `k${i}`)
    await cache.setMany(Object.fromEntries(keys.map((key) => [key, `value of ${key}`])))
    let [pieces, late, right, wrong, missed] = [0, 0, 0, 0, 0]
    // Over the deadline, again and again; what is behind it on the wire comes late as well.
    wire.answers = { delay: () => (++pieces % 150 === 0 ? (late++, 80) : 0) }
    const caller = async (n: number) => {
      while (right + wrong < 100_000) {
        const key = keys[(n += 7) % keys.length]!
        const value = await cache.get(key)
        if (value === undefined) {
          missed++
          await sleep(5)
        } else if (value === `value of ${key}`) right++
        else wrong++
      }
    }
    await Promise.all(Array.from({ length: 200 }, (_, n) => caller(n)))
    expect({ wrong, late: late > 2, missed: missed > 100 }).toEqual({ wrong: 0, late: true, missed: true })
  })
})
