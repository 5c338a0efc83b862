/** What goes in comes back as it was, on every backend. */
import assert from 'node:assert/strict'
import { onCache } from '../cache-stage.ts'

function cyclic(): unknown {
  const node: { name: string; self?: unknown; list: unknown[] } = { name: 'node', list: [] }
  node.self = node
  node.list.push(node)
  return node
}

/** A23: name → a value that has to come back equal. */
const VALUES: Record<string, unknown> = {
  text: 'hello',
  'empty text': '',
  'non-ASCII text': 'ünïcödé 日本語 😀 \u2028',
  'half a character': 'a\ud800b',
  NUL: 'a\0b',
  'digits in text': '5',
  'text like a header': '\u00f1\u00f2{"a":1}',
  true: true,
  false: false,
  null: null,
  zero: 0,
  'minus zero': -0,
  'a whole number': 42,
  'the most': Number.MAX_SAFE_INTEGER,
  'beyond the most': 2 ** 60,
  fraction: 0.1,
  tiny: 5e-324,
  NaN: Number.NaN,
  infinite: Number.POSITIVE_INFINITY,
  'minus infinite': Number.NEGATIVE_INFINITY,
  bigint: 12345678901234567890n,
  'negative bigint': -1n,
  list: [1, 'two', null, [true]],
  'empty list': [],
  object: { a: 1, b: { c: [] } },
  'empty object': {},
  'undefined inside': { a: undefined, b: [undefined, 1] },
  'numbers inside': { a: -0, b: Number.NaN, c: [Number.NEGATIVE_INFINITY], d: 10n },
  Date: new Date(1_700_000_000_123),
  Map: new Map<unknown, unknown>([
    ['a', 1],
    [{ k: 1 }, new Map([[1, 2]])],
  ]),
  Set: new Set([1, 'a', [2]]),
  RegExp: /a+\/b/giu,
  Buffer: Buffer.from([0, 1, 2, 255]),
  Uint8Array: new Uint8Array([0, 128, 255]),
  'empty bytes': new Uint8Array(),
  Float64Array: new Float64Array([1.5, Number.NaN, -0]),
  BigInt64Array: new BigInt64Array([1n, -1n]),
  ArrayBuffer: new Uint8Array([1, 2, 3]).buffer,
  'everything in one': {
    d: new Date(0),
    m: new Map([['s', new Set([1n])]]),
    u: undefined,
    b: Buffer.from('x'),
  },
}

const REFUSED: Record<string, () => unknown> = {
  function: () => () => 1,
  symbol: () => Symbol('s'),
  'a class instance': () => new (class Money {})(),
  WeakMap: () => new WeakMap(),
  'a function inside': () => ({ a: [1, { f: () => 1 }] }),
  'a promise inside': () => ({ a: Promise.resolve(1) }),
  'a getter that throws': () => ({
    get a() {
      throw new Error('no')
    },
  }),
  'a revoked proxy': () => {
    const { proxy, revoke } = Proxy.revocable({}, {})
    revoke()
    return proxy
  },
}

export const values = [
  ...Object.entries(VALUES).map(([name, value]) =>
    onCache(`SER-03 A23 ${name} comes back as it went in`, async (cache) => {
      await cache.set('key', value, 60)
      assert.deepStrictEqual(await cache.get('key'), value)
      await cache.set('key', value, { ttl: 60, staleFor: 60 })
      assert.deepStrictEqual(await cache.get('key'), value)
      await cache.setMany({ many: [value] })
      assert.deepStrictEqual((await cache.getMany(['many'])).get('many'), [value])
      assert.deepStrictEqual(await cache.getOrSet('made', async () => value), value)
      assert.deepStrictEqual(await cache.getOrSet('made', () => 'not asked'), value)
    }),
  ),
  onCache('A23 an invalid Date comes back as one', async (cache) => {
    await cache.set('key', { at: new Date(Number.NaN) })
    const { at } = (await cache.get('key')) as { at: Date }
    assert.ok(at instanceof Date && Number.isNaN(at.getTime()))
  }),
  onCache('A23 a cycle comes back as a cycle', async (cache) => {
    await cache.set('key', cyclic())
    const found = (await cache.get('key')) as { self: unknown; list: unknown[] }
    assert.equal(found.self, found)
    assert.equal(found.list[0], found)
  }),
  onCache('A24 an own __proto__ is data, never applied', async (cache) => {
    const hostile = JSON.parse('{"a": 1, "__proto__": {"polluted": true}}')
    try {
      await cache.set('key', hostile)
    } catch {
      return // refused: that is as good
    }
    const found = (await cache.get('key')) as { polluted?: boolean }
    assert.equal(found.polluted, undefined)
    assert.equal(Object.getPrototypeOf(found), Object.prototype)
    assert.equal(({} as { polluted?: boolean }).polluted, undefined)
  }),
  onCache('a value that has a then of its own, which is no function, is a value', async (cache) => {
    const value = Object.fromEntries([
      ['then', 'and'],
      ['catch', 1],
    ])
    await cache.set('key', value)
    assert.deepEqual(await cache.get('key'), value)
  }),
]

/** Not for a backend that shares live references. */
export const refusals = Object.entries(REFUSED).map(([name, make]) =>
  onCache(`A21 A22 ${name} is refused with its path, and the old value stays`, async (cache) => {
    await cache.set('key', 'old')
    for (const attempt of [
      () => cache.set('key', make()),
      () => cache.add('free', make()),
      () => cache.setMany({ free: 1, key: make() }),
    ]) {
      await assert.rejects(attempt, (error: Error & { code?: string }) => error.code === 'NOT_SERIALIZABLE')
    }
    assert.equal(await cache.get('key'), 'old')
    assert.equal(await cache.has('free'), false)
  }),
)

/** Not for a backend that shares live references. */
export const copies = [
  onCache('SER-02 F57 what the writer does to its object changes nothing', async (cache) => {
    const mine = { list: [1], map: new Map([['a', 1]]) }
    await cache.set('key', mine)
    mine.list.push(2)
    mine.map.set('b', 2)
    assert.deepEqual(await cache.get('key'), { list: [1], map: new Map([['a', 1]]) })
    assert.equal(Object.isFrozen(mine), false)
  }),
  onCache('SER-02 F57 what a reader does to its copy changes nothing for others', async (cache) => {
    await cache.set('key', { list: [1], date: new Date(0) })
    const one = (await cache.get('key')) as { list: number[]; date: Date }
    const two = (await cache.get('key')) as { list: number[] }
    assert.notEqual(one, two)
    one.list.push(2)
    one.date.setTime(5)
    assert.deepEqual(await cache.get('key'), { list: [1], date: new Date(0) })
    assert.deepEqual(two.list, [1])
    const many = (await cache.getMany(['key'])).get('key') as { list: number[] }
    many.list.push(3)
    assert.deepEqual(await cache.get('key'), { list: [1], date: new Date(0) })
  }),
  onCache('callers of one load: the first gets what it returned, the others copies', async (cache) => {
    const made = { list: [1] }
    let let_go = () => {}
    const gate = new Promise<void>((resolve) => {
      let_go = resolve
    })
    let begun = () => {}
    const loading = new Promise<void>((resolve) => {
      begun = resolve
    })
    const load = async () => {
      begun()
      await gate
      return made
    }
    const first = cache.getOrSet('key', load)
    // Of callers in one turn, the one whose read comes back first loads.
    await loading
    const others = [cache.getOrSet('key', load), cache.getOrSet('key', load)]
    let_go()
    assert.equal(await first, made)
    const [two, three] = await Promise.all(others)
    assert.deepEqual(two, made)
    assert.notEqual(two, three)
    made.list.push(2)
    assert.deepEqual(await cache.get('key'), { list: [1] })
  }),
]
