/** A fleet: eight processes over one server, all writing the same keys. */
import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { memcached } from '../../../src/backends/memcached/memcached.ts'
import { makeSpace } from '../../../src/core/values/space.ts'
import { builtSources } from '../../built.ts'
import { type Operation, violations } from '../../register.ts'
import { startMemcached } from '../../servers/memcached.ts'

const built = builtSources()
const worker = fileURLToPath(new URL('worker.mjs', import.meta.url))
const space = makeSpace('fleet', 1)
let servers: string
let fleet: ChildProcess[]

beforeAll(async () => {
  servers = (await startMemcached()).address
  fleet = Array.from({ length: 8 }, (_, me) => fork(worker, [JSON.stringify({ built, servers, me })]))
  await Promise.all(fleet.map((child) => once(child, 'message')))
}, 60_000)
afterAll(() => {
  for (const child of fleet) child.kill('SIGKILL')
})

/** Has so many of the fleet play a part at the same time; what each of them says of it. */
function play<T>(role: string, how: object, processes = 8): Promise<T[]> {
  return Promise.all(
    fleet.slice(0, processes).map(async (child) => {
      const said = once(child, 'message')
      child.send({ role, how })
      return (await said)[0] as T
    }),
  )
}

it('L1 a read gives what was written and not yet overwritten or deleted: 4 processes, 8 clients each', async () => {
  const history = (await play<Operation[]>('register', { times: 2_000, keys: 50 }, 4)).flat()
  // What JSON leaves out.
  for (const operation of history) operation.value ??= undefined
  expect(history.filter(({ kind, value }) => kind === 'get' && value !== undefined).length).toBeGreaterThan(
    1_000,
  )
  expect(violations(history)).toEqual([])
})

it('L2 T11 incr loses nothing: 8 processes, 10,000 times each, 20 keys, every sum given once', async () => {
  const sums = (await play<[string, number][]>('count', { times: 10_000, keys: 20 })).flat()
  expect(new Set(sums.map(String)).size).toBe(80_000)
  for (let i = 0; i < 20; i++) {
    const ofKey = sums.filter(([key]) => key === `n${i}`).map(([, sum]) => sum)
    expect(ofKey.reduce((most, sum) => Math.max(most, sum), 0)).toBe(4_000)
  }
})

it('L3 T11 add has one winner a key: 1,000 keys, 8 processes', async () => {
  const won = await play<number>('add', { keys: 1_000 })
  expect(won.reduce((sum, one) => sum + one, 0)).toBe(1_000)
})

it('L4 T11 replace stores over what was seen and nothing else: every append is in the list once', async () => {
  const backend = memcached({ servers, opTimeout: 20_000 })
  await backend.set(space, 'list', Buffer.alloc(0), Number.POSITIVE_INFINITY)
  await play('append', { times: 100 })
  const items = String(await backend.get(space, 'list'))
    .split(';')
    .filter(Boolean)
  await backend.close()
  expect(items).toHaveLength(800)
  expect(new Set(items).size).toBe(800)
})

it('L5 T11 a claim is held by one at a time: 8 processes, 1,200 claims of 4 keys', async () => {
  const held = (await play<[string, number, number][]>('claim', { times: 150, keys: 4 })).flat()
  expect(held).toHaveLength(1_200)
  for (let i = 0; i < 4; i++) {
    const spans = held.filter(([key]) => key === `claim${i}`).sort(([, a], [, b]) => a - b)
    for (const [n, [, from]] of spans.entries()) expect(from).toBeGreaterThan(spans[n - 1]?.[2] ?? 0)
  }
})

it('L6 T9 500 cold keys, 4 processes, 20 callers each: one load a key, and all have what it made', async () => {
  const answers = await play<{ loads: number[]; right: number }>('load', { keys: 500, callers: 20 }, 4)
  expect(answers.map(({ right }) => right)).toEqual([10_000, 10_000, 10_000, 10_000])
  const loads = answers.flatMap(({ loads }) => loads)
  expect(new Set(loads).size).toBe(500)
  expect(loads).toHaveLength(500)
})
