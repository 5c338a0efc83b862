/** getOrSet: the value, or one load for all who ask. */
import assert from 'node:assert/strict'
import { onCache } from '../cache-stage.ts'

/** A door that holds a load until it is opened. */
function gate(): { open(): void; wait: Promise<void> } {
  let open = () => {}
  const wait = new Promise<void>((resolve) => {
    open = resolve
  })
  return { open, wait }
}

export const getOrSet = [
  onCache('API-15 a miss loads and stores, a hit does not load', async (cache, stage) => {
    let loads = 0
    const load = async () => ({ n: ++loads })
    assert.deepEqual(await cache.getOrSet('key', load, stage.short), { n: 1 })
    assert.deepEqual(await cache.getOrSet('key', load, stage.short), { n: 1 })
    assert.deepEqual(await cache.get('key'), { n: 1 })
    await stage.pass(stage.short)
    assert.deepEqual(await cache.getOrSet('key', load, stage.short), { n: 2 })
  }),
  onCache('API-15 a plain value is stored as it is; a promise is refused', async (cache) => {
    assert.equal(await cache.getOrSet('key', 'plain', 100), 'plain')
    assert.equal(await cache.getOrSet('key', 'other', 100), 'plain')
    assert.equal(await cache.getOrSet('null', null), null)
    assert.equal(await cache.has('null'), true)
    const promise = Promise.resolve(1) as unknown as string
    await assert.rejects(cache.getOrSet('free', promise), { name: 'TypeError', message: /function/ })
    await assert.rejects(cache.getOrSet('free', undefined as unknown as string), TypeError)
    assert.equal(await cache.has('free'), false)
  }),
  onCache('F64 undefined is answered and not stored', async (cache) => {
    assert.equal(await cache.getOrSet('key', () => undefined), undefined)
    assert.equal(await cache.has('key'), false)
    assert.equal(await cache.getOrSet('key', () => 1), 1)
  }),
  onCache('F61 a hundred callers of a cold key make one load', async (cache) => {
    let loads = 0
    const { open, wait } = gate()
    const load = async () => {
      loads++
      await wait
      return 'made'
    }
    const answers = Array.from({ length: 100 }, () => cache.getOrSet('key', load))
    setTimeout(open, 5)
    assert.deepEqual(new Set(await Promise.all(answers)), new Set(['made']))
    assert.equal(loads, 1)
  }),
  onCache('F64 what the load throws comes back as it was thrown, to all, and is not kept', async (cache) => {
    for (const thrown of [new Error('down'), 'text', 5, null, { code: 'MINE' }]) {
      const { open, wait } = gate()
      const load = async () => {
        await wait
        throw thrown
      }
      const answers = Array.from({ length: 3 }, () =>
        cache.getOrSet('key', load).then(
          () => assert.fail('it rejects'),
          (error: unknown) => assert.equal(error, thrown),
        ),
      )
      open()
      await Promise.all(answers)
      assert.equal(await cache.getOrSet('key', () => 'fine', 0), 'fine')
    }
    assert.equal(await cache.getOrSet('key', () => 'fine'), 'fine')
  }),
  ...(['delete', 'clear'] as const).map((verb) =>
    onCache(`F66 ${verb} during a load: its answer goes to who waits and is not stored`, async (cache) => {
      const { open, wait } = gate()
      const began = gate()
      const early = cache.getOrSet('key', async () => {
        began.open()
        await wait
        return 'old'
      })
      await began.wait
      await (verb === 'delete' ? cache.delete('key') : cache.clear())
      const late = cache.getOrSet('key', () => 'new')
      assert.equal(await late, 'new')
      open()
      assert.equal(await early, 'old')
      assert.equal(await cache.get('key'), 'new')
    }),
  ),
  onCache('F67 a set during a load wins', async (cache) => {
    const { open, wait } = gate()
    const began = gate()
    const early = cache.getOrSet('key', async () => {
      began.open()
      await wait
      return 'old'
    })
    await began.wait
    await cache.set('key', 'new')
    open()
    assert.equal(await early, 'old')
    assert.equal(await cache.get('key'), 'new')
  }),
  onCache('fresh loads without reading, and what was there is replaced', async (cache) => {
    await cache.set('key', 'old')
    assert.equal(await cache.getOrSet('key', () => 'new', { fresh: true }), 'new')
    assert.equal(await cache.get('key'), 'new')
  }),
  onCache('skip answers without storing, ttl and staleFor of the load count', async (cache, stage) => {
    assert.equal(await cache.getOrSet('skipped', ({ skip }) => skip('value')), 'value')
    assert.equal(await cache.has('skipped'), false)
    await cache.getOrSet('brief', ({ ttl }) => {
      ttl(stage.short)
      return 1
    })
    await cache.getOrSet('graced', ({ ttl, staleFor }) => {
      ttl(stage.short)
      staleFor('1h')
      return 1
    })
    await stage.pass(stage.short)
    assert.equal(await cache.has('brief'), false)
    assert.equal(await cache.get('graced', { stale: true }), 1)
  }),
  onCache('F70 a load that asks for itself, or in a circle, is a DeadlockError', async (cache) => {
    await assert.rejects(
      cache.getOrSet('a', (): Promise<unknown> => cache.getOrSet('a', () => 1)),
      { name: 'DeadlockError', code: 'DEADLOCK' },
    )
    await assert.rejects(
      cache.getOrSet('a', (): Promise<unknown> => cache.getOrSet('b', () => cache.getOrSet('a', () => 1))),
      { code: 'DEADLOCK' },
    )
    assert.equal(await cache.getOrSet('a', () => cache.getOrSet('b', () => 'fine')), 'fine')
  }),
]
