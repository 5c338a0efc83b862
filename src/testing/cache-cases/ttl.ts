/** How long a value is kept. */
import assert from 'node:assert/strict'
import type { Ttl } from '../../core/values/expiry.ts'
import { onCache } from '../cache-stage.ts'

/** What says "at once". */
const AT_ONCE: Ttl[] = [0, -1, -5, -0.5, '0s', '0ms']

export const ttl = [
  onCache(
    'TMO-01 without a ttl it is kept for as long as the cache says',
    async (cache, stage) => {
      const brief = stage.another({ ttl: stage.short })
      await cache.set('long', 1)
      await brief.set('brief', 1)
      await brief.setMany({ many: 1 })
      await brief.add('added', 1)
      await brief.getOrSet('made', () => 1)
      await stage.pass(stage.short)
      assert.equal(await cache.get('long'), 1)
      for (const key of ['brief', 'many', 'added', 'made']) assert.equal(await cache.has(key), false, key)
    },
    { ttl: 3_600 },
  ),
  onCache('TMO-02 null never ends, for every verb that takes a ttl', async (cache, stage) => {
    const brief = stage.another({ ttl: stage.short })
    await brief.set('set', 1, null)
    await brief.add('add', 1, null)
    await brief.setMany({ many: 1 }, null)
    await brief.getOrSet('made', () => 1, null)
    await brief.set('touched', 1)
    assert.equal(await brief.touch('touched', null), true)
    await stage.pass(stage.short)
    for (const key of ['set', 'add', 'many', 'made', 'touched']) assert.equal(await cache.get(key), 1, key)
  }),
  onCache('TMO-03 TMO-04 a ttl of 0 or less is over at once, for every verb', async (cache) => {
    for (const ttl of AT_ONCE) {
      await cache.set('key', 'old', 60)
      assert.equal(await cache.set('key', 'new', ttl), true, `set ${ttl}`)
      assert.equal(await cache.get('key'), undefined, `set ${ttl}`)
      assert.equal(await cache.add('key', 'new', ttl), true, `add ${ttl}`)
      assert.equal(await cache.has('key'), false, `add ${ttl}`)
      await cache.set('key', 'old', 60)
      assert.deepEqual(await cache.setMany({ key: 'new', other: 1 }, ttl), [], `setMany ${ttl}`)
      assert.equal((await cache.getMany(['key', 'other'])).size, 0, `setMany ${ttl}`)
      assert.equal(await cache.getOrSet('key', () => 'made', ttl), 'made', `getOrSet ${ttl}`)
      assert.equal(await cache.has('key'), false, `getOrSet ${ttl}`)
    }
  }),
  onCache('TMO-03 touch to 0 of what lives is true, and it is gone', async (cache) => {
    for (const ttl of AT_ONCE) {
      await cache.set('key', 1, 60)
      assert.equal(await cache.touch('key', ttl), true)
      assert.equal(await cache.has('key'), false)
      assert.equal(await cache.touch('key', ttl), false)
    }
  }),
  onCache('TMO-05 add for 0 seconds over what lives is false and leaves it', async (cache) => {
    await cache.set('key', 'old', 60)
    assert.equal(await cache.add('key', 'new', 0), false)
    assert.equal(await cache.get('key'), 'old')
  }),
  onCache(
    'TMO-09 a cache whose own ttl is 0 keeps nothing',
    async (cache) => {
      assert.equal(await cache.set('key', 1), true)
      assert.equal(await cache.add('key', 1), true)
      assert.equal(await cache.touch('key'), false)
      assert.equal(await cache.get('key'), undefined)
      await cache.set('key', 1, 60)
      assert.equal(await cache.get('key'), 1)
    },
    { ttl: 0 },
  ),
  onCache('TMO-06 a string carries its unit, a fraction counts', async (cache, stage) => {
    const ms = stage.short * 1_000
    await cache.set('ms', 1, `${ms}ms`)
    await cache.set('s', 1, { ttl: `${stage.short}s` })
    await cache.set('half', 1, stage.short - 0.5)
    await cache.set('minutes', 1, '15m')
    await cache.set('days', 1, { ttl: '45d' })
    assert.equal((await cache.getMany(['ms', 's', 'half', 'minutes', 'days'])).size, 5)
    await stage.pass(stage.short)
    assert.deepEqual(
      [...(await cache.getMany(['ms', 's', 'half', 'minutes', 'days'])).keys()],
      ['minutes', 'days'],
    )
  }),
  onCache('TMO-07 TMO-08 F26 what is no ttl is refused before anything changes', async (cache) => {
    await cache.set('key', 'old', 60)
    const wrong: unknown[] = [
      Number.NaN,
      Infinity,
      -Infinity,
      '30',
      '-5s',
      '',
      '5 m',
      'soon',
      '1e3s',
      true,
      false,
      [],
      new Date(),
      5n,
      () => 5,
    ]
    for (const ttl of wrong as Ttl[]) {
      const attempts = {
        set: () => cache.set('key', 'new', ttl),
        'set by options': () => cache.set('key', 'new', { ttl }),
        add: () => cache.add('free', 'new', ttl),
        setMany: () => cache.setMany({ key: 'new', free: 1 }, ttl),
        touch: () => cache.touch('key', ttl),
        getOrSet: () => cache.getOrSet('free', () => 'new', ttl),
      }
      for (const [verb, attempt] of Object.entries(attempts)) {
        await assert.rejects(
          attempt,
          (error: Error & { code?: string }) =>
            (error instanceof TypeError || error instanceof RangeError) && error.code !== undefined,
          `${verb} ${String(ttl)}`,
        )
      }
    }
    assert.equal(await cache.get('key'), 'old')
    assert.equal(await cache.has('free'), false)
  }),
  onCache('TMO-10 F25 more than 30 days is kept', async (cache) => {
    await cache.set('month', 1, 30 * 86_400 + 1)
    await cache.set('years', 1, '36500d')
    await cache.set('ever', 1, 1e15)
    assert.equal((await cache.getMany(['month', 'years', 'ever'])).size, 3)
  }),
]
