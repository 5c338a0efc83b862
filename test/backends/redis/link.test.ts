/** One connection, supervised: whatever state its client is in, somebody is served again in seconds. */
import { afterEach, beforeEach, expect, it, vi } from 'vitest'
import type { Client } from '../../../src/backends/redis/client.ts'
import { failure } from '../../../src/backends/redis/failure.ts'
import { Link } from '../../../src/backends/redis/link.ts'

beforeEach(() => {
  vi.useFakeTimers()
})
afterEach(() => {
  vi.useRealTimers()
})

const OK = Buffer.from('OK')

/** One that answers, or is what is given of it. */
function client(given: Partial<Client> = {}): Client {
  return {
    ready: true,
    cluster: true,
    connect: async () => {},
    call: async () => OK,
    masters: () => [],
    ways: () => [],
    onEnd() {},
    destroy: vi.fn(),
    subscribe: async () => {},
    nodeOf: (key) => key,
    ...given,
  }
}

const links: Link[] = []
afterEach(() => {
  for (const link of links.splice(0)) link.close()
})

/** Opens one of them after the other; the last goes on for ever. */
function over(...clients: readonly [Client, ...Client[]]) {
  let made = 0
  const make = () => clients[Math.min(made++, clients.length - 1)]!
  const link = new Link({ borrowed: false, make }, { opTimeout: 250, connectTimeout: 500, maxInFlight: 8 })
  links.push(link)
  const get = async (key: string) => {
    const answer = link.call(['get', key], key, true).catch(() => 'failed')
    await vi.advanceTimersByTimeAsync(400)
    return answer
  }
  /** Asks for so many milliseconds, or until it is answered; how long it took. */
  const served = async (within: number) => {
    const began = performance.now()
    while (performance.now() - began < within) {
      if ((await get('a')) === OK) return performance.now() - began
    }
    return Number.POSITIVE_INFINITY
  }
  return { link, get, served, made: () => made }
}

const hangs = () => new Promise<never>(() => {})
const refuses = () => Promise.reject(failure('CLUSTERDOWN', 'Redis answered: CLUSTERDOWN'))

it.each([
  ['hangs', hangs],
  ['fails', () => Promise.reject(new Error('The node is not connected'))],
  ['is told that the Cluster is down', refuses],
])(
  'F06 F15 a Cluster client that %s for every node is replaced within seconds, and by one that has connected',
  async (_how, call) => {
    const stuck = client({ call })
    const unreachable = client({ connect: () => Promise.reject(failure('ECONNREFUSED', 'Nobody is there')) })
    const { served, made } = over(stuck, unreachable, client())
    expect(await served(4_000)).toBe(Number.POSITIVE_INFINITY)
    expect(made()).toBe(2)
    expect(unreachable.destroy).toHaveBeenCalledOnce()
    // It may still come round.
    expect(stuck.destroy).not.toHaveBeenCalled()
    expect(await served(10_000)).toBeLessThan(5_000)
    expect(stuck.destroy).toHaveBeenCalledOnce()
    expect(made()).toBe(3)
  },
)

it('F02 a Cluster client stays as long as one of its nodes is answered for', async () => {
  const half = client({ call: (_words, key) => (key === 'dead' ? hangs() : Promise.resolve(OK)) })
  const { get, made } = over(half)
  for (let i = 0; i < 20; i++) {
    expect(await get('dead')).toBe('failed')
    expect(await get('alive')).toBe(OK)
  }
  expect(made()).toBe(1)
  expect(half.destroy).not.toHaveBeenCalled()
})

it.each([true, false])(
  'F06 a client that ended before anybody listened is opened anew at once (in a Cluster: %s)',
  async (cluster) => {
    const { served } = over(client({ cluster, ready: false }), client({ cluster }))
    expect(await served(10_000)).toBeLessThan(2_500)
  },
)

it('F06 a client that is gone and never said so is opened anew within seconds', async () => {
  let ready = true
  const silent = Object.defineProperty(client({ cluster: false }), 'ready', { get: () => ready })
  const { get, served } = over(silent, client())
  expect(await get('a')).toBe(OK)
  ready = false
  expect(await served(10_000)).toBeLessThan(5_000)
  expect(silent.destroy).toHaveBeenCalledOnce()
})

it('F88 what is opened beside a client that serves nobody is ended when the link is closed meanwhile', async () => {
  const late = client({ connect: hangs })
  const { link, served, made } = over(client({ call: refuses }), late)
  await served(4_000)
  expect(made()).toBe(2)
  link.close()
  await vi.advanceTimersByTimeAsync(1_000)
  expect(late.destroy).toHaveBeenCalledOnce()
})
