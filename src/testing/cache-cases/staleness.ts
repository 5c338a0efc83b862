/** Fresh, stale, expired: what each leads to. */
import assert from 'node:assert/strict'
import { onCache } from '../cache-stage.ts'

const PATIENCE = 10_000

/** Until what runs behind has come to its end: what shows that it has is looked at, however busy the machine. */
async function settled(done: () => boolean | Promise<boolean>): Promise<void> {
  for (const end = performance.now() + PATIENCE; !(await done()); ) {
    assert.ok(performance.now() < end, 'what runs behind ends')
    await new Promise((resolve) => setTimeout(resolve, 5))
  }
}

export const staleness = [
  onCache('what is stale is there for no plain verb, unless it is asked for', async (cache, stage) => {
    await cache.set('key', 'value', { ttl: stage.short, staleFor: '1h' })
    assert.equal(await cache.get('key'), 'value')
    assert.equal(await cache.has('key'), true)
    await stage.pass(stage.short)
    assert.equal(await cache.get('key'), undefined)
    assert.equal(await cache.has('key'), false)
    assert.equal((await cache.getMany(['key'])).size, 0)
    assert.equal(await cache.touch('key', 60), false)
    assert.equal(await cache.get('key', { stale: true }), 'value')
    assert.deepEqual(await cache.getMany(['key'], { stale: true }), new Map([['key', 'value']]))
  }),
  onCache('F69 after its staleFor it is over, asked for or not', async (cache, stage) => {
    await cache.set('key', 'value', { ttl: stage.short, staleFor: stage.short })
    await stage.pass(2 * stage.short)
    assert.equal(await cache.get('key', { stale: true }), undefined)
    assert.equal(await cache.getOrSet('key', () => 'new'), 'new')
  }),
  onCache('an add takes the place of what is stale', async (cache, stage) => {
    await cache.set('key', 'old', { ttl: stage.short, staleFor: '1h' })
    assert.equal(await cache.add('key', 'new'), false)
    await stage.pass(stage.short)
    assert.equal(await cache.add('key', 'new'), true)
    assert.equal(await cache.get('key'), 'new')
  }),
  onCache('getOrSet serves what is stale at once, and refreshes it behind, once', async (cache, stage) => {
    let loads = 0
    const load = async () => `load ${++loads}`
    const options = { ttl: stage.short, staleFor: '1h' } as const
    assert.equal(await cache.getOrSet('key', load, options), 'load 1')
    await stage.pass(stage.short)
    const answers = await Promise.all(Array.from({ length: 20 }, () => cache.getOrSet('key', load, options)))
    assert.deepEqual(new Set(answers), new Set(['load 1']))
    await settled(async () => (await cache.get('key')) === 'load 2')
    assert.equal(await cache.getOrSet('key', load, options), 'load 2')
    assert.equal(loads, 2)
  }),
  onCache('F65 what is stale is served while its refresh fails', async (cache, stage) => {
    const options = { ttl: stage.short, staleFor: '1h' } as const
    let failures = 0
    await cache.getOrSet('key', () => 'good', options)
    await stage.pass(stage.short)
    const fail = () => {
      failures++
      throw new Error('the source is down')
    }
    assert.equal(await cache.getOrSet('key', fail, options), 'good')
    await settled(() => failures === 1)
    assert.equal(await cache.getOrSet('key', fail, options), 'good')
  }),
  onCache('keep renews what is stale', async (cache, stage) => {
    const options = { ttl: stage.short, staleFor: '1h' } as const
    let kept = 0
    await cache.getOrSet('key', () => ['value'], options)
    await stage.pass(stage.short)
    await cache.getOrSet<unknown>(
      'key',
      ({ keep, stale, background }) => {
        assert.deepEqual(stale, ['value'])
        assert.equal(background, true)
        kept++
        return keep()
      },
      options,
    )
    await settled(async () => (await cache.get('key')) !== undefined)
    assert.equal(kept, 1)
    assert.deepEqual(await cache.get('key'), ['value'])
  }),
  onCache('expire makes it stale now, kept for its staleFor; without one it is gone', async (cache) => {
    await cache.set('graced', 'value', { ttl: 60, staleFor: 60 })
    await cache.set('plain', 'value', 60)
    assert.equal(await cache.expire('graced'), true)
    assert.equal(await cache.expire('plain'), true)
    assert.equal(await cache.expire('nothing'), false)
    assert.equal(await cache.get('graced'), undefined)
    assert.equal(await cache.get('graced', { stale: true }), 'value')
    assert.equal(await cache.get('plain', { stale: true }), undefined)
  }),
  onCache(
    'touch of what has a staleFor gives it a new ttl, and the same staleFor after',
    async (cache, stage) => {
      await cache.set('key', 'value', { ttl: stage.short, staleFor: '1h' })
      assert.equal(await cache.touch('key', 2 * stage.short), true)
      await stage.pass(stage.short)
      assert.equal(await cache.get('key'), 'value')
      await stage.pass(stage.short)
      assert.equal(await cache.get('key'), undefined)
      assert.equal(await cache.get('key', { stale: true }), 'value')
    },
  ),
  onCache('incrVersion moves what has a staleFor with its times', async (cache, stage) => {
    await cache.set('key', 'value', { ttl: stage.short, staleFor: '1h' })
    assert.equal(await cache.incrVersion('key'), 2)
    assert.equal(await cache.get('key', { version: 2 }), 'value')
    await stage.pass(stage.short)
    assert.equal(await cache.get('key', { version: 2 }), undefined)
    assert.equal(await cache.get('key', { version: 2, stale: true }), 'value')
  }),
  onCache('inspect tells value, status, age and instants, and changes nothing', async (cache, stage) => {
    assert.equal((await cache.inspect('key')).status, 'missing')
    await cache.set('key', 'value', { ttl: stage.short, staleFor: 3_600 })
    const fresh = await cache.inspect('key')
    assert.equal(fresh.status, 'fresh')
    assert.equal(fresh.value, 'value')
    assert.ok(typeof fresh.createdAt === 'number' && typeof fresh.staleAt === 'number')
    assert.ok(Math.abs(fresh.staleAt - fresh.createdAt - stage.short * 1_000) < 2)
    assert.ok(fresh.expiresAt && Math.abs(fresh.expiresAt - fresh.staleAt - 3_600_000) < 2)
    await stage.pass(stage.short)
    const stale = await cache.inspect('key')
    assert.equal(stale.status, 'stale')
    assert.equal(stale.value, 'value')
    assert.ok(stale.age !== undefined && stale.age >= stage.short)
  }),
]
