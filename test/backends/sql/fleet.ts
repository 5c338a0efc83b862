/** Several processes over one table, each with connections of its own: what races is decided once, and who dies takes nothing along. */
import { type ChildProcess, spawn } from 'node:child_process'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { beforeAll, expect, it } from 'vitest'
import { createCaches } from '../../../src/index.ts'
import { type Operation, violations } from '../../register.ts'
import { anyTable, type Setting } from './setting.ts'

/** A short run; the long one is in `npm run soak`. */
const PROCESSES = Number(process.env.FLEET_PROCESSES ?? 4)
const SECONDS = Number(process.env.L1_SECONDS ?? 2)
const APPENDS = Number(process.env.L4_APPENDS ?? 30)
const WORKER = fileURLToPath(new URL('./worker.mjs', import.meta.url))

/**
 * @param options how a process finds the same database
 * @param built the folder of the built sources
 */
export function fleetSuite({ make }: Setting, options: () => object, built: string): void {
  const table = anyTable()
  const door = () => make({ table }).name
  const open = () => createCaches({ default: { backend: make({ table }) } })
  const start = (role: string): ChildProcess => {
    const args = JSON.stringify({
      built,
      name: door(),
      options: { ...options(), table },
      role,
      seconds: SECONDS,
      appends: APPENDS,
    })
    return spawn(process.execPath, [WORKER, args], { stdio: ['ignore', 'pipe', 'inherit'] })
  }
  const lines = (child: ChildProcess) => createInterface({ input: child.stdout! })
  const told = async (role: string): Promise<string> => {
    for await (const line of lines(start(role))) return line
    throw new Error(`a process ended before it had done its part: ${role}`)
  }

  beforeAll(async () => {
    const backend = make({ table })
    await backend.table.create()
    await backend.close()
  })

  it('L2 L3 L6 T11 no count is lost or told twice, of adds that race one wins, and each key is loaded once', async () => {
    const all = await Promise.all(
      Array.from(
        { length: PROCESSES },
        async (): Promise<{ counts: number[]; won: number; loads: number }> => JSON.parse(await told('race')),
      ),
    )
    const counts = all.flatMap((one) => one.counts)
    const caches = open()
    expect(await caches.default.get('n')).toBe(counts.length)
    await caches.close()
    expect(new Set(counts).size).toBe(counts.length)
    // SQLite waits a quarter of a second for another; on a machine that stands still for so long an answer is a miss.
    const missed = PROCESSES * 50 - counts.length
    expect(missed).toBeLessThanOrEqual(door() === 'sqlite' ? 10 : 0)
    expect(all.reduce((sum, { won }) => sum + won, 0)).toBe(50)
    expect(all.reduce((sum, { loads }) => sum + loads, 0)).toBeLessThanOrEqual(10 + missed)
  })

  it('L4 T11 of several processes that append to one list, each over what rests there, none loses an append', async () => {
    const lists = await Promise.all(Array.from({ length: PROCESSES }, () => told('append')))
    const longest = lists.reduce((a, b) => (a.length > b.length ? a : b))
    const appended = longest.trim().split(' ')
    expect(appended).toHaveLength(PROCESSES * APPENDS)
    expect(new Set(appended).size).toBe(PROCESSES * APPENDS)
  })

  it('L1 what several processes read had been written, and not overwritten or deleted before the read began', async () => {
    const histories = await Promise.all(
      Array.from({ length: PROCESSES }, async (): Promise<Operation[]> => JSON.parse(await told('register'))),
    )
    const history = histories.flat()
    expect(history.length).toBeGreaterThan(500)
    expect(history.filter(({ kind, value }) => kind === 'get' && value !== undefined).length).toBeGreaterThan(
      50,
    )
    expect(violations(history)).toEqual([])
  })

  it('a writer that is killed leaves whole entries and every count that it was told, and its claim ends by itself', async () => {
    const child = start('write')
    let counted = 0
    let written = 0
    for await (const line of lines(child)) {
      counted = Number(line)
      // In the middle of whatever comes next.
      if (++written === 40) child.kill('SIGKILL')
    }
    const caches = open()
    const cache = caches.default
    const sum = (await cache.get<number>('written'))!
    expect(sum).toBeGreaterThanOrEqual(counted)
    expect(sum).toBeLessThanOrEqual(counted + 1)
    const all = await cache.getMany<{ by: number; text: string }>(
      Array.from({ length: 20 }, (_, i) => `w${i}`),
    )
    expect(all.size).toBe(20)
    // They are written in one statement: all of one time or, of the next, all.
    expect(new Set([...all.values()].map(({ by }) => by)).size).toBe(1)
    expect([...all.values()].every(({ by, text }) => text === `${by}`.repeat(100))).toBe(true)
    const began = performance.now()
    expect(await cache.getOrSet('held', () => 'mine')).toBe('mine')
    expect(performance.now() - began).toBeLessThan(5_000)
    await caches.close()
  })
}
