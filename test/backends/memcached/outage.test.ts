/** What an application sees when the wire to memcached is late, silent, cut or in pieces, through the cache as people get it. */
import { setTimeout as sleep } from 'node:timers/promises'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest'
import { memcachedClient } from '../../../src/backends/memcached/client/index.ts'
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

it.each([
  ['100,000', 'meta'],
  ['30,000', 'text'],
  ['30,000', 'binary'],
] as const)(
  'T12 F08 F29 of %s answers by the %s protocol, late ones among them, none is the value of another key',
  async (count, protocol) => {
    const answers = Number(count.replace(',', ''))
    // A piece of what the server says is some hundred answers.
    const often = Math.round(answers / 500)
    const cache = over({ protocol, opTimeout: 150 })
    const keys = Array.from({ length: 500 }, (_, i) => `k${i}`)
    await cache.setMany(Object.fromEntries(keys.map((key) => [key, `value of ${key}`])))
    let [next, pieces, late, right, wrong, missed] = [0, 0, 0, 0, 0, 0]
    // Over the deadline, again and again; what is behind it on the wire comes late as well.
    wire.answers = {
      delay() {
        if (++pieces % often > 0) return 0
        late++
        return 250
      },
    }
    const caller = async () => {
      while (right + wrong < answers) {
        const key = keys[next++ % keys.length]!
        const value = await cache.get(key)
        if (value === undefined) {
          missed++
          await sleep(5)
        } else if (value === `value of ${key}`) right++
        else wrong++
      }
    }
    await Promise.all(Array.from({ length: 200 }, caller))
    expect({ wrong, late: late > 1, missed: missed > 100 }).toEqual({ wrong: 0, late: true, missed: true })
  },
)

/** What is reachable, in bytes: the collector runs first, and again for what lies outside of the heap. */
function reachable(): number {
  setFlagsFromString('--expose-gc')
  const collect = runInNewContext('gc')
  collect()
  collect()
  const { heapUsed, external } = process.memoryUsage()
  return heapUsed + external
}

describe.each<[string, () => void]>([
  ['silent', () => Object.assign(wire, { requests: { hold: true }, answers: { hold: true } })],
  [
    'cut',
    () => {
      wire.accepts = false
      wire.reset()
    },
  ],
])('a wire that is %s', (_, begin) => {
  it('T5 F12 20,000 sets of 1 kB keep less than 30 MB, then less than 10 MB, and none of them is sent when it is back', async () => {
    const cache = over()
    await cache.set('before', 1)
    const sets = Number(await stat('cmd_set'))
    const values = Array.from({ length: 20_000 }, (_, i) => Buffer.alloc(1_024, `${i} `).toString('latin1'))
    begin()
    const before = reachable()
    let stored = 0
    const all = values.map(async (value, i) => {
      if (await cache.set(`k${i}`, value)) stored++
    })
    await new Promise((resolve) => setImmediate(resolve))
    const during = reachable()
    await Promise.all(all.splice(0))
    expect(stored).toBe(0)
    expect(during - before).toBeLessThan(30e6)
    expect(reachable() - before).toBeLessThan(10e6)
    Object.assign(wire, { requests: {}, answers: {}, accepts: true })
    wire.reset()
    await expect.poll(() => cache.get('before'), { timeout: 10_000, interval: 10 }).toBe(1)
    // At most what was on its way as it began.
    expect(Number(await stat('cmd_set')) - sets).toBeLessThanOrEqual(1_024)
  })
})

async function stat(name: string): Promise<string | undefined> {
  const client = memcachedClient({ servers: server.address, timeout: 5_000 })
  const stats = (await client.stats()).get(server.address)
  await client.close()
  return stats?.get(name)
}
