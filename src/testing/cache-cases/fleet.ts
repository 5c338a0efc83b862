/** Caches of two processes over one store: one load for both, and no late answer. For shared backends. */
import assert from 'node:assert/strict'
import type { Cache } from '../../core/cache.ts'
import { onCache } from '../cache-stage.ts'
import type { Case } from '../case.ts'

function onFleet(name: string, play: (one: Cache, two: Cache) => Promise<void>): Case {
  return onCache(name, async (one, stage) => play(one, await stage.elsewhere()))
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms))
}

export const fleet = [
  onFleet('F61 callers of a cold key in both make one load, and all are answered', async (one, two) => {
    let loads = 0
    const load = async () => {
      loads++
      await pause(50)
      return 'made'
    }
    const answers = await Promise.all(
      Array.from({ length: 40 }, (_, i) => (i % 2 ? one : two).getOrSet('key', load)),
    )
    assert.deepEqual(new Set(answers), new Set(['made']))
    assert.equal(loads, 1)
  }),
  onFleet(
    'F66 a delete by one keeps the answer of a load in the other from being stored',
    async (one, two) => {
      const early = one.getOrSet('key', async () => {
        await two.delete('key')
        return 'old'
      })
      assert.equal(await early, 'old')
      assert.equal(await one.get('key'), undefined)
      assert.equal(await two.get('key'), undefined)
    },
  ),
  onFleet('F67 a set by one wins over a load in the other', async (one, two) => {
    const early = one.getOrSet('key', async () => {
      await two.set('key', 'new')
      return 'old'
    })
    assert.equal(await early, 'old')
    assert.equal(await one.get('key'), 'new')
    assert.equal(await two.get('key'), 'new')
  }),
  onFleet('after a load that fails in one, the other loads', async (one, two) => {
    let begun = () => {}
    const loading = new Promise<void>((resolve) => {
      begun = resolve
    })
    const failing = one.getOrSet('key', async () => {
      begun()
      await pause(30)
      throw new Error('down')
    })
    const failed = assert.rejects(failing, { message: 'down' })
    await loading
    assert.equal(await two.getOrSet('key', async () => 'made'), 'made')
    await failed
  }),
]
