/** What a key may be, what is warned of, and where keys live. */
import assert from 'node:assert/strict'
import { hashedKeys } from '../../core/values/hashed-keys.ts'
import { onCache } from '../cache-stage.ts'

const ODD = [
  'with space',
  'tab\t',
  'line\r\nset pwn 0 0 1\r\nZ',
  'nul\0',
  'del\x7f',
  'k'.repeat(300),
  '😀'.repeat(260),
  '\ud800',
  'e\u0301',
  '\u00e9',
  '__proto__',
  'constructor',
  '../../etc/passwd',
  '*',
  "'; DROP TABLE cache; --",
  ':1:',
]

export const keys = [
  onCache(
    'KEY-01 keys live under prefix:version:key; another prefix is another place',
    async (cache, stage) => {
      const other = stage.another({ keyPrefix: `${stage.prefix}x` })
      await cache.set('key', 'mine')
      assert.equal(await other.get('key'), undefined)
      assert.equal(await other.add('key', 'theirs'), true)
      assert.equal(await other.delete('key'), true)
      assert.equal(await cache.get('key'), 'mine')
    },
  ),
  onCache('KEY-02 caches with different key functions do not see each other', async (cache, stage) => {
    const reversed = Object.assign(
      (key: string, prefix: string, version: number) =>
        `${prefix}-r-${version}-${[...key].reverse().join('')}`,
      { ownPrefix: (prefix: string) => `${prefix}-r-` },
    )
    const other = stage.another({ keyFunction: reversed })
    const hashed = stage.another({ keyFunction: hashedKeys({ flavor: 'test' }) })
    await cache.set('abc', 'recipe')
    await other.set('abc', 'reversed')
    await hashed.set('abc', 'hashed')
    assert.equal(await cache.get('abc'), 'recipe')
    assert.equal(await other.get('abc'), 'reversed')
    assert.equal(await hashed.get('abc'), 'hashed')
    assert.deepEqual(await hashed.getMany(['abc']), new Map([['abc', 'hashed']]))
    assert.equal(await other.clear(), true)
    assert.equal(await other.has('abc'), false)
    assert.equal(await cache.get('abc'), 'recipe')
    assert.equal(await hashed.clear(), true)
    assert.equal(await hashed.has('abc'), false)
    assert.equal(await cache.get('abc'), 'recipe')
  }),
  onCache(
    'clear under a key function that does not say how its keys begin is refused',
    async (_cache, stage) => {
      const secret = stage.another({ keyFunction: (key, prefix, version) => `${prefix}/${version}/${key}` })
      await secret.set('key', 1)
      await assert.rejects(secret.clear(), { name: 'NotSupportedError', code: 'NOT_SUPPORTED' })
      assert.equal(await secret.get('key'), 1)
    },
  ),
  onCache('A04 KEY-06 what is no text, and the empty text, is refused for every verb', async (cache) => {
    for (const key of ['', undefined, null, 5, {}, [], Symbol('x'), { toString: () => 'key' }] as string[]) {
      for (const call of [
        () => cache.get(key),
        () => cache.set(key, 1),
        () => cache.add(key, 1),
        () => cache.getMany([key]),
        () => cache.deleteMany(['fine', key]),
        () => cache.delete(key),
        () => cache.has(key),
        () => cache.touch(key),
        () => cache.incr(key),
        () => cache.incrVersion(key),
        () => cache.getOrSet(key, () => 1),
        () => cache.getOrSet(key, () => 1, { fresh: true }),
        () => cache.inspect(key),
        () => cache.expire(key),
      ]) {
        await assert.rejects(call, { name: 'TypeError', code: 'INVALID_KEY' }, String(call))
      }
    }
    assert.equal(await cache.has('undefined'), false)
  }),
  onCache(
    'A01 A02 A03 A05 A06 VAL-05 every other text is a key, for every verb',
    async (cache) => {
      for (const key of ODD) {
        assert.equal(await cache.set(key, { key }), true)
        assert.deepEqual(await cache.get(key), { key })
        assert.equal(await cache.has(key), true)
        assert.equal(await cache.add(key, 1), false)
        assert.equal(await cache.touch(key, 60), true)
        assert.deepEqual(await cache.getOrSet(key, () => 'other'), { key })
      }
      const found = await cache.getMany(ODD)
      for (const key of ODD) assert.deepEqual(found.get(key), { key })
      assert.equal(await cache.deleteMany(ODD), ODD.length)
    },
    { keys: 'any' },
  ),
  onCache(
    'A06 setMany from an object with an own __proto__ keeps it as a key',
    async (cache) => {
      await cache.setMany(JSON.parse('{"__proto__": {"polluted": 1}, "constructor": 2}'))
      assert.deepEqual(await cache.get('__proto__'), { polluted: 1 })
      assert.equal(await cache.get('constructor'), 2)
      assert.equal(({} as { polluted?: number }).polluted, undefined)
    },
    { keys: 'any' },
  ),
  onCache(
    'VAL-05 strict: what classic Memcached could not carry is an InvalidKeyError on any backend',
    async (cache, stage) => {
      const most = 250 - stage.prefix.length - 3
      assert.equal(await cache.set('k'.repeat(most), 1), true)
      for (const key of ['k'.repeat(most + 1), 'a b', 'a\n', 'a\x7f', `${'k'.repeat(most - 1)}é`]) {
        for (const call of [
          () => cache.get(key),
          () => cache.set(key, 1),
          () => cache.getMany(['fine', key]),
          () => cache.setMany({ fine: 1, [key]: 2 }),
          () => cache.getOrSet(key, () => 1),
        ]) {
          await assert.rejects(call, { name: 'InvalidKeyError', code: 'INVALID_KEY' })
        }
      }
      assert.equal(await cache.has('fine'), false)
      assert.equal(await cache.set('ä\u00a0\u2003', 1), true)
    },
    { keys: 'strict' },
  ),
]
