/** The runner in this process, beyond what every runner promises. */
import { afterEach, describe, expect, it, vi } from 'vitest'
import { inProcess, type Perform } from '../../src/refresh/index.ts'
import { OPTIONS, taskOf } from '../../src/testing/runner-stage.ts'
import { gate, rest } from '../core/kit.ts'

afterEach(() => void vi.useRealTimers())

describe('inProcess()', () => {
  it('runs so many at once and no more, the higher priority first', async () => {
    const runner = inProcess({ concurrency: 2 })
    const { open, wait } = gate()
    const order: string[] = []
    let running = 0
    let most = 0
    const perform: Perform = async (task) => {
      order.push((task as { key: string }).key)
      most = Math.max(most, ++running)
      await wait
      running--
      return 'made'
    }
    for (const [key, priority] of [
      ['a', 0],
      ['b', 0],
      ['low', -1],
      ['c', 0],
      ['high', 9],
    ] as const) {
      await runner.enqueue(taskOf(key), { ...OPTIONS, priority }, perform)
    }
    expect(order).toEqual(['a', 'b'])
    open()
    await rest(5)
    expect(order).toEqual(['a', 'b', 'high', 'c', 'low'])
    expect(most).toBe(2)
    await runner.close()
  })

  it('CB-2 pauses between tries: a second and more, twice as long each time', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
    const runner = inProcess()
    let tries = 0
    const failing: Perform = async () => {
      tries++
      throw new Error('down')
    }
    await runner.enqueue(taskOf('a'), { ...OPTIONS, tries: 3, backoff: 1_000 }, failing)
    await rest()
    expect(tries).toBe(1)
    vi.advanceTimersByTime(999)
    await rest()
    expect(tries).toBe(1)
    vi.advanceTimersByTime(501)
    await rest()
    expect(tries).toBe(2)
    vi.advanceTimersByTime(1_999)
    await rest()
    expect(tries).toBe(2)
    vi.advanceTimersByTime(1_001)
    await rest()
    expect(tries).toBe(3)
    vi.advanceTimersByTime(1e6)
    await rest()
    expect(tries).toBe(3)
  })

  it('one that rests is tried at once when it is asked for anew', async () => {
    const runner = inProcess()
    let tries = 0
    const failing: Perform = async () => {
      tries++
      throw new Error('down')
    }
    const ask = () => runner.enqueue(taskOf('a'), { ...OPTIONS, tries: 5, backoff: 60_000 }, failing)
    expect(await ask()).toBe(true)
    await rest()
    expect(await ask()).toBe(true)
    await rest()
    expect(tries).toBe(2)
    await runner.close()
  })

  it('takes no more than maxWaiting', async () => {
    const runner = inProcess({ concurrency: 1, maxWaiting: 2 })
    const { open, wait } = gate()
    const perform: Perform = async () => {
      await wait
      return 'made'
    }
    for (const key of ['runs', 'waits', 'waits too']) await runner.enqueue(taskOf(key), OPTIONS, perform)
    await expect(runner.enqueue(taskOf('d'), OPTIONS, perform)).rejects.toMatchObject({ code: 'RUNNER_FULL' })
    expect(await runner.enqueue(taskOf('waits'), OPTIONS, perform)).toBe(false)
    open()
    await runner.close()
  })

  it('close finishes what waits, but for no longer than drain', async () => {
    const done: string[] = []
    const quick = inProcess({ concurrency: 1 })
    const perform: Perform = async (task) => {
      await rest()
      done.push((task as { key: string }).key)
      return 'made'
    }
    for (const key of ['a', 'b', 'c']) await quick.enqueue(taskOf(key), OPTIONS, perform)
    await quick.close()
    expect(done).toEqual(['a', 'b', 'c'])
    const stuck = inProcess({ drain: '20ms' })
    await stuck.enqueue(taskOf('a'), OPTIONS, () => new Promise(() => {}))
    await stuck.close()
  })

  it('wrong options are refused', () => {
    expect(() => inProcess({ concurency: 1 } as never)).toThrow('did you mean "concurrency"')
    expect(() => inProcess({ concurrency: 0 })).toThrow(RangeError)
    expect(() => inProcess({ drain: 'soon' as never })).toThrow(TypeError)
  })
})
