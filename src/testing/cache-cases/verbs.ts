/** The verbs say what Django's say, and what they decided better. */
import assert from 'node:assert/strict'
import { onCache } from '../cache-stage.ts'

export const verbs = [
  onCache(
    'API-01 get is the value, undefined when missing, the default where one is given',
    async (cache) => {
      assert.equal(await cache.get('key'), undefined)
      assert.equal(await cache.get('key', { default: 'x' }), 'x')
      assert.equal(await cache.get('key', { default: null }), null)
      await cache.set('key', 'value')
      assert.equal(await cache.get('key', { default: 'x' }), 'value')
    },
  ),
  onCache('API-01 a stored null, false, 0 or empty text is a value, not the default', async (cache) => {
    for (const value of [null, false, 0, '']) {
      await cache.set('key', value)
      assert.equal(await cache.get('key', { default: 'x' }), value)
      assert.equal(await cache.has('key'), true)
      assert.equal(await cache.add('key', 'other'), false)
      assert.deepEqual(await cache.getMany(['key']), new Map([['key', value]]))
      assert.equal(await cache.getOrSet('key', () => 'made'), value)
    }
  }),
  onCache('API-02 set is true when stored', async (cache) => {
    assert.equal(await cache.set('key', 'a'), true)
    assert.equal(await cache.set('key', 'b'), true)
    assert.equal(await cache.get('key'), 'b')
  }),
  onCache('API-01 undefined is no value: it is refused, and nothing changes', async (cache) => {
    await cache.set('key', 'old')
    for (const attempt of [
      () => cache.set('key', undefined),
      () => cache.add('free', undefined),
      () => cache.setMany({ free: 1, key: undefined }),
    ]) {
      await assert.rejects(attempt, TypeError)
    }
    assert.equal(await cache.get('key'), 'old')
    assert.equal(await cache.has('free'), false)
  }),
  onCache('API-03 add stores where nothing lives, and leaves alone what does', async (cache, stage) => {
    assert.equal(await cache.add('key', 'first', stage.short), true)
    assert.equal(await cache.add('key', 'second'), false)
    assert.equal(await cache.get('key'), 'first')
    await stage.pass(stage.short)
    assert.equal(await cache.add('key', 'third'), true)
    assert.equal(await cache.get('key'), 'third')
  }),
  onCache('API-04 getMany takes any iterable, answers in its order, once a key', async (cache) => {
    await cache.setMany({ a: 1, b: null, c: 3 })
    const wanted = ['c', 'nothing', 'a', 'c', 'b']
    for (const keys of [wanted, new Set(wanted), wanted.values()]) {
      assert.deepEqual(
        [...(await cache.getMany(keys))],
        [
          ['c', 3],
          ['a', 1],
          ['b', null],
        ],
      )
    }
    assert.deepEqual(await cache.getMany([]), new Map())
    assert.deepEqual(await cache.getMany([].values()), new Map())
  }),
  onCache(
    'API-05 setMany takes an object, a Map or pairs, and answers the keys that failed',
    async (cache) => {
      assert.deepEqual(await cache.setMany({ a: 1, b: 2 }), [])
      assert.deepEqual(await cache.setMany(new Map([['c', 3]])), [])
      assert.deepEqual(await cache.setMany([['d', 4]]), [])
      assert.deepEqual(await cache.setMany({}), [])
      assert.deepEqual([...(await cache.getMany(['a', 'b', 'c', 'd'])).values()], [1, 2, 3, 4])
    },
  ),
  onCache('setMany with one bad value, key or ttl stores nothing at all', async (cache) => {
    const attempts = [
      () => cache.setMany({ a: 1, b: undefined }),
      () => cache.setMany({ a: 1, '': 2 }),
      () => cache.setMany({ a: 1 }, Number.NaN),
      () => cache.setMany({ a: 1, b: Promise.resolve(1) }),
    ]
    for (const attempt of attempts) await assert.rejects(attempt)
    assert.equal(await cache.has('a'), false)
  }),
  onCache(
    'API-06 delete is true of what was there, false of what was not or has expired',
    async (cache, stage) => {
      assert.equal(await cache.delete('key'), false)
      await cache.set('key', 1)
      assert.equal(await cache.delete('key'), true)
      assert.equal(await cache.get('key'), undefined)
      assert.equal(await cache.delete('key'), false)
      await cache.set('key', 1, stage.short)
      await stage.pass(stage.short)
      assert.equal(await cache.delete('key'), false)
    },
  ),
  onCache('API-07 deleteMany removes those that are there, and counts them', async (cache) => {
    await cache.setMany({ a: 1, b: 2, c: 3 })
    assert.equal(await cache.deleteMany(['a', 'nothing', 'b', 'a']), 2)
    assert.deepEqual([...(await cache.getMany(['a', 'b', 'c'])).keys()], ['c'])
    assert.equal(await cache.deleteMany([]), 0)
    assert.equal(await cache.deleteMany(['c'].values()), 1)
  }),
  onCache('API-08 clear removes its own keys, of all versions, and no others', async (cache, stage) => {
    const other = stage.another({ keyPrefix: `${stage.prefix}-other` })
    await cache.set('a', 1)
    await cache.set('a', 2, { version: 2 })
    await other.set('a', 3)
    assert.equal(await cache.clear(), true)
    assert.equal(await cache.has('a'), false)
    assert.equal(await cache.has('a', { version: 2 }), false)
    assert.equal(await other.get('a'), 3)
  }),
  onCache('API-09 touch gives what lives a new ttl, its own where none is named', async (cache, stage) => {
    assert.equal(await cache.touch('key', 10), false)
    await cache.set('key', 'value', stage.short)
    await cache.set('default', 'value', stage.short)
    assert.equal(await cache.touch('key', 60), true)
    assert.equal(await cache.touch('default'), true)
    await stage.pass(stage.short)
    assert.equal(await cache.get('key'), 'value')
    assert.equal(await cache.get('default'), 'value')
    assert.equal(await cache.touch('key', { ttl: stage.short }), true)
    await stage.pass(stage.short)
    assert.equal(await cache.has('key'), false)
    assert.equal(await cache.touch('key', 60), false)
  }),
  onCache('API-20 a value that cannot be kept is refused, and the old one stays', async (cache) => {
    await cache.set('key', 'old')
    await assert.rejects(cache.set('key', Promise.resolve('new')), TypeError)
    assert.equal(await cache.get('key'), 'old')
  }),
  onCache('ASY-01 no verb throws in the caller’s turn, whatever it is given', async (cache) => {
    const wrong = Symbol('wrong') as unknown as string
    const calls: (() => Promise<unknown>)[] = [
      () => cache.get(wrong),
      () => cache.set(wrong, 1),
      () => cache.add(wrong, 1),
      () => cache.getOrSet(wrong, () => 1),
      () => cache.getMany([wrong]),
      () => cache.setMany(5 as unknown as Record<string, unknown>),
      () => cache.delete(wrong),
      () => cache.deleteMany([wrong]),
      () => cache.has(wrong),
      () => cache.touch(wrong),
      () => cache.incr(wrong),
      () => cache.decr(wrong),
      () => cache.incrVersion(wrong),
      () => cache.decrVersion(wrong),
      () => cache.inspect(wrong),
      () => cache.expire(wrong),
      () => cache.clear(5 as unknown as object),
    ]
    for (const call of calls) await assert.rejects(call(), TypeError, String(call))
  }),
  onCache('a default in second place is refused by name', async (cache) => {
    await assert.rejects(cache.get('key', 'x' as unknown as object), {
      name: 'TypeError',
      message: /default/,
    })
  }),
  onCache(
    'F88 after close every verb rejects with ClosedError, and close again is nothing',
    async (cache) => {
      await cache.set('key', 1)
      await cache.close()
      await cache.close()
      for (const call of [
        () => cache.get('key'),
        () => cache.set('key', 1),
        () => cache.getOrSet('key', () => 1),
        () => cache.clear(),
        () => cache.incr('key'),
      ]) {
        await assert.rejects(call(), { name: 'ClosedError', code: 'CLOSED' })
      }
    },
  ),
]
