/** Several processes over one table, each with connections of its own: what races is decided once, and who dies takes nothing along. */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { beforeAll, expect, it } from 'vitest'
import { createCaches } from '../../../src/index.ts'
import { type Operation, violations } from '../../register.ts'
import { anyTable, type ServerSetting } from './setting.ts'

const PROCESSES = 4
const WORKER = fileURLToPath(new URL('./worker.mjs', import.meta.url))

/** @param built the folder of the built sources */
export function fleetSuite({ make, at, server }: ServerSetting, built: string): void {
  const table = anyTable()
  const place = () => at(`127.0.0.1:${server().port}`)
  const open = () => createCaches({ default: { backend: make({ table, opTimeout: 10_000 }) } })
  const start = (role: string): ChildProcess => {
    const { name } = make({ table })
    const args = JSON.stringify({ built, name, url: place(), table, role })
    return spawn(process.execPath, [WORKER, args], { stdio: ['ignore', 'pipe', 'inherit'] })
  }
  const lines = (child: ChildProcess) => createInterface({ input: child.stdout! })

  beforeAll(async () => {
    const backend = make({ table })
    await backend.table.create()
    await backend.close()
  })

  it('L2 L3 L6 T11 no count is lost or told twice, of adds that race one wins, and each key is loaded once', async () => {
    const told = await Promise.all(
      Array.from({ length: PROCESSES }, async () => {
        const [line] = await once(lines(start('race')), 'line')
        return JSON.parse(line) as { counts: number[]; won: number; loads: number }
      }),
    )
    const counts = told.flatMap((one) => one.counts)
    expect(new Set(counts).size).toBe(PROCESSES * 50)
    expect(Math.max(...counts)).toBe(PROCESSES * 50)
    expect(told.reduce((sum, { won }) => sum + won, 0)).toBe(50)
    expect(told.reduce((sum, { loads }) => sum + loads, 0)).toBe(10)
  })

  it('L1 what several processes read had been written, and not overwritten or deleted before the read began', async () => {
    const histories = await Promise.all(
      Array.from({ length: PROCESSES }, async () => {
        const [line] = await once(lines(start('register')), 'line')
        return JSON.parse(line) as Operation[]
      }),
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
