/** A fleet: four processes over one store, and one of them is killed while it makes a page. */
import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { builtSources } from '../built.ts'
import { startMemcached } from '../servers/memcached.ts'
import { startRedis } from '../servers/redis.ts'
import { ask, type Got, isHit } from './adapters/client.ts'

const built = builtSources()
const worker = fileURLToPath(new URL('worker.mjs', import.meta.url))

/** A call of a handler, as its process told. */
interface Call {
  called: string
  me: number
}

interface Process {
  child: ChildProcess
  url: string
}

describe.each([
  ['redis', async () => ({ redis: (await startRedis()).address })],
  ['memcached', async () => ({ memcached: (await startMemcached()).address })],
])('over %s', (_, start) => {
  const fleet: Process[] = []
  const calls: Call[] = []
  let server: object

  async function join(me: number): Promise<Process> {
    const child = fork(worker, [JSON.stringify({ built, me, server })])
    const [{ port }] = (await once(child, 'message')) as [{ port: number }]
    child.on('message', (call: Call) => calls.push(call))
    return { child, url: `http://127.0.0.1:${port}` }
  }
  beforeAll(async () => {
    server = await start()
    fleet.push(...(await Promise.all([0, 1, 2, 3].map(join))))
  }, 60_000)
  afterAll(() => {
    for (const { child } of fleet) child.kill('SIGKILL')
  })

  const visit = ({ url }: Process, path: string): Promise<Got> =>
    ask(`${url}${path}`, { headers: { host: 'fleet.test' } })
  /** Ten visitors of each. */
  const crowd = (path: string, visited: readonly Process[] = fleet) =>
    Promise.all(visited.flatMap((one) => Array.from({ length: 10 }, () => visit(one, path))))
  const callsOf = (path: string) => calls.filter(({ called }) => called === path)

  it('rule 37: a cold page is one call of the handler, and every visitor gets it', async () => {
    const all = await crowd('/cold?ms=200')
    const [call, ...more] = callsOf('/cold?ms=200')
    expect(more).toEqual([])
    expect(all.map(({ status, body }) => [status, body])).toEqual(all.map(() => [200, `made by ${call!.me}`]))
    for (const one of fleet) expect(isHit(await visit(one, '/cold?ms=200'))).toBe(true)
  })

  it('rule 37: many cold pages at once are one call each', async () => {
    const paths = Array.from({ length: 20 }, (_, i) => `/many${i}?ms=100`)
    const all = (await Promise.all(paths.map((path) => crowd(path)))).flat()
    expect(all.every(({ status }) => status === 200)).toBe(true)
    expect(paths.map((path) => callsOf(path).length)).toEqual(paths.map(() => 1))
  })

  it('what is not to be shared is each visitor’s own, without waiting in line', async () => {
    const path = '/own?ms=200&control=private'
    const begun = performance.now()
    const all = await crowd(path)
    expect(all.every(({ status }) => status === 200)).toBe(true)
    expect(callsOf(path)).toHaveLength(all.length)
    expect(performance.now() - begun).toBeLessThan(10_000)
  })

  it('a process that is killed while it makes a page: another makes it within its lease, and no visitor sees an error', async () => {
    const path = '/orphan?ms=1000'
    const victim = fleet[3]!
    const lost = visit(victim, path).catch(() => 'cut off')
    await expect.poll(() => callsOf(path).length, { timeout: 10_000, interval: 5 }).toBe(1)
    const begun = performance.now()
    victim.child.kill('SIGKILL')
    const all = await crowd(path, fleet.slice(0, 3))
    const took = performance.now() - begun
    expect(await lost).toBe('cut off')
    const heir = callsOf(path)[1]!
    expect(callsOf(path)).toHaveLength(2)
    expect(new Set(all.map(({ status, body }) => `${status} ${body}`))).toEqual(
      new Set([`200 made by ${heir.me}`]),
    )
    // What is left of two seconds, the page's own second, and a busy machine's share.
    expect(took).toBeLessThan(5_000)
    fleet[3] = await join(4)
    expect(isHit(await visit(fleet[3], path))).toBe(true)
  })
})
