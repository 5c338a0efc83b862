/** Counting, and versions that count. */
import assert from 'node:assert/strict'
import { onCache } from '../cache-stage.ts'

export const counting = [
  onCache('API-11 incr and decr answer the new number', async (cache) => {
    await cache.set('n', 41)
    assert.equal(await cache.incr('n'), 42)
    assert.equal(await cache.incr('n', 10), 52)
    assert.equal(await cache.decr('n'), 51)
    assert.equal(await cache.decr('n', 10), 41)
    assert.equal(await cache.incr('n', -1), 40)
    assert.equal(await cache.decr('n', -2), 42)
    assert.equal(await cache.get('n'), 42)
  }),
  onCache("API-11 of a key that is not there: KeyNotFoundError with the caller's key", async (cache) => {
    for (const call of [
      () => cache.incr('missing'),
      () => cache.decr('missing'),
      () => cache.incrVersion('missing'),
      () => cache.decrVersion('missing'),
    ]) {
      await assert.rejects(call, { name: 'KeyNotFoundError', code: 'KEY_NOT_FOUND', key: 'missing' })
    }
    assert.equal(await cache.has('missing'), false)
  }),
  onCache('with an initial a missing number is made in the same step', async (cache, stage) => {
    assert.equal(await cache.incr('n', 1, { initial: 0, ttl: stage.short }), 1)
    assert.equal(await cache.incr('n', 1, { initial: 100, ttl: 3_600 }), 2)
    assert.equal(await cache.decr('m', 1, { initial: 10 }), 9)
    await stage.pass(stage.short)
    assert.equal(await cache.has('n'), false)
    assert.equal(await cache.get('m'), 9)
  }),
  onCache('API-12 what is no whole number is NOT_A_NUMBER, and stays', async (cache) => {
    for (const value of [null, 1.5, '5', '', true, [1], { n: 1 }, -0.1, 1e300]) {
      await cache.set('key', value)
      await assert.rejects(cache.incr('key'), { code: 'NOT_A_NUMBER' }, JSON.stringify(value))
      await assert.rejects(cache.decr('key', 2), { code: 'NOT_A_NUMBER' }, JSON.stringify(value))
      assert.deepEqual(await cache.get('key'), value)
    }
  }),
  onCache('a number with times of its own cannot be counted', async (cache) => {
    await cache.set('key', 5, { ttl: 60, staleFor: 60 })
    await assert.rejects(cache.incr('key'), { code: 'NOT_A_NUMBER' })
    assert.equal(await cache.get('key'), 5)
  }),
  onCache('a step that is no whole number is refused', async (cache) => {
    await cache.set('n', 1)
    for (const by of [1.5, Number.NaN, Infinity, '1', null, 2 ** 53] as number[]) {
      await assert.rejects(
        cache.incr('n', by),
        (error: unknown) => error instanceof TypeError || error instanceof RangeError,
      )
      await assert.rejects(
        cache.decr('n', by),
        (error: unknown) => error instanceof TypeError || error instanceof RangeError,
      )
    }
    assert.equal(await cache.get('n'), 1)
  }),
  onCache(
    'F27 below zero it counts on; beyond 2^53 - 1 it is a RangeError and nothing changes',
    async (cache) => {
      await cache.set('n', 1)
      assert.equal(await cache.decr('n', 3), -2)
      await cache.set('n', Number.MAX_SAFE_INTEGER)
      await assert.rejects(cache.incr('n'), RangeError)
      assert.equal(await cache.get('n'), Number.MAX_SAFE_INTEGER)
    },
  ),
  onCache('API-13 counting keeps the ttl', async (cache, stage) => {
    await cache.set('brief', 1, stage.short)
    await cache.set('ever', 1, null)
    await cache.incr('brief')
    await cache.decr('ever')
    await stage.pass(stage.short)
    assert.equal(await cache.has('brief'), false)
    assert.equal(await cache.get('ever'), 0)
  }),
  onCache('API-14 no count of a hundred at once is lost', async (cache) => {
    await cache.set('n', 0)
    await Promise.all(Array.from({ length: 100 }, () => cache.incr('n')))
    assert.equal(await cache.get('n'), 100)
  }),
]

export const versions = [
  onCache('VER-01 the same key in two versions is two entries, for every verb', async (cache) => {
    const two = { version: 2 }
    await cache.set('key', 'one')
    assert.equal(await cache.get('key', two), undefined)
    assert.equal(await cache.has('key', two), false)
    assert.equal(await cache.touch('key', { ttl: 60, ...two }), false)
    assert.equal(await cache.delete('key', two), false)
    assert.equal(await cache.deleteMany(['key'], two), 0)
    assert.equal((await cache.getMany(['key'], two)).size, 0)
    assert.equal((await cache.inspect('key', two)).status, 'missing')
    assert.equal(await cache.expire('key', two), false)
    assert.equal(await cache.add('key', 'two', { ...two }), true)
    assert.equal(await cache.get('key'), 'one')
    assert.equal(await cache.get('key', two), 'two')
    await cache.setMany({ key: 'three' }, { version: 3 })
    assert.equal(await cache.getOrSet('key', () => 'four', { version: 4 }), 'four')
    assert.deepEqual(await cache.getMany(['key'], { version: 3 }), new Map([['key', 'three']]))
    await cache.set('n', 1, { version: 5 })
    assert.equal(await cache.incr('n', 1, { version: 5 }), 2)
    assert.equal(await cache.decr('n', 2, { version: 5 }), 0)
    assert.equal(await cache.has('n'), false)
  }),
  onCache('VER-02 a cache of version 2 sees others only by their version', async (cache, stage) => {
    const second = stage.another({ version: 2 })
    await cache.set('key', 'one')
    assert.equal(await second.get('key'), undefined)
    assert.equal(await second.get('key', { version: 1 }), 'one')
    await second.set('key', 'two')
    assert.equal(await cache.get('key'), 'one')
    assert.equal(await cache.get('key', { version: 2 }), 'two')
  }),
  onCache('VER-03 incrVersion moves the value and answers the new version', async (cache) => {
    await cache.set('key', { deep: [1] })
    assert.equal(await cache.incrVersion('key'), 2)
    assert.equal(await cache.has('key'), false)
    assert.deepEqual(await cache.get('key', { version: 2 }), { deep: [1] })
    assert.equal(await cache.incrVersion('key', 5, { version: 2 }), 7)
    assert.deepEqual(await cache.get('key', { version: 7 }), { deep: [1] })
    await cache.set('null', null)
    assert.equal(await cache.incrVersion('null'), 2)
    assert.equal(await cache.get('null', { version: 2, default: 'x' }), null)
  }),
  onCache('VER-04 decrVersion moves it back, down to 0 and no further', async (cache) => {
    await cache.set('key', 'value', { version: 2 })
    assert.equal(await cache.decrVersion('key', 1, { version: 2 }), 1)
    assert.equal(await cache.get('key'), 'value')
    assert.equal(await cache.decrVersion('key'), 0)
    assert.equal(await cache.get('key', { version: 0 }), 'value')
    await assert.rejects(cache.decrVersion('key', 1, { version: 0 }), RangeError)
    assert.equal(await cache.get('key', { version: 0 }), 'value')
  }),
  onCache('VER-05 what is moved keeps its ttl', async (cache, stage) => {
    await cache.set('brief', 1, stage.short)
    await cache.set('ever', 1, null)
    await cache.incrVersion('brief')
    await cache.incrVersion('ever')
    await stage.pass(stage.short)
    assert.equal(await cache.has('brief', { version: 2 }), false)
    assert.equal(await cache.get('ever', { version: 2 }), 1)
  }),
  onCache('VER-06 what was under the target version is replaced', async (cache) => {
    await cache.set('key', 'old', { version: 2 })
    await cache.set('key', 'new')
    await cache.incrVersion('key')
    assert.equal(await cache.get('key', { version: 2 }), 'new')
  }),
  onCache('A07 a version is a whole number from 0 on', async (cache) => {
    for (const version of [-1, 1.5, Number.NaN, Infinity, '1', '1:2', null, 2 ** 53] as number[]) {
      await assert.rejects(cache.get('key', { version }), { code: 'INVALID_VERSION' }, String(version))
      await assert.rejects(cache.set('key', 1, { version }), { code: 'INVALID_VERSION' }, String(version))
    }
  }),
]
